// The image page's panels in Python: lines that compute anew what a panel shows.
"use strict";
(function () {
  const { py, num, recipes } = molyneux;
  const folder = () => (molyneux.run.shipped ? 'asset("miniature")' : 'Path("your-images")');
  const found = (now, by) => `found = mx.attribute(captioner, image, target=${num(now.word ? now.word.first : 0)}, reduce=${py(by)})`;
  // What the image's data set knows of it; an image that was handed in lies in none.
  const source = (image) => ["from molyneux.data.folders import open_data", "", `source = next(one for one in open_data(${folder()}).sources if one.id == ${py(image.id)})`];

  recipes.caption = (image) => [...molyneux.pythonHead(image.id), "caption = captioner.caption(image)", "print(caption)", "for token, p in zip(caption.tokens, caption.probabilities):", "    print(repr(token), p)"];

  recipes.map = (image, { neuron, object }, state) => {
    const lines = [...molyneux.pythonHead(image.id), `heat = mx.receptive_field(captioner, image, ${py(neuron ? neuron[0] : "L0.u0")})`,
      `mask = heat.mask(${num(state.pct)})  # [height, width] of the original`, "print(heat.shape, float(heat.min()), float(heat.max()), int(mask.sum()))"];
    if (!object) return lines;
    return [...lines, "", "from molyneux.metrics.overlap import iou", ...source(image), "fitting = [one for one in source.objects if one.size == tuple(heat.shape)]",
      `print(iou(mask.numpy(), fitting[${num(state.object)}].mask()))  # ${py(object.category)}; all pixels count here`];
  };

  recipes.neurons = (image, now, state) => [...molyneux.pythonHead(image.id), `${found(now, state.rank)}  # target: the token's index, ${py(now.word ? now.word.text : "")}`,
    `best = found.ranked(${num(now.listed.length || 20)})`, "for one, said in zip(best, mx.decode(captioner, [one.neuron for one in best])):", "    print(one.neuron, one.patch, one.score, said.tokens, said.interpretable)"];

  // Every arm by what it switches off; random units are drawn as the run drew them.
  recipes.strip = (image, { word, strip }, state) => {
    const draws = strip ? strip.arms.flatMap((arm) => (arm.arm === "random" ? [arm.draws.length] : [])) : [];
    const [head, model] = [molyneux.pythonHead(image.id), molyneux.pythonHead(image.id).findIndex((line) => line.startsWith("captioner ="))];
    const imports = ["from molyneux.ground.seeds import generator_of", "from molyneux.neurons.arms import interpretable_first, random_like"];
    const [n, first] = [num(strip ? strip.n : 0), num(word ? word.first : 0)];
    return [...head.slice(0, model - 1), ...imports, "", ...head.slice(model), found({ word }, state.rank), `top = [one.neuron for one in found.ranked(${n})]`,
      `edits = [("top", top), ("interpretable", interpretable_first(captioner, found, ${n}))]`,
      `for draw in range(${num(draws.length ? draws[0] : 0)}):`,
      `    rng = generator_of(${num(molyneux.run.provenance.seed)}, ${py(image.id)}, purpose=f"looks ${first} ${n} {draw}")`,
      '    edits.append(("random", random_like(top, captioner.layout.units, rng)))',
      "for arm, neurons in edits:", "    made = mx.compare(captioner, image, neurons, target=" + `${first}, caption=found.caption, draws=0)`,
      "    print(arm, len(neurons), made.edited.probability, made.edited.caption)", 'print("original", 0, made.plain.probability, made.plain.caption)'];
  };

  recipes.about = (image) => {
    const lines = [...molyneux.pythonHead(image.id), "picture = mx.open_image(image)", "inputs = captioner.prepare([picture])",
      'print("size", *picture.image.size)', 'print("patches", int(captioner.visual(inputs["input_ids"]).sum()))',
      ...(image.grid ? ["grid = captioner.grid(picture, inputs)", 'print("grid", grid.columns, grid.rows)'] : [])];
    if (image.handed_in) return lines;
    return [...lines, "", ...source(image), "for one in source.objects:", '    print("object", one.category, "crowd" if one.crowd else "")', "for text in source.captions:", '    print("reference", text)'];
  };
})();
