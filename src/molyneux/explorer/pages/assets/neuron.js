// The neuron page: what it says, where it fires, and what it alone does.
"use strict";
(function () {
  const { el, draw, parts, charts, py } = molyneux;
  const at = (id) => document.getElementById(id);
  const RULES = {
    neuron: { kind: "neuron" },
    scale: { from: 0, to: 100, fallback: 0 },
  };
  let data = null;

  async function render(state, current) {
    const { run } = molyneux;
    const name = state.neuron || (run.neurons ? (await molyneux.load("neurons/index-0")).rows[0].name : null);
    if (!name) return molyneux.fail(new Error("This run holds no neurons with pages: it was made without the experiment \u201clooks\u201d."));
    const made = await find(name);
    if (!current()) return;
    molyneux.well();
    for (const section of document.querySelectorAll("main section:not(#live)")) section.hidden = made.partial && !["name", "tokens"].includes(section.id);
    if (made.partial) return partly(made);
    if (!data || data.name !== name) fill(made);
    effect(state);
    molyneux.show({ data, word: null, neuron: name });
  }

  // A neuron's shard, or what the atlas says of it.
  async function find(name) {
    const { run } = molyneux;
    const number = molyneux.whole.number(name);
    if (number !== null && !(await listed(name))) {
      const said = await molyneux.whole.says(number);
      if (said) return { ...said, partial: true };
    }
    try {
      return await molyneux.load(`neurons/${name}`);
    } catch {
      throw new Error(`${name} has no page in this run: only the ${run.neurons} neurons that most images list have one.`);
    }
  }
  async function listed(name) {
    const { run } = molyneux;
    for (let part = 0; part * run.page_size < run.neurons; part++)
      if ((await molyneux.load(`neurons/index-${part}`)).rows.some((row) => row.name === name)) return true;
    return false;
  }
  function partly(made) {
    data = made;
    document.title = `${made.name} \u00b7 molyneux`;
    at("name").replaceChildren(...parts.head(made));
    says(made);
    at("live").hidden = true; // nothing to edit: no image of the run lists it
  }
  function says(data) {
    const rows = () => ["boosted", "suppressed"].flatMap((side) => data[side].map(([token, logit, p], n) => ({ neuron: data.name, side, rank: n + 1, token, logit, p })));
    at("tokens").replaceChildren(
      molyneux.heading("What it says", { name: `${data.name}-tokens`, rows, python: () => [...molyneux.pythonHead(), `said = mx.decode(captioner, ${py(data.name)}, k=${data.boosted.length})`, "for token, logit in zip(said.tokens, said.logits):", "    print(repr(token), logit)"] }),
      el("p", { class: "note" }, "Its output vector read through the unembedding: logits of the tokens that it raises and lowers most."),
      parts.tokens(data));
  }

  function fill(made) {
    data = made;
    document.title = `${data.name} \u00b7 molyneux`;
    at("name").replaceChildren(...parts.head(data));
    says(data);
    at("place").replaceChildren(
      molyneux.heading("Its place", { name: `${data.name}-place`, drawing: () => molyneux.standalone(at("place").querySelector(".chart")), rows: () => [{ neuron: data.name, layer: data.layer, unit: data.unit, norm: data.norm, norm_rank: data.norm_rank, images: data.images, images_rank_in_layer: data.named_rank }],
        python: () => [...molyneux.pythonHead(), `vectors = captioner.layout.mlps[${data.layer}].directions`, `print(vectors[:, ${data.unit}].norm(), 1 + int((vectors.norm(dim=0) > vectors[:, ${data.unit}].norm()).sum()))`] }),
      ...parts.place(data));
    const tileRows = () => ["top", "random"].flatMap((kind) => data[kind].map((one, n) => ({ neuron: data.name, kind, rank: n + 1, image: one.name, activation: one.activation, patch: one.patch, caption: one.caption })));
    at("tiles").replaceChildren(
      molyneux.heading("Where it fires", { name: `${data.name}-images`, rows: tileRows,
        json: () => ["top", "random"].flatMap((kind) => data[kind].map(({ map, ...one }) => ({ kind, ...one, activations: [...draw.floats(map)] }))),
        python: () => ["from pathlib import Path", "", "import torch", "", ...molyneux.pythonHead(), `# any folder of images; the page shows those of the run`, `for path in sorted(Path("your-images").iterdir()):`, `    heat = mx.receptive_field(captioner, path, ${py(data.name)})`, "    print(path.name, float(heat[torch.isfinite(heat)].max()))"] }),
      ...parts.tiles(data));
    const values = draw.floats(data.activations);
    const marks = ["random", "top"].flatMap((kind) => data[kind].map((one) => ({ value: one.activation, kind })));
    const title = `Largest activation of ${data.name} on each of ${values.length} images`;
    const histogram = charts.histogram(values, { title, x: "largest activation over an image\u2019s patches", marks });
    at("histogram").replaceChildren(
      molyneux.heading("How often it fires", { name: `${data.name}-activations`, rows: () => [...values].map((activation, n) => ({ image_number: n, activation })), drawing: () => molyneux.standalone(at("histogram").querySelector(".chart")),
        python: () => ["from molyneux.ground.run import open_run", "from pathlib import Path", "", `results = open_run(Path(${py(molyneux.run.name)})).results("looks-firing")`, `place = results.settings["neurons"].index(${py(data.name)})`, `values = [row["activations"][place] for row in results.rows.values()]`] }),
      histogram,
      el("p", { class: "legend" }, el("span", { class: "key line top" }), "strongest images", el("span", { class: "key line random" }), "random images"));
    at("nearest").replaceChildren(
      molyneux.heading("Neurons that write alike", { name: `${data.name}-nearest`, rows: () => data.nearest.map((one, n) => ({ rank: n + 1, neuron: one.name, cosine: one.cosine, tokens: one.tokens })),
        python: () => ["import torch", "", ...molyneux.pythonHead(), "mlps = captioner.layout.mlps", `own = mlps[${data.layer}].directions[:, ${data.unit}].detach()`, "found = []", "for layer, mlp in enumerate(mlps):",
          "    cosines = torch.nn.functional.cosine_similarity(mlp.directions.detach(), own[:, None], dim=0)", `    best = cosines.topk(${data.nearest.length + 1})`,
          '    found += [(one, f"L{layer}.u{unit}") for one, unit in zip(best.values.tolist(), best.indices.tolist())]', `for cosine, name in sorted(found, reverse=True)[1:${data.nearest.length + 1}]:`, "    print(name, cosine)"] }),
      el("p", { class: "note" }, "By cosine of output vectors, over the whole model."),
      parts.nearest(data));
    at("named").replaceChildren(
      molyneux.heading("Words that list it", { name: `${data.name}-words`, rows: () => data.named.map((one) => ({ word: one.word, caption: one.caption, rank: one.rank, ranked_by: one.by, score: one.score })) }),
      parts.named(data));
  }

  function effect(state) {
    const made = data.effects[0];
    if (!made) {
      at("effect").replaceChildren(el("h2", null, "What it alone does"), el("p", { class: "empty" }, "Not tried in this run."));
      return;
    }
    const scale = made.scales.includes(state.scale) ? state.scale : 0;
    const pick = molyneux.choices("Multiply its activation by", made.scales.map((one) => [String(one), one === 0 ? "off" : `\u00d7${one}`]), String(scale), (value) => molyneux.go({ scale: Number(value) }));
    const rows = () => made.scales.flatMap((one, n) => [{ scale: one, arm: "own", p: made.own[n] }, ...made.random.map((draw, unit) => ({ scale: one, arm: "random", unit, p: draw[n] }))]);
    const active = at("effect").contains(document.activeElement) ? document.activeElement.dataset.value : null;
    at("effect").replaceChildren(
      molyneux.heading("What it alone does", { name: `${data.name}-effect`, rows, drawing: () => molyneux.standalone(at("effect").querySelector(".chart")),
        python: () => [...molyneux.pythonHead(made.id), `# ${molyneux.inert(made.text)} in: ${molyneux.inert(made.caption)}`, `for scale in (${made.scales.join(", ")}):`, `    with mx.edit(captioner, ${py(data.name)}, scale):`, "        print(scale, captioner.caption(image).text)"] }, pick),
      ...parts.effect(made, scale));
    if (active) for (const button of at("effect").querySelectorAll("button")) if (button.dataset.value === active) button.focus();
  }

  molyneux.keys([
    { keys: ["s"], label: "next scale of the effect", run: () => {
      const made = data && data.effects && data.effects[0];
      if (made) molyneux.go({ scale: made.scales[(made.scales.indexOf(molyneux.state.scale) + 1) % made.scales.length] });
    } },
  ]);
  molyneux.start(RULES, render);
})();
