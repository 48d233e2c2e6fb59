// The neuron page: what it says, where it fires, and what it alone does.
"use strict";
(function () {
  const { el, draw, parts, recipes, charts } = molyneux;
  const at = (id) => document.getElementById(id);
  const RULES = {
    neuron: { kind: "neuron" },
    scale: { from: 0, to: 100, fallback: 0 },
    on: { kind: "index", fallback: 0 }, // which of the words that the effect was tried on
  };
  const PARTIAL = ["name", "tokens", "place", "tiles"];
  let data = null;
  const placeOf = (state) => Math.min(state.on, data.effects.length - 1);
  const scaleOf = (made, state) => (made.scales.includes(state.scale) ? state.scale : 0);
  molyneux.resolved = () => {
    const { state } = molyneux;
    if (!data) return { state, shown: {} };
    const made = data.partial ? null : data.effects[placeOf(state)];
    return { state: { ...state, neuron: data.name, on: made ? placeOf(state) : undefined, scale: made ? scaleOf(made, state) : undefined }, shown: { neuron: data.name } };
  };

  async function render(state, current) {
    const { run } = molyneux;
    const name = state.neuron || (run.neurons ? (await molyneux.load("neurons/index-0")).rows[0].name : null);
    if (!name) return molyneux.fail(new Error("This run holds no neurons with pages: it was made without the experiment \u201clooks\u201d."));
    const made = await find(name);
    const any = made.partial && run.images ? (await molyneux.load("images/index-0")).rows[0].id : "photo.jpg";
    if (!current()) return;
    molyneux.well();
    for (const section of document.querySelectorAll("main section:not(#live)")) section.hidden = made.partial ? !PARTIAL.includes(section.id) : section.id === "histogram" && made.images_seen === 1;
    if (made.partial) return partly(made, any);
    if (!data || data.name !== name) fill(made);
    effect(state);
    molyneux.show({ data, word: null, neuron: name });
  }

  // A neuron's shard, or what the atlas says of it.
  async function find(name) {
    const { run } = molyneux;
    const [, layer, unit] = /^L(\d+)\.u(\d+)$/.exec(name).map(Number);
    if (run.layers && run.units && (layer >= run.layers || unit >= run.units)) throw new Error(`This model has no neuron ${name}: it has layers 0 to ${run.layers - 1}, and units 0 to ${run.units - 1} in each.`);
    const number = molyneux.whole.number(name);
    if (number !== null && !(await names()).includes(name)) {
      const said = await molyneux.whole.says(number);
      if (said) return { ...said, partial: true };
    }
    try {
      return await molyneux.load(`neurons/${name}`);
    } catch (error) {
      if (!error.absent || (await names()).includes(name)) throw error; // it has one, which did not come
      throw new Error(`${name} has no page in this run: only ${molyneux.count(run.neurons, "neuron")} that its images list most for their first nouns, then for any word, ${run.neurons === 1 ? "has" : "have"} one.${run.atlas ? "" : " An export with --atlas tells what all neurons of the model say."}`);
    }
  }
  // All neurons with a page, in the run's order.
  async function names() {
    const { run } = molyneux;
    const parts = await Promise.all(Array.from({ length: Math.ceil(run.neurons / run.page_size) }, (_, part) => molyneux.load(`neurons/index-${part}`)));
    return parts.flatMap(({ rows }) => rows.map((row) => row.name));
  }

  function partly(made, any) {
    data = made;
    document.title = `${made.name} \u00b7 molyneux`;
    at("name").replaceChildren(...parts.head(made));
    says(made);
    const [neurons, words] = [molyneux.run.atlas.by_layer.map(([all]) => all), molyneux.run.atlas.by_layer.map(([, one]) => one)];
    panel("place", "Its place", { drawn: true, rows: () => words.map((interpretable, layer) => ({ layer, neurons: neurons[layer], interpretable, own: layer === made.layer })), python: () => recipes.weights(made.name) }, parts.weights(made));
    const word = made.boosted.length ? made.boosted[0][0].trim() : "";
    panel("tiles", "Where it fires", { python: () => recipes.anywhere(made.name, any) }, [
      el("p", null, "Not looked at in this run. The lines behind the button above compute its map of an image. "),
      el("p", { class: "row near" },
        word ? el("a", { class: "button", href: molyneux.link("atlas", { of: "model", q: word }) }, "Other neurons for \u201c", el("bdi", null, molyneux.tokenText(word)), "\u201d") : null,
        el("a", { class: "button", href: molyneux.link("atlas", { of: "model", layer: made.layer }) }, `All of layer ${made.layer}`),
        el("a", { class: "button", href: molyneux.link("atlas", {}) }, "Neurons with a full page"))]);
    at("live").hidden = true; // nothing to edit: no image of the run is known to list it
  }

  // A panel with its heading; drawn: it holds a chart, which can be taken away as it is.
  function panel(id, title, { drawn, ...takes }, children, ...extra) {
    const drawing = drawn ? { drawing: () => molyneux.standalone(at(id).querySelector(".chart")) } : {};
    at(id).replaceChildren(molyneux.heading(title, { name: `${data.name}-${id}`, ...drawing, ...takes }, ...extra), ...children);
  }

  function says(data) {
    const rows = () => ["boosted", "suppressed"].flatMap((side) => data[side].map(([token, logit, p], n) => ({ neuron: data.name, side, rank: n + 1, token, logit, p })));
    panel("tokens", "What it says", { rows, python: () => recipes.tokens(data) }, [
      el("p", { class: "note" }, `Its output vector read through the unembedding, without any image: the tokens whose logits it raises and lowers most when it fires. ${molyneux.rule()}`),
      parts.tokens(data)]);
  }

  function fill(made) {
    data = made;
    document.title = `${data.name} \u00b7 molyneux`;
    at("name").replaceChildren(...parts.head(data));
    says(data);
    panel("place", "Its place", { drawn: true, python: () => recipes.place(data),
      rows: () => [{ neuron: data.name, layer: data.layer, unit: data.unit, norm: data.norm, norm_rank: data.norm_rank, images: data.handed_in ? data.handed_in.others : data.images, images_rank_in_layer: data.handed_in ? null : data.named_rank, neurons_listed_by_layer: molyneux.run.layer_neurons }] }, parts.place(data));
    const single = data.images_seen === 1; // which is then its strongest and all there is to draw from
    const tiles = (single ? ["top"] : ["top", "random"]).flatMap((kind) => data[kind].map((one, n) => ({ kind, rank: n + 1, one })));
    panel("tiles", "Where it fires", {
      drawing: () => molyneux.tilesDrawing(data), python: () => recipes.tiles(data),
      rows: () => tiles.map(({ kind, rank, one }) => ({ neuron: data.name, kind, rank, image: one.id, activation: one.activation, patch: one.patch, caption: one.caption })),
      json: () => tiles.map(({ kind, one: { map, ...one } }) => ({ kind, ...one, activations: [...draw.floats(map)] })),
    }, molyneux.tiles(data));
    const values = draw.floats(data.activations);
    panel("histogram", "How often it fires", { drawn: true, rows: () => [...values].map((activation, n) => ({ image_number: n, activation })), python: () => recipes.histogram(data, charts.bins([...values]).counts.length) }, parts.firing(data, values));
    panel("nearest", "Neurons that write alike", { rows: () => data.nearest.map((one, n) => ({ rank: n + 1, neuron: one.name, cosine: one.cosine, tokens: one.tokens })), python: () => recipes.nearest(data) }, [
      el("p", { class: "note" }, "Those of the whole model whose output vectors point most in the same direction: a cosine of 1 is the same direction, 0 an unrelated one."),
      parts.nearest(data)]);
    panel("named", "Words that list it", {
      rows: () => data.named.map((one) => ({ word: one.word, image: one.id, caption: one.caption, rank: one.rank, ranked_by: one.by, score: one.score })),
      python: () => recipes.named(data),
    }, parts.named(data));
  }

  function effect(state) {
    const place = placeOf(state);
    const made = data.effects[place];
    if (!made) return at("effect").replaceChildren(el("h2", null, "What it alone does"), el("p", { class: "empty" }, "Not tried in this run."));
    const scale = scaleOf(made, state);
    const pick = molyneux.choices("Multiply its activation by", made.scales.map((one) => [String(one), one === 0 ? "off" : `\u00d7${one}`]), String(scale), (value) => molyneux.go({ scale: Number(value) }));
    const which = data.effects.length < 2 ? null : el("select", { "aria-label": "The word that it is tried on", onchange: () => molyneux.go({ on: Number(at("effect").querySelector("select").value) }) },
      data.effects.map((one, n) => el("option", { value: n, selected: n === place }, `${molyneux.tokenText(one.text)} in \u201c${molyneux.inert(one.caption)}\u201d`)));
    const rows = () => made.scales.flatMap((one, n) => [{ neuron: data.name, image: made.id, word: made.text, scale: one, arm: "own", p: made.own[n] }, ...made.random.map((draw, unit) => ({ neuron: data.name, image: made.id, word: made.text, scale: one, arm: "random", unit, p: draw[n] }))]);
    const active = at("effect").contains(document.activeElement) ? document.activeElement.dataset.value || "select" : null;
    panel("effect", "What it alone does", { drawn: true, rows, python: () => recipes.effect(data, made) }, parts.effect(made, scale), which, pick);
    if (active) for (const one of at("effect").querySelectorAll(".choices button, select")) if ((one.dataset.value || "select") === active) one.focus();
  }

  async function step(by) {
    const all = data ? await names() : [];
    if (!all.length) return;
    const place = all.indexOf(data.name);
    const next = place < 0 ? 0 : Math.min(all.length - 1, Math.max(0, place + by));
    molyneux.go({ neuron: all[next], on: 0 });
  }
  molyneux.keys([
    { keys: ["j", "k"], label: "next, previous neuron of the run", run: (event) => step(event.key === "j" ? 1 : -1) },
    { keys: ["s"], label: "next scale of the effect", run: () => {
      const made = data && data.effects && data.effects[Math.min(molyneux.state.on, data.effects.length - 1)];
      if (made) molyneux.go({ scale: made.scales[(made.scales.indexOf(molyneux.state.scale) + 1) % made.scales.length] });
    } },
  ]);
  molyneux.start(RULES, render);
})();
