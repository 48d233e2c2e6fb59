// The list of neurons: searched by what they say and where they are listed, sorted, counted by layer.
"use strict";
(function () {
  const { el, inert, token, charts, recipes } = molyneux;
  const at = (id) => document.getElementById(id);
  const SHOWN = 50;
  const RULES = {
    of: { of: ["run", "model"], fallback: "run" },
    q: { kind: "text" },
    side: { of: ["boosted", "suppressed"], fallback: "boosted" },
    layer: { kind: "index" },
    category: { kind: "text" },
    interpretable: { of: ["yes", "no"] },
    sort: { of: ["images", "score", "logit", "layer", "name", "word"] }, // the first that the list has, where none is named
    page: { kind: "index", fallback: 0 }, // from 0
  };
  const SORTS = {
    run: [["images", "by images"], ["score", "by score"], ["layer", "by layer and name"], ["word", "by first word"]],
    model: [["logit", "by logit"], ["layer", "by layer"], ["name", "by name"], ["word", "by first word"]],
  };
  const first = (row) => row.boosted[0].trim().toLowerCase();
  const ORDERS = {
    images: (a, b) => b.images - a.images,
    layer: (a, b) => a.layer - b.layer || a.unit - b.unit,
    score: (a, b) => (b.best || 0) - (a.best || 0),
    word: (a, b) => (first(a) < first(b) ? -1 : first(a) > first(b) ? 1 : 0),
  };
  let rows = null;
  let tools = null;

  const ofModel = (state) => !!molyneux.run.atlas && state.of === "model";
  const sortOf = (state) => {
    const known = SORTS[ofModel(state) ? "model" : "run"].map(([name]) => name);
    return known.includes(state.sort) ? state.sort : known[0];
  };
  molyneux.resolved = () => ({ state: { ...molyneux.state, sort: sortOf(molyneux.state) }, shown: {} });

  async function render(state, current) {
    const { run } = molyneux;
    at("layers").hidden = false;
    if (run.atlas) bar(state);
    if (ofModel(state)) return molyneux.wholeList({ ...state, sort: sortOf(state) }, current, { histogram, paged, pager });
    if (!run.neurons) {
      at("layers").hidden = true;
      at("list").replaceChildren(el("p", { class: "notice" }, "This run holds no neurons with pages. Add them with the experiment \u201clooks\u201d: ", el("code", null, "molyneux reproduce looks --out RUN"), ", then export again."));
      return;
    }
    const whole = await molyneux.list("neurons", run.neurons, run.page_size);
    if (!current()) return;
    rows = whole.rows;
    bar(state);
    const all = search(state);
    const counts = new Array(run.layers).fill(0);
    for (const row of all) counts[row.layer]++;
    histogram(counts, state, `Neurons found, by layer (${all.length})`, () => recipes.listedByLayer(state, sortOf(state)));
    const found = state.layer === undefined ? all : all.filter((row) => row.layer === state.layer);
    list(found.sort(ORDERS[sortOf(state)]), state);
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

  // Neurons by layer; a click on a bar keeps one layer.
  function histogram(counts, state, title, python) {
    const bars = counts.map((value, layer) => ({ label: String(layer), value, on: layer === state.layer, title: `Layer ${layer}: ${molyneux.count(value, "neuron")}` }));
    const focus = [...at("layers").querySelectorAll(".hit")].indexOf(document.activeElement);
    const chart = charts.bars(bars, { title, x: "layer: choose one to see its neurons alone", y: "neurons", width: Math.max(320, at("layers").clientWidth - 46), pick: (_, layer) => molyneux.go({ layer: state.layer === layer ? undefined : layer, page: 0 }) });
    const only = state.layer === undefined ? null : el("button", { class: "button", onclick: () => molyneux.go({ layer: undefined, page: 0 }) }, `Layer ${state.layer} only \u2715`);
    at("layers").replaceChildren(molyneux.heading(title, { name: "neurons-by-layer", rows: () => counts.map((neurons, layer) => ({ layer, neurons })), drawing: () => molyneux.standalone(chart), python }, only), chart);
    if (focus >= 0) at("layers").querySelectorAll(".hit")[focus].focus();
  }

  function list(found, state) {
    const { page, pages, from, to } = paged(found.length, state);
    const takes = { name: "neurons", rows: () => found.map((row) => ({ neuron: row.name, layer: row.layer, unit: row.unit, interpretable: row.interpretable, images: row.images, best_score: row.best,
      boosted: row.boosted, suppressed: row.suppressed, words: row.words.map(([word]) => word), categories: row.categories.map(([name]) => name) })),
      python: () => recipes.listed(state, sortOf(state), from, to) };
    at("list").replaceChildren(
      molyneux.heading(`${found.length.toLocaleString("en")} of ${molyneux.count(rows.length, "neuron")} with a page`, takes),
      el("p", { class: "note" }, "Listed: among the neurons with the highest scores for a word of an image\u2019s caption. ", molyneux.rule()),
      el("div", { class: "wide-table" }, el("table", { class: "atlas" },
        el("thead", null, el("tr", null, el("th", null, "neuron"), el("th", null, state.side === "boosted" ? "raises" : "lowers"), el("th", { title: "how many images\u2019 captions, in brackets" }, "listed for the words"), el("th", { class: "number" }, "images"), molyneux.verdictHead())),
        el("tbody", null, found.slice(from, to).map((row) => entry(row, state))))),
      found.length ? "" : el("p", { class: "empty" }, "None fits."),
      pages > 1 ? pager(page, pages) : "");
  }

  const entry = (row, state) => el("tr", null,
    el("td", { class: "with-glyph" }, charts.layer(row.layer, molyneux.run.layers), el("a", { class: "name", href: molyneux.link("neuron", { neuron: row.name }) }, row.name)),
    el("td", null, row[state.side].map((text) => [token(text, { class: "chip" }), " "])),
    el("td", null, row.words.slice(0, 4).map(([word, times], n) => [n ? ", " : "", el("bdi", null, inert(word)), times > 1 ? ` (${times})` : ""])),
    el("td", { class: "number" }, String(row.images)),
    molyneux.verdictCell(row.interpretable));

  // ---- tools ---------------------------------------------------------------------------------------------
  function bar(state) {
    if (!tools) make();
    if (at("of")) at("of").replaceChildren(molyneux.choices("Neurons", [["run", "Listed in this run"], ["model", "All of the model"]], state.of, (value) => molyneux.go({ of: value, page: 0, layer: undefined })));
    const whole = ofModel(state);
    tools.category.disabled = whole;
    at("why").hidden = !whole;
    const kind = whole ? "model" : "run";
    if (tools.sort.dataset.kind !== kind) tools.sort.replaceChildren(...SORTS[kind].map(([value, text]) => el("option", { value }, text)));
    tools.sort.dataset.kind = kind;
    const shown = { ...state, sort: sortOf(state), category: whole ? "" : state.category };
    for (const [name, node] of Object.entries(tools)) if (node !== document.activeElement || node.tagName === "SELECT") node.value = shown[name] || "";
  }
  function make() {
    const field = el("input", { type: "search", placeholder: "Search a word, or L5.u283", "aria-label": "Search a word or a neuron\u2019s name", oninput: () => molyneux.go({ q: field.value || undefined, page: 0 }, { quiet: true }) });
    const select = (name, label, options) => {
      const box = el("select", { "aria-label": label, onchange: () => molyneux.go({ [name]: box.value || undefined, page: 0 }) }, options.map(([value, text]) => el("option", { value }, text)));
      return box;
    };
    tools = {
      q: field,
      side: select("side", "Side", [["boosted", "raises it"], ["suppressed", "lowers it"]]),
      category: select("category", "Object on the images that list it", [["", "any object"], ...molyneux.run.categories.map(([name]) => [name, inert(name)])]),
      interpretable: select("interpretable", "Interpretable", [["", "interpretable or not"], ["yes", "interpretable"], ["no", "not interpretable"]]),
      sort: select("sort", "Order", []),
    };
    tools.category.setAttribute("aria-describedby", "why");
    const of = molyneux.run.atlas ? el("span", { id: "of" }) : null;
    const why = el("p", { id: "why", class: "note why", hidden: true }, "Objects are on images, and weights know none: to search by object, choose \u201cListed in this run\u201d.");
    at("tools").replaceChildren(...[of, ...Object.values(tools), why].filter(Boolean));
  }

  // ---- pages of the list -----------------------------------------------------------------------------------
  let last = 1;
  function paged(length, state) {
    const pages = (last = Math.max(1, Math.ceil(length / SHOWN)));
    const page = Math.min(state.page, pages - 1);
    return { page, pages, from: page * SHOWN, to: (page + 1) * SHOWN };
  }
  const pager = (page, pages) => {
    const to = (n, label, name) => el("button", { class: "button", "aria-label": name, disabled: n < 0 || n >= pages, onclick: () => { molyneux.go({ page: n }); scrollTo(0, 0); } }, label);
    return el("nav", { class: "pager", "aria-label": "Pages of neurons" }, to(page - 1, "\u2190", "previous page"), ` ${page + 1} of ${pages} `, to(page + 1, "\u2192", "next page"));
  };
  const next = (name, options) => molyneux.go({ [name]: options[(options.indexOf(molyneux.state[name]) + 1) % options.length], page: 0 });
  molyneux.keys([
    { keys: ["n", "p"], label: "next, previous page of the list", run: (event) => molyneux.go({ page: Math.min(last - 1, Math.max(0, Math.min(molyneux.state.page, last - 1) + (event.key === "n" ? 1 : -1))) }) },
    { keys: ["v"], label: "raises, or lowers", run: () => next("side", RULES.side.of) },
    { keys: ["i"], label: "interpretable, not, or either", run: () => next("interpretable", [undefined, "yes", "no"]) },
    { keys: ["o"], label: "next order", run: () => {
      const known = SORTS[ofModel(molyneux.state) ? "model" : "run"].map(([name]) => name);
      molyneux.go({ sort: known[(known.indexOf(sortOf(molyneux.state)) + 1) % known.length], page: 0 });
    } },
    { keys: ["m"], label: "this run, or all of the model", run: () => molyneux.run.atlas && molyneux.go({ of: ofModel(molyneux.state) ? "run" : "model", layer: undefined, page: 0 }) },
    { keys: ["x"], label: "drop the search", run: () => molyneux.go({ q: undefined, layer: undefined, category: undefined, interpretable: undefined, page: 0 }) },
  ]);
  molyneux.start(RULES, render);
})();
