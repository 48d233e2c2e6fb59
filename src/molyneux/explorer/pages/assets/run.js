// The run page: what it is, its tables and figures, what was skipped, and everything to take away.
"use strict";
(function () {
  const { el, inert, number } = molyneux;
  const at = (id) => document.getElementById(id);
  const RULES = { table: { kind: "text" }, figure: { kind: "text" } };
  let filled = false;

  async function render(state, current) {
    const { run } = molyneux;
    if (!filled) fill(run);
    filled = true;
    const names = run.tables.map((one) => one.name);
    const name = names.includes(state.table) ? state.table : names[0];
    const table = name ? await molyneux.load(`tables/${name}`) : null;
    if (!current()) return;
    tables(run, table);
    figures(run, state);
    molyneux.show({ data: run, word: null, neuron: null });
  }

  const facts = (pairs) => el("dl", { class: "facts-list" }, pairs.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => [el("dt", null, name), el("dd", null, value)]));
  const bytes = (n) => (n < 1000 ? `${n} bytes` : n < 1e6 ? `${(n / 1000).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`);
  const said = (value) => (value === null ? "\u2013" : Array.isArray(value) ? value.join(", ") : String(value));

  function fill(run) {
    const { provenance } = run;
    at("what").replaceChildren(
      el("div", { class: "heading" }, el("h2", null, inert(run.name)), run.report ? el("a", { class: "button main", href: run.report }, "Read the report") : null),
      facts([
        ["Model", [inert(run.model), run.miniature ? el("span", { class: "tag" }, "a miniature, not the paper\u2019s model") : null]],
        ["Size", `${run.layers} layers of ${(run.units || 0).toLocaleString("en")} units`],
        ["Images with pages", run.images ? `${run.images.toLocaleString("en")}` + (run.given > run.images ? ` of ${run.given.toLocaleString("en")}, at random` : "") : "none"],
        ["Neurons with pages", run.neurons ? run.neurons.toLocaleString("en") : "none"],
        ["Status", provenance.status],
        ["Made", provenance.created],
        ["Command", el("code", null, inert(provenance.command))],
      ]));
    at("stages").replaceChildren(
      molyneux.heading("Images used and skipped", { name: "stages", rows: () => run.stages.map((one) => ({ ...one, skipped: one.skipped.map(([reason, n]) => `${reason} ${n}`).join(", ") })) }),
      el("div", { class: "wide-table" }, el("table", null,
        el("thead", null, el("tr", null, ["stage", "used", "given", "skipped, by reason"].map((name, n) => el("th", { class: n === 1 || n === 2 ? "number" : null }, name)))),
        el("tbody", null, run.stages.map((one) => el("tr", null, el("td", null, one.name), el("td", { class: "number" }, one.used.toLocaleString("en")), el("td", { class: "number" }, one.given.toLocaleString("en")),
          el("td", null, one.skipped.length ? one.skipped.map(([reason, n]) => `${inert(reason)}: ${n}`).join("; ") : "none", one.missing ? ` (${one.missing} not computed yet)` : "")))))));
    const group = (title, pairs) => [el("h3", null, title), facts(pairs.map(([name, value]) => [inert(name), inert(said(value))]))];
    at("manifest").replaceChildren(
      molyneux.heading("Manifest", { name: "manifest", rows: () => [...run.settings, ...provenance.versions, ...provenance.weights, ...provenance.data].map(([name, value]) => ({ name, value })) }),
      el("div", { class: "manifest" }, [["Settings", run.settings], ["Weights (SHA-256)", provenance.weights], ["Data (hashes)", provenance.data], ["Versions", provenance.versions]].map(([title, pairs]) => el("div", null, group(title, pairs)))));
    at("downloads").replaceChildren(el("div", { class: "heading" }, el("h2", null, "Downloads")),
      el("ul", { class: "downloads" }, run.downloads.map((one) => el("li", null, el("a", { href: one.path, download: true }, inert(one.name)), el("span", { class: "note" }, ` ${bytes(one.bytes)}`)))));
  }

  function cell(value) {
    if (typeof value === "number") return el("td", { class: "number", title: String(value) }, Number.isInteger(value) ? value.toLocaleString("en") : number(value));
    if (typeof value === "boolean") return el("td", null, value ? "yes" : "no");
    if (value === null || value === undefined) return el("td", null, "");
    const text = Array.isArray(value) ? value.map((one) => molyneux.tokenText(String(one))).join(", ") : inert(String(value));
    if (/^L(0|[1-9]\d*)\.u(0|[1-9]\d*)$/.test(text)) return el("td", null, el("a", { class: "name", href: molyneux.link("neuron", { neuron: text }) }, text));
    return el("td", null, text);
  }
  function tables(run, table) {
    if (!table) return at("tables").replaceChildren(el("h2", null, "Tables"), el("p", { class: "empty" }, "This run has no tables yet."));
    const pick = el("select", { "aria-label": "Table", onchange: () => molyneux.go({ table: pick.value }) }, run.tables.map((one) => el("option", { value: one.name, selected: one.name === table.name }, `${inert(one.title)} (${inert(one.paper)})`)));
    const focused = at("tables").contains(document.activeElement) && document.activeElement.tagName === "SELECT";
    const numeric = table.columns.map((_, n) => table.rows.some((row) => typeof row[n] === "number"));
    const skipped = table.skipped.length ? `; skipped: ${table.skipped.map(([reason, n]) => `${reason} ${n}`).join(", ")}` : "";
    at("tables").replaceChildren(
      molyneux.heading(inert(table.title), { name: table.name, rows: () => table.rows.map((row) => Object.fromEntries(table.columns.map((name, n) => [name, row[n]]))),
        python: () => ["import json", "from pathlib import Path", "", `table = json.loads((Path(${molyneux.py(run.name)}) / "tables" / ${molyneux.py(table.name + ".json")}).read_text())`, 'for row in table["rows"]:', "    print(row)"] }, pick),
      el("p", { class: "note" }, `Answers the paper\u2019s ${inert(table.paper)}. ${table.used} of ${table.given} images used${inert(skipped)}.`),
      el("div", { class: "wide-table tall", tabindex: 0, role: "region", "aria-label": inert(table.title) }, el("table", null,
        el("thead", null, el("tr", null, table.columns.map((name, n) => el("th", { class: numeric[n] ? "number" : null }, inert(name.replaceAll("_", " ")))))),
        el("tbody", null, table.rows.slice(0, 400).map((row) => el("tr", null, row.map(cell)))))),
      table.rows.length > 400 ? el("p", { class: "note" }, `The first 400 of ${table.rows.length} rows; all are in the CSV.`) : "",
      el("ul", { class: "notes" }, [...table.judges, ...table.notes].map((text) => el("li", null, inert(text)))));
    if (focused) at("tables").querySelector("select").focus();
  }
  function figures(run, state) {
    at("figures").hidden = !run.figures.length;
    if (!run.figures.length) return;
    const chosen = run.figures.find((one) => one.name === state.figure) || run.figures[0];
    const pick = el("select", { "aria-label": "Figure", onchange: () => molyneux.go({ figure: pick.value }) }, run.figures.map((one) => el("option", { value: one.name, selected: one === chosen }, inert(one.name.replaceAll("-", " ")))));
    const focused = at("figures").contains(document.activeElement) && document.activeElement.tagName === "SELECT";
    const dark = molyneux.isDark() && chosen.dark;
    at("figures").replaceChildren(
      el("div", { class: "heading" }, el("h2", null, "Figures"), pick, chosen.files.map(([kind, path]) => el("a", { class: "button", href: path, download: true }, kind.toUpperCase()))),
      el("img", { class: "figure" + (dark ? "" : " on-white"), src: dark || chosen.path, alt: `Figure: ${inert(chosen.name.replaceAll("-", " "))}. Its numbers are in the tables above.` }));
    if (focused) at("figures").querySelector("select").focus();
  }
  molyneux.start(RULES, render);
})();
