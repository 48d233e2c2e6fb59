// All neurons of the model, listed: by a word that they raise or lower, by name, or a layer at a time.
"use strict";
(function () {
  const { el, inert, number, token, charts, recipes, count } = molyneux;
  const at = (id) => document.getElementById(id);
  const NAME = /^l(\d{1,9})\.u(\d{1,9})$/i;

  const first = (hit, side) => (hit.said && hit.said[side].length ? hit.said[side][0][0].trim().toLowerCase() : "");
  // Hits come by logit; other orders keep that order among equals.
  const ORDERS = {
    layer: () => (a, b) => a.layer - b.layer,
    name: () => (a, b) => a.number - b.number,
    word: (side) => (a, b) => (first(a, side) < first(b, side) ? -1 : first(a, side) > first(b, side) ? 1 : 0),
  };

  // {title, hits, near, word} for what is asked; hits is null where nothing is.
  async function find(state) {
    const query = (state.q || "").trim();
    const name = NAME.exec(query);
    if (name) {
      const known = molyneux.whole.number(`L${Number(name[1])}.u${Number(name[2])}`);
      const hits = known === null ? [] : await molyneux.whole.list(known, known + 1, state.side);
      return { hits, near: [], name: hits.length ? hits[0].name : null, title: hits.length ? hits[0].name : "This model has no neuron of that name" };
    }
    if (query) {
      const { word, near, hits } = await molyneux.whole.search(query, state.side);
      return word === undefined ? { hits: null, near, title: "No token of this model begins so" } : { hits, near, word, title: null };
    }
    if (state.layer === undefined || state.layer >= molyneux.run.layers) return { hits: null, near: [], title: "Search a word or a neuron\u2019s name, or choose a layer above" };
    const { units } = molyneux.run;
    return { hits: await molyneux.whole.list(state.layer * units, (state.layer + 1) * units, state.side), near: [], title: null };
  }

  const intro = (more) => el("p", { class: "note" }, `All ${count(molyneux.run.atlas.neurons, "neuron")} of the model, read from its weights alone: no image is needed. `, molyneux.rule(), more || "");

  function byLayer(found, kept, state, kit) {
    const { run } = molyneux;
    if (!found.word) {
      const words = run.atlas.by_layer.map(([, one]) => one);
      return kit.histogram(words, state, "Interpretable neurons of the model, by layer", recipes.interpretableByLayer);
    }
    const counts = new Array(run.layers).fill(0);
    for (const hit of kept) counts[hit.layer]++;
    kit.histogram(counts, state, `Neurons that ${state.side === "boosted" ? "raise" : "lower"} \u201c${inert(found.word)}\u201d, by layer`, () => recipes.wholeByLayer(state, found.word));
  }

  // kit: what both lists are made with.
  molyneux.wholeList = async (state, current, kit) => {
    const { run } = molyneux;
    const found = await find(state);
    if (!current()) return;
    const kept = (found.hits || []).filter((hit) => !state.interpretable || hit.interpretable === (state.interpretable === "yes"));
    byLayer(found, kept, state, kit);
    const near = el("p", { class: "row near" }, found.near.filter((word) => word !== found.word).map((word) => el("button", { class: "button", onclick: () => molyneux.go({ q: word, page: 0 }) }, inert(word))));
    if (found.hits === null) return at("list").replaceChildren(el("h2", { class: "invite" }, found.title), intro(), near);
    const listed = state.layer === undefined || found.name ? kept : kept.filter((hit) => hit.layer === state.layer);
    if (ORDERS[state.sort]) {
      if (state.sort === "word") await Promise.all(listed.map(async (hit) => (hit.said = hit.said || (await molyneux.whole.says(hit.number)))));
      listed.sort(ORDERS[state.sort](state.side));
    }
    const { page, pages, from, to } = kit.paged(listed.length, state);
    const shown = listed.slice(from, to);
    for (const hit of shown) hit.said = hit.said || (await molyneux.whole.says(hit.number));
    if (!current()) return;
    const rows = () => listed.map((hit) => ({ neuron: hit.name, layer: hit.layer, unit: hit.unit, token: hit.token, logit: hit.logit, interpretable: hit.interpretable }));
    const python = () => (found.name ? recipes.oneOfAll(state, found.name) : found.word ? recipes.whole(state, found.word, state.sort, from, to) : recipes.layerOfAll(state, state.sort, from, to));
    const verb = state.side === "boosted" ? "raises" : "lowers";
    const title = found.title || `${count(listed.length, "neuron")} ${found.word ? `that ${listed.length === 1 ? verb : verb.slice(0, -1)} \u201c${inert(found.word)}\u201d` : `of layer ${state.layer}`}`;
    at("list").replaceChildren(
      molyneux.heading(title, { name: "neurons-of-the-model", rows, python }), intro(), near,
      el("div", { class: "wide-table" }, el("table", { class: "atlas" },
        el("thead", null, el("tr", null, el("th", null, "neuron"), el("th", { class: "number", title: found.word ? "of the word" : "of its first token" }, "logit"), el("th", null, verb), molyneux.verdictHead())),
        el("tbody", null, shown.map((hit) => el("tr", null,
          el("td", { class: "with-glyph" }, charts.layer(hit.layer, run.layers), el("a", { class: "name", href: molyneux.link("neuron", { neuron: hit.name }) }, hit.name)),
          el("td", { class: "number" }, number(hit.logit)),
          el("td", null, hit.said ? hit.said[state.side].slice(0, 5).map(([text]) => [token(text, { class: "chip" }), " "]) : null),
          molyneux.verdictCell(hit.interpretable)))))),
      pages > 1 ? kit.pager(page, pages) : "");
  };
})();
