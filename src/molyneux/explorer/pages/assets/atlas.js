// The list of neurons: searched by what they say and where they are listed, sorted, counted by layer.
"use strict";
(function () {
  const { el, inert, number, token, charts } = molyneux;
  const at = (id) => document.getElementById(id);
  const SHOWN = 50;
  const RULES = {
    of: { of: ["run", "model"], fallback: "run" },
    q: { kind: "text" },
    side: { of: ["boosted", "suppressed"], fallback: "boosted" },
    layer: { kind: "index" },
    category: { kind: "text" },
    interpretable: { of: ["yes", "no"] },
    sort: { of: ["images", "layer", "score", "word"], fallback: "images" },
    page: { kind: "index", fallback: 0 },
  };
  const ORDERS = {
    images: null, // as they come
    layer: (a, b) => a.layer - b.layer || a.unit - b.unit,
    score: (a, b) => (b.best || 0) - (a.best || 0),
    word: (a, b) => a.boosted[0].trim().localeCompare(b.boosted[0].trim()),
  };
  let rows = null;
  let tools = null;

  async function render(state, current) {
    const { run } = molyneux;
    at("layers").hidden = false;
    if (run.atlas) bar(state);
    if (run.atlas && state.of === "model") return model(state, current);
    if (!run.neurons) {
      at("layers").hidden = true;
      at("list").replaceChildren(el("p", { class: "notice" }, "This run holds no neurons with pages. Add them with the experiment \u201clooks\u201d: ", el("code", null, "molyneux reproduce looks --out RUN"), ", then export again."));
      return;
    }
    const whole = await molyneux.list("neurons", run.neurons, run.page_size);
    if (!current()) return;
    rows = whole.rows;
    bar(state);
    const all = search({ ...state, layer: undefined });
    layers(all, state);
    const found = state.layer === undefined ? all : all.filter((row) => row.layer === state.layer);
    if (ORDERS[state.sort]) found.sort(ORDERS[state.sort]);
    list(found, state);
  }

  // ---- all neurons of the model, by a token that they raise or lower ---------------------------------
  async function model(state, current) {
    const { run } = molyneux;
    const found = await molyneux.whole.search(state.q || "", state.side);
    if (!current()) return;
    const kept = found.hits.filter((hit) => !state.interpretable || hit.interpretable === (state.interpretable === "yes"));
    const counts = new Array(run.layers).fill(0);
    for (const hit of kept) counts[hit.layer]++;
    const words = run.atlas.by_layer.map(([, one]) => one);
    if (found.word === undefined) histogram(words, state, `Interpretable neurons of the model, by layer`, "Interpretable neurons, by layer");
    else histogram(counts, state, `Neurons that ${state.side === "boosted" ? "raise" : "lower"} \u201c${inert(found.word)}\u201d, by layer`, "By layer");
    const listed = state.layer === undefined ? kept : kept.filter((hit) => hit.layer === state.layer);
    if (state.sort === "layer") listed.sort(ORDERS.layer);
    const pages = Math.max(1, Math.ceil(listed.length / SHOWN));
    const page = Math.min(state.page, pages - 1);
    const shown = listed.slice(page * SHOWN, (page + 1) * SHOWN);
    const says = await Promise.all(shown.map((hit) => molyneux.whole.says(hit.number)));
    if (!current()) return;
    const chance = run.atlas.by_chance;
    const intro = el("p", { class: "note" }, `All ${run.atlas.neurons.toLocaleString("en")} neurons, from the weights alone. Interpretable ones by chance: ${Math.round(1000 * chance) / 10}%.`);
    const near = el("p", { class: "row near" }, found.near.filter((word) => word !== found.word).map((word) => el("button", { class: "button", onclick: () => molyneux.go({ q: word, page: 0 }) }, inert(word))));
    if (found.word === undefined) {
      at("list").replaceChildren(el("h2", null, state.q ? "No token of this model begins so" : "Search a word"), intro);
      return;
    }
    const rows = () => listed.map((hit) => ({ neuron: hit.name, layer: hit.layer, unit: hit.unit, token: hit.token, logit: hit.logit, interpretable: hit.interpretable }));
    const python = () => ["from pathlib import Path", "", "from molyneux.experiments.atlas_read import open_atlas", "from molyneux.experiments.atlas_search import search", "", `found = search(open_atlas(Path("my-atlas")), ${molyneux.py(found.word)})`, "for hit in found.hits:", "    print(hit.entry.neuron, hit.token.logit)"];
    at("list").replaceChildren(
      molyneux.heading(`${molyneux.count(listed.length, "neuron")} for \u201c${inert(found.word)}\u201d`, { name: "neurons-of-the-model", rows, python }),
      intro, near,
      el("div", { class: "wide-table" }, el("table", { class: "atlas" },
        el("thead", null, el("tr", null, el("th", null, "neuron"), el("th", { class: "number" }, "logit"), el("th", null, "speaks for"), el("th", null, "interpretable"))),
        el("tbody", null, shown.map((hit, n) => el("tr", null,
          el("td", { class: "with-glyph" }, charts.layer(hit.layer, run.layers), el("a", { class: "name", href: molyneux.link("neuron", { neuron: hit.name }) }, hit.name)),
          el("td", { class: "number" }, number(hit.logit)),
          el("td", null, says[n] ? says[n].boosted.slice(0, 5).map(([text]) => [token(text, { class: "chip" }), " "]) : null),
          el("td", null, hit.interpretable ? el("span", { class: "verdict yes" }, "\u2713 yes") : el("span", { class: "note" }, "no"))))))),
      pages > 1 ? pager(page, pages) : "");
  }

  function search(state) {
    const words = (state.q || "").toLowerCase().split(/\s+/).filter(Boolean);
    const hit = (row) => {
      const texts = [...row[state.side].map((text) => text.trim().toLowerCase()), row.name.toLowerCase(), ...row.words.map(([word]) => word)];
      return words.every((word) => texts.some((text) => text.startsWith(word)));
    };
    return rows.filter((row) => hit(row) &&
      (!state.category || row.categories.some(([name]) => name === state.category)) &&
      (!state.interpretable || row.interpretable === (state.interpretable === "yes")));
  }

  function layers(found, state) {
    const counts = new Array(molyneux.run.layers).fill(0);
    for (const row of found) counts[row.layer]++;
    histogram(counts, state, `Neurons found, by layer (${found.length})`, "By layer");
  }

  function histogram(counts, state, title, heading) {
    const bars = counts.map((value, layer) => ({ label: String(layer), value, on: layer === state.layer, title: `Layer ${layer}: ${molyneux.count(value, "neuron")}` }));
    const focus = [...at("layers").querySelectorAll(".hit")].indexOf(document.activeElement);
    const chart = charts.bars(bars, { title, x: "layer", y: "neurons", width: Math.max(320, at("layers").clientWidth - 46), pick: (_, layer) => molyneux.go({ layer: state.layer === layer ? undefined : layer, page: 0 }) });
    at("layers").replaceChildren(
      molyneux.heading(heading, { name: "neurons-by-layer", rows: () => counts.map((neurons, layer) => ({ layer, neurons })), drawing: () => molyneux.standalone(chart) },
        state.layer === undefined ? null : el("button", { class: "button", onclick: () => molyneux.go({ layer: undefined, page: 0 }) }, `Layer ${state.layer} only \u2715`)),
      chart);
    if (focus >= 0) at("layers").querySelectorAll(".hit")[focus].focus();
  }

  function list(found, state) {
    const pages = Math.max(1, Math.ceil(found.length / SHOWN));
    const page = Math.min(state.page, pages - 1);
    const takes = { name: "neurons", rows: () => found.map((row) => ({ neuron: row.name, layer: row.layer, unit: row.unit, interpretable: row.interpretable, images: row.images, best_score: row.best,
      boosted: row.boosted, suppressed: row.suppressed, words: row.words.map(([word]) => word), categories: row.categories.map(([name]) => name) })),
      python: () => [...molyneux.pythonHead(), `for said in mx.decode(captioner, [${found.slice(0, 12).map((row) => molyneux.py(row.name)).join(", ")}]):`, "    print(said)"] };
    at("list").replaceChildren(
      molyneux.heading(`${found.length.toLocaleString("en")} of ${molyneux.count(rows.length, "neuron")}`, takes),
      el("div", { class: "wide-table" }, el("table", { class: "atlas" },
        el("thead", null, el("tr", null, el("th", null, "neuron"), el("th", null, state.side === "boosted" ? "speaks for" : "speaks against"), el("th", null, "listed for"), el("th", { class: "number" }, "images"), el("th", null, "interpretable"))),
        el("tbody", null, found.slice(page * SHOWN, (page + 1) * SHOWN).map((row) => entry(row, state))))),
      pages > 1 ? pager(page, pages) : "");
  }

  const entry = (row, state) => el("tr", null,
    el("td", { class: "with-glyph" }, charts.layer(row.layer, molyneux.run.layers), el("a", { class: "name", href: molyneux.link("neuron", { neuron: row.name }) }, row.name)),
    el("td", null, row[state.side].map((text) => [token(text, { class: "chip" }), " "])),
    el("td", null, row.words.slice(0, 4).map(([word, times], n) => [n ? ", " : "", el("bdi", null, inert(word)), times > 1 ? ` (${times})` : ""])),
    el("td", { class: "number" }, String(row.images)),
    el("td", null, row.interpretable ? el("span", { class: "verdict yes" }, "\u2713 yes") : el("span", { class: "note" }, "no")));

  function bar(state) {
    if (!tools) {
      const field = el("input", { type: "search", placeholder: "Search a word, or L5.u283", "aria-label": "Search a word or a neuron\u2019s name", oninput: () => molyneux.go({ q: field.value || undefined, page: 0 }, { quiet: true }) });
      const select = (name, label, options) => {
        const box = el("select", { "aria-label": label, onchange: () => molyneux.go({ [name]: box.value || undefined, page: 0 }) }, options.map(([value, text]) => el("option", { value }, text)));
        return box;
      };
      tools = {
        q: field,
        side: select("side", "Side", [["boosted", "speaks for"], ["suppressed", "speaks against"]]),
        category: select("category", "Object on the images that list it", [["", "any object"], ...molyneux.run.categories.map(([name]) => [name, inert(name)])]),
        interpretable: select("interpretable", "Interpretable", [["", "interpretable or not"], ["yes", "interpretable"], ["no", "not interpretable"]]),
        sort: select("sort", "Order", [["images", "by images"], ["score", "by score"], ["layer", "by layer"], ["word", "by first word"]]),
      };
      const of = molyneux.run.atlas ? el("span", { id: "of" }) : null;
      at("tools").replaceChildren(...[of, ...Object.values(tools)].filter(Boolean));
    }
    if (at("of")) at("of").replaceChildren(molyneux.choices("Neurons", [["run", "Listed in this run"], ["model", "All of the model"]], state.of, (value) => molyneux.go({ of: value, page: 0, layer: undefined })));
    tools.category.hidden = state.of === "model";
    for (const option of tools.sort.options) option.hidden = state.of === "model" && !["images", "layer"].includes(option.value);
    tools.sort.options[0].textContent = state.of === "model" ? "by logit" : "by images";
    for (const [name, node] of Object.entries(tools)) if (node !== document.activeElement || node.tagName === "SELECT") node.value = state[name] || "";
  }
  const pager = (page, pages) => {
    const to = (n, label, name) => el("button", { class: "button", "aria-label": name, disabled: n < 0 || n >= pages, onclick: () => { molyneux.go({ page: n }); scrollTo(0, 0); } }, label);
    return el("nav", { class: "pager", "aria-label": "Pages of neurons" }, to(page - 1, "\u2190", "previous page"), ` ${page + 1} of ${pages} `, to(page + 1, "\u2192", "next page"));
  };
  molyneux.start(RULES, render);
})();
