// The image page: which neurons put a word there, where they fire, and what is left without them.
"use strict";
(function () {
  const { el, draw, parts, recipes, inert } = molyneux;
  const at = (id) => document.getElementById(id);
  let image = null; // the shard shown, with decoded maps
  let stage = null;
  let drawn = {}; // what the panels were made of, so that they are made again only where they must be

  const RULES = {
    image: { kind: "key" },
    word: { kind: "index" },
    rank: { of: ["sum", "max"], fallback: "sum" },
    neuron: { kind: "neuron" },
    patch: { kind: "index" },
    show: { of: ["original", "model"], fallback: "original" },
    map: { of: ["heat", "mask", "off"], fallback: "heat" },
    fill: { of: ["smooth", "cells"], fallback: "smooth" },
    opacity: { from: 0, to: 100, fallback: 65 },
    pct: { from: 0, to: 100, fallback: 95 },
    n: { kind: "index" },
    object: { kind: "index" },
  };

  // ---- what the state means for this image ----------------------------------------------------------
  const wordIndex = (state) => (image.words[state.word] ? state.word : image.selected);
  function chosen(state) {
    const index = wordIndex(state);
    const word = index === null ? null : image.words[index];
    const ranking = word && word.computed ? word.rankings[state.rank] || Object.values(word.rankings)[0] : { neurons: [], strip: null };
    const listed = ranking.neurons;
    const neuron = listed.find(([name]) => name === state.neuron) || listed[0] || null;
    return { index, word, ranking, listed, neuron, by: state.rank, strip: stripOf(ranking, state.n), object: image.objects[state.object] || null };
  }
  molyneux.resolved = () => {
    const { state } = molyneux;
    if (!image) return { state, shown: {} };
    const { index, word, neuron, strip, object } = chosen(state);
    return {
      state: { ...state, image: image.key, word: index ?? undefined, neuron: neuron ? neuron[0] : undefined, n: strip ? strip.n : undefined, object: object ? state.object : undefined },
      shown: { image: image.id, word: word ? word.text : null, neuron: neuron ? neuron[0] : null },
    };
  };
  function stripOf(ranking, n) {
    const made = ranking.strip ? ranking.strip.units : [];
    return made.find((one) => one.n === n) || made[usual(made.map((one) => one.n))] || null;
  }
  // The count nearest the share of units that the paper switches off; of two as near, the smaller.
  const SHARE = 0.014;
  function usual(counts) {
    const wanted = SHARE * molyneux.run.layers * molyneux.run.units;
    if (!(wanted > 0)) return Math.floor((counts.length - 1) / 2);
    const far = counts.map((n) => Math.abs(n - wanted));
    return far.indexOf(Math.min(...far));
  }
  const valuesOf = (name) => {
    const place = image.neurons.findIndex((one) => one.name === name);
    return place < 0 ? null : image.values.subarray(place * image.patches, (place + 1) * image.patches);
  };
  const placed = () => !!(image.grid || image.boxes);
  const objectMask = (object) => object && (object.mask || (object.mask = draw.object(image, object.runs)));

  // Where a neuron fires at a patch, and whether that is among its strongest patches.
  function levels(name, patch) {
    const values = valuesOf(name);
    if (!values || patch >= values.length) return null;
    const [low, high] = draw.range(values);
    const value = values[patch];
    return { value, level: high > low ? (value - low) / (high - low) : 0, fires: value >= draw.percentile(values, molyneux.state.pct) };
  }

  // ---- drawing --------------------------------------------------------------------------------------
  async function render(state, current) {
    const key = state.image || (await first());
    if (!key) return molyneux.fail(new Error("This run holds no images to look at: it was made without the experiment \u201clooks\u201d."));
    const data = await molyneux.load(`images/${key}`).catch(async (error) => { throw error.absent && !(await listed(key)) ? unknown(key) : error; });
    if (!current()) return;
    molyneux.well();
    if (!image || image.key !== key) open(data);
    const now = chosen(state);
    document.title = `${inert(image.caption)} \u00b7 molyneux`;
    const again = (name, value, make) => {
      const told = JSON.stringify(value);
      if (drawn[name] === told) return;
      drawn[name] = told;
      make();
    };
    again("caption", now.index, () => focusKept(at("caption"), parts.caption(image, now.index, pickWord, { name: `${image.name}-caption`, rows: captionRows, python: recipe("caption"), drawing: () => parts.sheets.caption(image) })));
    again("lede", [now.index, now.by, now.neuron], () => at("lede").replaceChildren(...parts.lede(image, now)));
    again("neurons", [now.index, now.by, now.neuron && now.neuron[0]], () => neurons(now));
    again("strip", [now.index, now.by, now.strip && now.strip.n], () => strip(now));
    again("elsewhere", [now.neuron && now.neuron[0]], () => at("elsewhere").replaceChildren(...parts.elsewhere(image, now.neuron && now.neuron[0])));
    overlay(now, null);
    stage.put("pin", state.patch);
    light(null);
    molyneux.show({ data: image, word: now.index, neuron: now.neuron ? now.neuron[0] : null });
  }
  // Whether the run has an image of that key: then its part of an export is missing.
  async function listed(key) {
    const { run } = molyneux;
    const parts = await Promise.all(Array.from({ length: Math.ceil(run.images / run.page_size) }, (_, part) => molyneux.load(`images/index-${part}`)));
    return parts.some(({ rows }) => rows.some((row) => row.key === key));
  }
  const unknown = (key) => new Error(`This run has no image of the key ${key}: those that it has are on the page Images.${window.MOLYNEUX_LIVE ? " An image that was handed in is gone once the server has ended, or many others came after it." : ""}`);
  async function first() {
    const { run } = molyneux;
    return run.images ? (await molyneux.load("images/index-0")).rows[0].key : null;
  }

  function open(data) {
    if (image) scrollTo(0, 0); // another image: from its caption on
    image = { ...data, values: draw.floats(data.maps) };
    drawn = {};
    stage = molyneux.stage(image, { hover: light, pick: (patch) => molyneux.go({ patch: molyneux.state.patch === patch ? undefined : patch }) });
    at("stage").replaceChildren(
      molyneux.heading("Where it fires", {
        name: () => fileName([chosen(molyneux.state).neuron?.[0], "map"]),
        python: recipe("map"),
        rows: mapRows,
        drawing: () => {
          const now = chosen(molyneux.state);
          return stage.drawing(`${now.neuron ? now.neuron[0] : ""} on ${inert(image.name)}: \u201c${inert(image.caption)}\u201d`, `activation of ${now.neuron ? now.neuron[0] : ""}`);
        },
      }),
      stage.node,
      el("div", { id: "scale", class: "under" }),
      el("div", { id: "elsewhere" }),
      el("div", { id: "controls", class: "controls" }),
    );
    at("original").replaceChildren(
      el("img", { src: image.picture, alt: "The image without overlay", class: Math.max(image.width, image.height) <= 96 ? "pixels" : "" }),
      el("figcaption", { class: "note" }, "the image it saw"));
    about();
  }

  function neurons(now) {
    const list = parts.neurons(image, now, {
      pick: (name) => molyneux.go({ neuron: name }),
      preview: (name) => overlay(chosen(molyneux.state), name),
    });
    const title = now.word ? ["Highest scores for \u201c", inert(now.word.text), "\u201d"].join("") : "Neurons";
    const order = now.word && now.word.computed ? molyneux.choices("Ranked by", [["sum", "All patches"], ["max", "Best patch"]], now.by, (rank) => molyneux.go({ rank, neuron: undefined })) : null;
    const scroll = at("neurons").querySelector("ol");
    const top = scroll ? scroll.scrollTop : 0;
    focusKept(at("neurons"), [
      molyneux.heading(title, { name: () => fileName([word()?.text, molyneux.state.rank, "neurons"]), rows: neuronRows, python: recipe("neurons"), drawing: () => parts.sheets.neurons(image, now) }, order),
      el("p", { class: "note" }, parts.listNote(now)),
      list,
      el("p", { class: "note", id: "rule" }, now.listed.length ? molyneux.rule() : ""),
    ]);
    if (at("neurons").querySelector("ol")) at("neurons").querySelector("ol").scrollTop = top;
  }

  function strip(now) {
    const made = now.ranking.strip ? now.ranking.strip.units : [];
    const pick = made.length > 1 ? molyneux.choices("Neurons off", made.map(({ n }) => [String(n), `${n} off`]), String(now.strip.n), (n) => molyneux.go({ n: Number(n) })) : null;
    focusKept(at("strip"), [
      molyneux.heading("What the caption becomes without them", { name: () => fileName([word()?.text, molyneux.state.rank, now.strip && `without-${now.strip.n}`, "captions"]), rows: stripRows, python: recipe("strip"), drawing: () => parts.sheets.strip(image, now) }, pick),
      el("p", { class: "note" }, parts.stripNote(now.word, now.strip)),
      parts.strip(image, now.word, now.strip),
    ]);
  }

  // New content; the focus stays on what has the same label.
  function focusKept(section, content) {
    const active = section.contains(document.activeElement) ? document.activeElement : null;
    const sign = (node) => node.dataset.word || node.dataset.value || (node.closest("[data-neuron]") || { dataset: {} }).dataset.neuron;
    const label = active && sign(active);
    section.replaceChildren(...content);
    if (!label) return;
    const again = [...section.querySelectorAll("button")].find((node) => sign(node) === label);
    if (again) again.focus({ preventScroll: true });
  }

  // The overlay of the chosen neuron, or of one that is pointed at.
  function overlay(now, pointed) {
    const { state } = molyneux;
    const name = pointed || (now.neuron && now.neuron[0]);
    const entry = now.listed.find(([one]) => one === name);
    const shown = stage.draw(name && placed() ? valuesOf(name) : null, state, objectMask(now.object));
    stage.put("peak", entry && state.map !== "off" ? entry[2] : null, parts.peak(now.by));
    scale(shown, name, now);
    controls(state, now);
  }

  function scale(shown, name, now) {
    if (!placed()) return at("scale").replaceChildren(el("p", { class: "note", id: "unplaced" }, "This model\u2019s visual positions have no place on the image, so no map can be drawn."));
    if (!shown) return at("scale").replaceChildren(el("p", { class: "note" }, name ? "No overlay." : "No neuron to show."));
    const { state } = molyneux;
    const { iou } = shown;
    at("stage").querySelector("h2").textContent = name ? `Where ${name} fires` : "Where it fires";
    at("scale").replaceChildren(
      state.map === "heat" && name ? molyneux.scale(shown.low, shown.high, `activation of ${name}`) : el("p", { class: "note" }, name ? `${name}: bright where it is above its ${state.pct}th percentile` : ""),
      el("p", { class: "legend" },
        el("span", { class: "key white" }), `top ${Math.round((100 - state.pct) * 10) / 10}%`,
        el("span", { class: "key blue" }), parts.peak(now.by),
        now.object ? [el("span", { class: "key orange" }), inert(now.object.category)] : null,
        iou !== null && Number.isFinite(iou) ? el("strong", { id: "iou", "data-iou": iou, title: "Intersection over union: the area that both cover, as a share of the area that either covers; 1 is the same area" }, ` IoU ${iou.toFixed(3)}`) : null),
      name ? el("p", { class: "note" }, "Bright: it is active there. That is not yet an effect on the word: the blue square is where, by the estimate, it did most for it.") : "",
    );
  }

  let made = null; // the controls are made once an image, then only set
  function controls(state, now) {
    const set = (change, quiet) => molyneux.go(change, { quiet });
    if (made && made.image === image) {
      for (const [name, node] of Object.entries(made.sliders)) {
        node.value = state[name];
        node.nextElementSibling.textContent = state[name];
      }
      for (const group of at("controls").querySelectorAll("[data-state]"))
        for (const button of group.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.value === state[group.dataset.state]));
      if (made.object) made.object.value = now.object ? String(state.object) : "";
      return;
    }
    const group = (name, label, options) => {
      const node = molyneux.choices(label, options, state[name], (value) => set({ [name]: value }));
      node.dataset.state = name;
      return node;
    };
    const sliders = {};
    const slider = (name, label) => {
      const input = el("input", { type: "range", min: 0, max: 100, step: 1, "aria-label": label, oninput: () => set({ [name]: Number(input.value) }, true) });
      input.value = state[name];
      sliders[name] = input;
      return el("label", { class: "slider" }, el("span", null, label), input, el("output", null, String(state[name])));
    };
    const object = image.objects.length ? el("select", { "aria-label": "Object to compare with", onchange: () => set({ object: object.value === "" ? undefined : Number(object.value) }) },
      el("option", { value: "" }, "compare with an object\u2026"),
      image.objects.map((one, n) => el("option", { value: n, disabled: one.crowd }, inert(one.category) + (one.crowd ? " (crowd)" : "")))) : null;
    if (object) object.value = now.object ? String(state.object) : "";
    made = { image, sliders, object };
    at("controls").replaceChildren(
      el("div", { class: "row" },
        group("map", "Overlay", [["heat", "Heat"], ["mask", "Mask"], ["off", "Off"]]),
        group("fill", "Fill", [["smooth", "Smooth", !image.grid], ["cells", "Patches"]]),
        group("show", "Image", [["original", "Original"], ["model", "As the model saw it", !image.view]])),
      el("div", { class: "row" }, slider("opacity", "Opacity"), slider("pct", "Percentile"), object),
    );
  }

  function light(patch) {
    const list = at("neurons");
    const pinned = molyneux.state.patch;
    const shown = patch === null && pinned !== undefined ? pinned : patch;
    parts.light(list, shown, levels);
  }

  // An image that was handed in has an id of ours, which says nothing to whoever did.
  const file = () => (image.handed_in ? image.name : image.id);
  function about() {
    const people = image.references.length ? [el("dt", null, "Reference captions"), el("dd", null, image.references.map((text) => el("p", { dir: "auto" }, inert(text))))] : null;
    const objects = image.objects.length ? [el("dt", null, "Objects"), el("dd", null, inert([...new Set(image.objects.map((one) => one.category))].join(", ")))] : null;
    const go = (key, label) => el("a", { class: "button" + (key ? "" : " off"), href: key ? molyneux.link("image", { image: key }) : null, "aria-disabled": key ? null : "true" }, label);
    at("about").replaceChildren(
      molyneux.heading("This image", { name: `${image.name}-image`, rows: aboutRows, python: recipe("about") }, el("div", { class: "row" }, go(image.previous, "\u2190 previous"), go(image.next, "next \u2192"))),
      el("dl", { class: "facts-list" }, people, objects, el("dt", null, "File"), el("dd", null, inert(file())),
        el("dt", null, "Size"), el("dd", null, `${image.width} \u00d7 ${image.height} pixels, ${image.patches} patches` + (image.grid ? ` (${image.grid.columns} \u00d7 ${image.grid.rows})` : ""))),
    );
  }

  // ---- what can be taken away -------------------------------------------------------------------------
  const word = () => chosen(molyneux.state).word;
  const fileName = (parts) => [image.name, ...parts].filter(Boolean).join("-");
  const whose = () => ({ image: image.id, word: word() ? word().text : null });
  const neuronRows = () => chosen(molyneux.state).listed.map(([name, score, patch], n) => {
    const one = image.neurons.find((other) => other.name === name);
    return { ...whose(), ranked_by: molyneux.state.rank, rank: n + 1, neuron: name, layer: one.layer, unit: one.unit, patch, score, interpretable: one.interpretable, other_images: one.others, tokens: one.tokens.map(([text]) => text) };
  });
  const stripRows = () => ((chosen(molyneux.state).ranking.strip || { units: [] }).units).flatMap(({ n, arms }) => arms.flatMap((arm) =>
    arm.draws.map(([p, caption], draw) => ({ ...whose(), ranked_by: molyneux.state.rank, arm: arm.arm, count: n, units: arm.units, draw, p, change: p / word().p - 1, caption }))));
  const mapRows = () => {
    const { neuron } = chosen(molyneux.state);
    return [...(neuron ? valuesOf(neuron[0]) : [])].map((activation, patch) => {
      const [left, top, right, bottom] = draw.box(image, patch) || [];
      return { ...whose(), neuron: neuron[0], patch, activation, left, top, right, bottom };
    });
  };
  const recipe = (name) => () => recipes[name](image, chosen(molyneux.state), molyneux.state);
  const captionRows = () => image.tokens.map(([token, p], n) => {
    const index = image.words.findIndex((one) => one.first <= n && n <= one.last);
    return { image: image.id, token: n, text: token, p, word: index < 0 ? null : image.words[index].text, explained: index >= 0 && index === wordIndex(molyneux.state) && image.words[index].first === n };
  });
  const aboutRows = () => [
    ["file", file()], ["width", image.width], ["height", image.height], ["patches", image.patches],
    ...(image.grid ? [["columns", image.grid.columns], ["rows", image.grid.rows]] : []),
    ...image.objects.map((one) => [one.crowd ? "object (crowd)" : "object", one.category]), ...image.references.map((text) => ["reference", text]),
  ].map(([what, value]) => ({ what, value }));

  // ---- keys ------------------------------------------------------------------------------------------
  const pickWord = (index) => molyneux.go({ word: index, neuron: undefined });
  const stepWord = (by) => {
    if (!image || !image.words.length) return;
    const now = wordIndex(molyneux.state);
    pickWord(now === null ? 0 : (now + by + image.words.length) % image.words.length);
  };
  const stepNeuron = (by) => {
    const now = image && chosen(molyneux.state);
    if (!now || !now.neuron) return;
    const names = now.listed.map(([name]) => name);
    molyneux.go({ neuron: names[Math.min(names.length - 1, Math.max(0, names.indexOf(now.neuron[0]) + by))] });
  };
  const turn = (name, options) => molyneux.go({ [name]: options[(options.indexOf(molyneux.state[name]) + 1) % options.length] });
  const slide = (name, by) => molyneux.go({ [name]: Math.min(100, Math.max(0, molyneux.state[name] + by)) }, { quiet: true });
  const step = (key) => image && image[key] && (location.href = molyneux.link("image", { image: image[key] }));
  molyneux.keys([
    { keys: ["ArrowRight", "ArrowLeft"], label: "next, previous word", run: (event) => stepWord(event.key === "ArrowRight" ? 1 : -1) },
    { keys: ["j", "k"], label: "next, previous neuron", run: (event) => stepNeuron(event.key === "j" ? 1 : -1) },
    { keys: ["r"], label: "rank by all patches, or by the best", run: () => molyneux.go({ rank: molyneux.state.rank === "sum" ? "max" : "sum", neuron: undefined }) },
    { keys: ["m"], label: "heat, mask, off", run: () => turn("map", RULES.map.of) },
    { keys: ["f"], label: "smooth, or patch by patch", run: () => turn("fill", RULES.fill.of) },
    { keys: ["o"], label: "original, or as the model saw it", run: () => image && image.view && turn("show", RULES.show.of) },
    { keys: ["+", "-", "="], label: "opacity", run: (event) => slide("opacity", event.key === "-" ? -5 : 5) },
    { keys: ["]", "["], label: "percentile", run: (event) => slide("pct", event.key === "]" ? 1 : -1) },
    { keys: ["x"], label: "unpin the patch", run: () => molyneux.go({ patch: undefined }) },
    { keys: ["Enter"], label: "the neuron\u2019s page", run: () => {
      const now = image && chosen(molyneux.state);
      const one = now && now.neuron && image.neurons.find((other) => other.name === now.neuron[0]);
      if (one && one.page) location.href = molyneux.link("neuron", { neuron: one.name });
    } },
    { keys: ["n", "p"], label: "next, previous image", run: (event) => step(event.key === "n" ? "next" : "previous") },
  ]);

  molyneux.start(RULES, render);
})();
