// The neuron page's panels in Python: lines that compute anew, or read from the run, what a panel shows.
"use strict";
(function () {
  const { py, num, pyList, oneOf, recipes } = molyneux;
  const RANKINGS = ["sum", "max"];

  recipes.tokens = (data) => [
    "import torch", "", "import molyneux as mx", "from molyneux.neurons.decode import token_logits", "", recipes.model(),
    `logits = token_logits(captioner, ${num(data.layer)}, [${num(data.unit)}])[0]`,
    "hidden = captioner.unsayable.to(logits.device)  # tokens that no caption can hold",
    'for side, sign in (("boosted", 1), ("suppressed", -1)):',
    `    best = (sign * logits).index_fill(0, hidden, -torch.inf).topk(${num(data.boosted.length)})`,
    "    for value, token in zip(best.values.tolist(), best.indices.tolist()):",
    "        print(side, sign * value, repr(captioner.tokenizer.decode([token])))"];

  recipes.place = (data) => [
    ...recipes.run(["import molyneux as mx", "from molyneux.explorer.lookups import Lookups", "from molyneux.ground.neuron import NeuronId"], ["from collections import Counter"]),
    "looks = Lookups(run)", recipes.model(),
    `lengths = captioner.layout.mlps[${num(data.layer)}].directions.detach().float().norm(dim=0)  # of the output vectors of the layer`,
    `print("length", float(lengths[${num(data.unit)}]), "rank", 1 + int((lengths > lengths[${num(data.unit)}]).sum()))`,
    `print("listed by", looks.images_of[${py(data.name)}])  # images`,
    "by_layer = Counter(NeuronId.parse(name).layer for name in looks.named)",
    `print("by layer", *(by_layer[layer] for layer in range(${num(molyneux.run.layers)})))`];

  recipes.tiles = (data) => {
    const ids = (list) => pyList(list, (one) => py(one.id));
    return [
      ...recipes.images(["from molyneux.neurons.fields import patch_activations"]), `neuron = captioner.layout.resolve(${py(data.name)})`,
      "shown = {", `    "top": ${ids(data.top)},`, `    "random": ${ids(data.random)},`, "}",
      "for kind, names in shown.items():", "    for name in names:",
      "        inputs = captioner.prepare([mx.open_image(folder / name)])",
      "        values = patch_activations(captioner, inputs, [neuron])[0, 0]  # one a patch",
      "        print(kind, int(values.argmax()), float(values.max()), name)"];
  };

  recipes.histogram = (data, bins) => [
    ...recipes.run(["import numpy as np"]), 'firing = run.results("looks-firing")', `place = firing.settings["neurons"].index(${py(data.name)})`,
    'values = [row["activations"][place] for row in firing.rows.values()]  # the largest over patches, one an image',
    `counts, edges = np.histogram(values, bins=${num(bins)})`, "for count, low, high in zip(counts, edges, edges[1:]):", "    print(count, low, high)",
    'print("quantiles", *np.quantile(values, [0.5, 0.9, 1.0]))'];

  // The random neurons are drawn as the run drew them.
  recipes.effect = (data, effect) => {
    const head = molyneux.pythonHead(effect.id);
    const model = head.findIndex((line) => line.startsWith("captioner ="));
    const layer = num(data.layer);
    return [
      ...head.slice(0, model - 1), "from molyneux.ground.neuron import NeuronId", "from molyneux.ground.seeds import generator_of", "from molyneux.neurons.edited import caption_probabilities", "", ...head.slice(model),
      "caption = captioner.caption(image)", "inputs = captioner.prepare([mx.open_image(image)])",
      `rng = generator_of(${num(molyneux.run.provenance.seed)}, ${py(effect.id)}, purpose="looks band ${layer}")`,
      `units = rng.choice(captioner.layout.units, size=${num(effect.random.length)}, replace=False)  # the page's random neurons`,
      `neurons = [NeuronId.parse(${py(data.name)}), *(NeuronId(${layer}, int(unit)) for unit in units)]`,
      'print("neurons", *neurons)',
      `# ${py(effect.text)} in: ${py(effect.caption)}`,
      `for scale in ${pyList(effect.scales, num)}:  # each neuron alone`,
      "    p = caption_probabilities(captioner, inputs, caption.token_ids, [[one] for one in neurons], scale=scale)",
      `    print(scale, *p[:, ${num(effect.first)}].tolist())`];
  };

  recipes.nearest = (data) => [
    "import torch", "", "import molyneux as mx", "", recipes.model(), "mlps = captioner.layout.mlps", `own = mlps[${num(data.layer)}].directions[:, ${num(data.unit)}].detach().float()`, "found = []",
    "for layer, mlp in enumerate(mlps):", "    cosines = torch.nn.functional.cosine_similarity(mlp.directions.detach().float(), own[:, None], dim=0)", `    best = cosines.topk(${num(data.nearest.length + 1)})`,
    '    found += [(one, f"L{layer}.u{unit}") for one, unit in zip(best.values.tolist(), best.indices.tolist())]', `for cosine, name in sorted(found, reverse=True)[1 : ${num(data.nearest.length + 1)}]:  # the first is itself`,
    "    print(name, cosine, mx.decode(captioner, name, k=5).tokens)"];

  recipes.named = (data) => [
    ...recipes.images([]), "places = [  # image, first token of the word, ranking, rank of the neuron in it",
    ...data.named.map((one) => `    (${py(one.id)}, ${num(one.first)}, ${py(oneOf(one.by, RANKINGS))}, ${num(one.rank)}),`), "]",
    "for name, token, reduce, rank in places:",
    "    found = mx.attribute(captioner, folder / name, target=token, reduce=reduce).ranked(rank)",
    "    print(rank, found[-1].neuron, found[-1].score, name)"];

  // Of a neuron without a page: how its layer says words, and its map of an image.
  recipes.weights = (name) => [...recipes.atlas(), `print(atlas.entry(${py(name)}).interpretable, atlas.summary["by_chance"])`, 'for row in atlas.summary["by_layer"]:', '    print(row["layer"], row["neurons"], row["interpretable"])'];
  recipes.anywhere = (name, id) => [...molyneux.pythonHead(id), `heat = mx.receptive_field(captioner, image, ${py(name)})`, "print(heat.shape, float(heat.min()), float(heat.max()))  # heat.plot() draws it"];
})();
