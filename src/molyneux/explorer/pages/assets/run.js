// The run page: what it is, its tables and figures, what was skipped or is missing, and everything to take away.
"use strict";
(function () {
  const { el, inert, recipes } = molyneux;
  const at = (id) => document.getElementById(id);
  const RULES = { table: { kind: "text" }, sort: { kind: "text" }, figure: { kind: "text" } };
  const STATUS = {
    finished: ["\u2713", "finished"],
    running: ["\u2026", "still running"],
    interrupted: ["!", "interrupted: not finished"],
    failed: ["\u2717", "failed: not finished"],
  };
  const whole = (n) => (Number.isFinite(n) ? n.toLocaleString("en") : "\u2013");
  const bytes = (n) => (n < 1000 ? `${n} bytes` : n < 1e6 ? `${(n / 1000).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`);
  const said = (value) => (value === null ? "\u2013" : Array.isArray(value) ? value.join(", ") : String(value));
  const facts = (pairs) => el("dl", { class: "facts-list" }, pairs.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => [el("dt", null, name), el("dd", null, value)]));
  const wide = (label, ...rows) => el("div", { class: "wide-table", tabindex: 0, role: "region", "aria-label": label }, el("table", null, rows));
  const reason = (text) => inert(text).replaceAll("-", " ");
  const inOrder = (list, name) => list.find((one) => one.name === name) || list[0];
  let filled = false;
  molyneux.resolved = () => {
    const { run, state } = molyneux;
    const [table, figure] = [inOrder(run.tables, state.table), inOrder(run.figures, state.figure)];
    return { state: { ...state, table: table ? table.name : undefined, figure: figure ? figure.name : undefined }, shown: {} };
  };

  async function render(state, current) {
    const { run } = molyneux;
    if (!filled) fill(run);
    filled = true;
    const chosen = inOrder(run.tables, state.table);
    const table = chosen ? await molyneux.load(`tables/${chosen.shard}`) : null;
    if (!current()) return;
    tables(run, table, state);
    figures(run, state);
    molyneux.show({ data: run, word: null, neuron: null });
  }

  // ---- what does not change -------------------------------------------------------------------------
  function fill(run) {
    what(run);
    stages(run);
    manifest(run);
    downloads(run);
  }
  function badge(status) {
    const [mark, words] = STATUS[status] || ["?", status];
    return el("span", { class: "status", "data-status": status }, el("span", { "aria-hidden": "true" }, mark), ` ${inert(words)}`);
  }
  function what(run) {
    const { provenance } = run;
    const some = run.images && run.given > run.images ? ` of ${whole(run.given)}, at random` : "";
    const pairs = [
      ["Status", badge(provenance.status)],
      ["Error", provenance.error ? inert(provenance.error) : null],
      ["Model", [inert(run.model), run.miniature ? el("span", { class: "tag" }, "a miniature, not the paper\u2019s model") : null]],
      ["Size", `${run.layers} layers of ${whole(run.units || 0)} units`],
      ["Images with pages", run.images ? whole(run.images) + some : "none"],
      ["Neurons with pages", run.neurons ? whole(run.neurons) : "none"],
      ["Made", provenance.created],
      ["Command", el("code", null, inert(provenance.command))],
    ];
    const rows = () => [{ run: run.name, status: provenance.status, error: provenance.error || null, model: run.model, miniature: run.miniature, layers: run.layers, units: run.units, images: run.images, given: run.given, neurons: run.neurons, created: provenance.created, command: provenance.command }];
    const report = run.report ? el("a", { class: "button main", href: run.report }, "Read the report") : null;
    at("what").replaceChildren(molyneux.heading(inert(run.name), { name: "run", rows, python: recipes.what }, report), facts(pairs), unfinished(run));
  }
  function unfinished(run) {
    if (run.provenance.status === "finished") return "";
    const open = run.stages.filter((one) => one.missing).map((one) => `${one.name}: ${whole(one.missing)} of ${whole(one.given)}`);
    return el("div", { class: "notice", id: "unfinished" },
      el("p", null, el("strong", null, `This run is ${inert((STATUS[run.provenance.status] || ["", run.provenance.status])[1])}.`), " What follows is what it holds so far. ",
        open.length ? `Not computed yet: ${open.map(inert).join("; ")}.` : "All stages that were begun are whole."),
      el("p", null, "The same command takes it up where it stopped: ", el("code", null, inert(run.provenance.command))));
  }
  function stages(run) {
    const rows = () => run.stages.map((one) => ({ stage: one.name, used: one.used, given: one.given, missing: one.missing, skipped: one.skipped.map(([why, n]) => `${why} ${n}`).join(", ") }));
    const reasons = (one) => (one.skipped.length ? el("ul", { class: "reasons" }, one.skipped.map(([why, n]) => el("li", null, el("b", null, whole(n)), ` ${reason(why)}`))) : el("span", { class: "note" }, "none"));
    at("stages").replaceChildren(
      molyneux.heading("Images used and skipped", { name: "stages", rows, python: recipes.stages }),
      run.stages.length ? wide("Images used and skipped",
        el("thead", null, el("tr", null, ["stage", "used", "given", "skipped, by reason", "not computed yet"].map((name, n) => el("th", { scope: "col", class: [1, 2, 4].includes(n) ? "number" : null }, name)))),
        el("tbody", null, run.stages.map((one) => el("tr", { class: one.missing ? "open-stage" : null },
          el("td", null, inert(one.name)), el("td", { class: "number" }, whole(one.used)), el("td", { class: "number" }, whole(one.given)), el("td", null, reasons(one)),
          el("td", { class: "number" }, one.missing ? el("span", { class: "status", "data-status": "running" }, whole(one.missing)) : "\u2013"))))) : el("p", { class: "empty" }, "No stage was begun."));
  }
  function manifest(run) {
    const { provenance } = run;
    const groups = [["Settings", "settings", run.settings], ["Weights (SHA-256)", "weights", provenance.weights], ["Data (hashes)", "data", provenance.data], ["Versions", "versions", provenance.versions]];
    const rows = () => groups.flatMap(([, group, pairs]) => pairs.map(([name, value]) => ({ group, name, value })));
    at("manifest").replaceChildren(
      molyneux.heading("Manifest", { name: "manifest", rows, python: recipes.manifest }),
      el("div", { class: "manifest" }, groups.map(([title, , pairs]) => el("div", null, el("h3", null, title), facts(pairs.map(([name, value]) => [inert(name), inert(said(value))]))))));
  }
  function downloads(run) {
    const rows = () => run.downloads.map((one) => ({ name: one.name, bytes: one.bytes }));
    at("downloads").replaceChildren(
      molyneux.heading("Downloads", { name: "downloads", rows, python: recipes.downloads }),
      el("ul", { class: "downloads" }, run.downloads.map((one) => el("li", null, el("a", { href: one.path, download: true }, inert(one.name)), el("span", { class: "note" }, ` ${bytes(one.bytes)}`)))));
  }

  // ---- a list to choose from: beside it on wide screens, a menu on narrow ones -----------------------
  function chooser(kind, list, chosen, words, more) {
    const link = (one) => molyneux.link("run", { ...molyneux.state, sort: undefined, [kind.key]: one.name });
    const pick = (event, one) => {
      event.preventDefault();
      molyneux.go({ [kind.key]: one.name, ...kind.clears });
    };
    const menu = el("select", { "aria-label": kind.label, onchange: () => molyneux.go({ [kind.key]: menu.value, ...kind.clears }) }, list.map((one) => el("option", { value: one.name, selected: one === chosen }, words(one).filter(Boolean).map(inert).join(" \u00b7 "))));
    return el("div", { class: "chooser" }, menu,
      el("nav", { "aria-label": kind.label + "s" }, el("ul", null, list.map((one) => el("li", null, el("a", { href: link(one), "data-name": one.name, "aria-current": one === chosen ? "true" : null, onclick: (event) => pick(event, one) }, words(one).map((text, n) => text ? el("span", { class: n ? "what" : "where" }, inert(text)) : null))))), more));
  }
  // What had the focus keeps it when the panel is drawn again.
  function redrawn(panel, ...children) {
    const held = panel.contains(document.activeElement) ? document.activeElement : null;
    const names = held ? [held.dataset.name && `[data-name="${CSS.escape(held.dataset.name)}"]`, held.dataset.column && `[data-column="${held.dataset.column}"]`, held.tagName === "SELECT" && "select"].filter(Boolean) : [];
    panel.replaceChildren(...children);
    if (names.length) panel.querySelector(names[0])?.focus();
  }

  function missing(run) {
    if (!run.absent.length) return null;
    const open = run.absent.filter(([, why]) => !why).map(([name]) => inert(name)).join(" ");
    return el("div", { class: "absent" }, el("h3", null, "Not in this run"),
      el("ul", null, run.absent.map(([name, why]) => el("li", null, inert(name), why ? el("span", { class: "note" }, `: ${inert(why)}`) : null))),
      open ? el("p", { class: "note" }, "Added by ", el("code", null, `molyneux reproduce ${open} --out RUN`)) : null);
  }
  const TABLE = { key: "table", label: "Table", clears: { sort: undefined } };
  function tables(run, table, state) {
    if (!table) return at("tables").replaceChildren(el("h2", null, "Tables"), el("p", { class: "empty" }, "This run has no tables yet."), missing(run) || "");
    const chosen = inOrder(run.tables, table.name);
    const cut = table.length > table.cells.length;
    const place = (kind) => run.downloads.find((one) => one.name === `tables/${table.name}.${kind}`);
    const files = cut ? ["csv", "json"].map(place).filter(Boolean).map((one) => el("a", { class: "button", href: one.path, download: true }, one.name.endsWith("csv") ? "CSV, all rows" : "JSON, all rows")) : [];
    const rows = () => table.rows.map((row) => Object.fromEntries(table.columns.map((name, n) => [name, row[n]])));
    const skips = table.skipped.length ? `; skipped: ${table.skipped.map(([why, n]) => `${reason(why)} ${whole(n)}`).join(", ")}` : "";
    const stand = `${table.paper ? `Answers the paper\u2019s ${inert(table.paper)}. ` : ""}${whole(table.used)} of ${whole(table.given)} images used${skips}.`;
    redrawn(at("tables"),
      molyneux.heading("Tables", { name: table.name, rows, python: () => recipes.table(table.name) }),
      el("div", { class: "chosen-of" }, chooser(TABLE, run.tables, chosen, (one) => [one.paper, one.title], missing(run)),
        el("div", { class: "shown", id: "table" }, el("h3", { class: "shown-title" }, inert(table.title)), el("p", { class: "note" }, stand), molyneux.table(table, state.sort, files))));
  }
  const FIGURE = { key: "figure", label: "Figure", clears: {} };
  function figures(run, state) {
    at("figures").hidden = !run.figures.length;
    if (!run.figures.length) return;
    const chosen = inOrder(run.figures, state.figure);
    const narrow = matchMedia("(max-width: 640px)").matches;
    const dark = molyneux.isDark();
    const path = (dark && narrow && chosen.narrow_dark) || (narrow && !dark && chosen.narrow) || (dark && chosen.dark) || chosen.path;
    const plain = path === chosen.path || path === chosen.narrow; // drawn for light pages
    const title = [chosen.number, chosen.title].filter(Boolean).map(inert).join(" \u00b7 ");
    const rows = () => run.figures.map((one) => ({ name: one.name, number: one.number, title: one.title, caption: one.caption, alt: one.alt, table: one.table, files: one.files.map(([, file]) => file.replace("downloads/", "")) }));
    const its = chosen.table && run.downloads.find((one) => one.name === `tables/${chosen.table}.csv`);
    const known = run.tables.some((one) => one.name === chosen.table);
    redrawn(at("figures"),
      molyneux.heading("Figures", { name: "figures", rows, python: () => recipes.figure(chosen) },
        chosen.files.map(([kind, file]) => el("a", { class: "button", href: file, download: true }, kind.toUpperCase())), its ? el("a", { class: "button", href: its.path, download: true }, "CSV") : null),
      el("div", { class: "chosen-of" }, chooser(FIGURE, run.figures, chosen, (one) => [one.number, one.title]),
        el("figure", { class: "shown" },
          el("img", { class: "figure" + (plain ? " on-white" : ""), src: path, alt: inert(chosen.alt) || `Figure: ${title}` }),
          el("figcaption", null, chosen.number ? el("b", null, `${inert(chosen.number)}. `) : el("b", null, inert(chosen.title)), inert(chosen.caption),
            known ? [" ", el("a", { href: molyneux.link("run", { table: chosen.table, figure: chosen.name }), onclick: (event) => { event.preventDefault(); molyneux.go({ table: chosen.table, sort: undefined }); at("tables").scrollIntoView(); } }, "Its numbers")] : null))));
  }

  // ---- keys -----------------------------------------------------------------------------------------
  function step(kind, list, by) {
    const chosen = inOrder(list, molyneux.state[kind.key]);
    const to = list[list.indexOf(chosen) + by];
    if (to) molyneux.go({ [kind.key]: to.name, ...kind.clears });
  }
  molyneux.keys([
    { keys: ["j"], label: "next table", run: () => step(TABLE, molyneux.run.tables, 1) },
    { keys: ["k"], label: "previous table", run: () => step(TABLE, molyneux.run.tables, -1) },
    { keys: ["n"], label: "next figure", run: () => step(FIGURE, molyneux.run.figures, 1) },
    { keys: ["p"], label: "previous figure", run: () => step(FIGURE, molyneux.run.figures, -1) },
    { keys: ["s"], label: "table in its own order", run: () => molyneux.go({ sort: undefined }) },
  ]);
  matchMedia("(max-width: 640px)").addEventListener("change", () => molyneux.redraw());
  molyneux.start(RULES, render);
})();
