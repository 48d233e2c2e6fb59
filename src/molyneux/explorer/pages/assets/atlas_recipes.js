// The lists of neurons in Python: of the run, or of the whole model.
"use strict";
(function () {
  const { py, num, oneOf, recipes } = molyneux;
  const READ = "from molyneux.experiments.atlas_read import open_atlas";

  const given = (pairs) => pairs.filter(([, value]) => value !== undefined && value !== null).map(([name, value]) => `, ${name}=${value}`).join("");
  const optional = (layer) => (layer === undefined ? undefined : num(layer));
  const sideOf = (state) => oneOf(state.side, ["boosted", "suppressed"]);
  const truth = (choice) => (choice === undefined ? undefined : choice === "yes" ? "True" : "False");
  const category = (state) => (state.category ? py(state.category) : undefined);

  const listed = (state, layer) => [
    `found = find_neurons(run, ${py(state.q || "")}${given([["side", py(state.side)], ["layer", optional(layer)], ["category", category(state)], ["interpretable", truth(state.interpretable)], ["sort", py(state.sort)]])})`];
  const FIND = "from molyneux.explorer.find_neurons import find_neurons";
  recipes.listed = (state, sort, from, to) => [...recipes.run([FIND]), ...listed({ ...state, sort }, state.layer), "print(len(found))", `for one in found[${num(from)}:${num(to)}]:`, `    print(one["name"], one["images"], one["interpretable"], one[${py(sideOf(state))}])`];
  recipes.listedByLayer = (state, sort) => [...recipes.run([FIND], ["from collections import Counter"]), ...listed({ ...state, sort }), 'counts = Counter(one["layer"] for one in found)', `print(*(counts[layer] for layer in range(${num(molyneux.run.layers)})))`];

  // ---- of the whole model ------------------------------------------------------------------------------
  const ORDERS = { layer: "(one.neuron.layer, order)", name: "one.neuron", word: "(core(one.boosted[0].text), order)" };
  const hits = (state, word, layer) => [
    `found = search(atlas, ${py(word)}${given([["suppressed", state.side === "suppressed" ? "True" : undefined], ["layer", optional(layer)], ["interpretable", state.interpretable === "yes" ? "True" : undefined]])}, top=atlas.layers * atlas.units)`,
    state.interpretable === "no" ? "hits = [hit for hit in found.hits if not hit.entry.interpretable]" : "hits = list(found.hits)"];
  const SEARCH = "from molyneux.experiments.atlas_search import core, search";
  const sorted = (list, entry, sort, side) => {
    const key = sort === "word" && side === "suppressed" ? ORDERS.word.replace("boosted", "suppressed") : ORDERS[sort];
    return key ? [`${list} = [hit for _, hit in sorted(enumerate(${list}), key=lambda pair: ${key.replaceAll("one.", `pair[1]${entry}.`).replace("order", "pair[0]")})]`] : [];
  };
  recipes.whole = (state, word, sort, from, to) => [...recipes.atlas([READ, SEARCH]), ...hits(state, word, state.layer), ...sorted("hits", ".entry", sort, state.side), "print(len(hits))", `for hit in hits[${num(from)}:${num(to)}]:`, `    print(hit.entry.neuron, hit.token.logit, hit.entry.interpretable, [one.text for one in hit.entry.${sideOf(state)}[:5]])`];
  recipes.wholeByLayer = (state, word) => [...recipes.atlas([READ, SEARCH], ["from collections import Counter"]), ...hits(state, word), "counts = Counter(hit.entry.neuron.layer for hit in hits)", "print(*(counts[layer] for layer in range(atlas.layers)))"];
  recipes.interpretableByLayer = () => [...recipes.atlas(), 'print(*(row["interpretable"] for row in atlas.summary["by_layer"]))'];

  recipes.oneOfAll = (state, name) => [...recipes.atlas(), `entry = atlas.entry(${py(name)})`, `print(entry.neuron, entry.${sideOf(state)}[0].logit, entry.interpretable, [one.text for one in entry.${sideOf(state)}[:5]])`];
  recipes.layerOfAll = (state, sort, from, to) => {
    const kept = state.interpretable === undefined ? "" : ` and one.interpretable is ${truth(state.interpretable)}`;
    const sign = state.side === "boosted" ? "-" : "";
    return [
      ...recipes.atlas(["from molyneux.experiments.atlas_read import Entry, open_atlas", "from molyneux.experiments.atlas_search import core"]),
      `entries = [atlas.entry(f"L${num(state.layer)}.u{unit}") for unit in range(atlas.units)]`,
      `entries = [one for one in entries if isinstance(one, Entry)${kept}]`,
      `entries.sort(key=lambda one: ${sign}one.${sideOf(state)}[0].logit)`, ...sorted("entries", "", sort, state.side), "print(len(entries))",
      `for one in entries[${num(from)}:${num(to)}]:`, `    print(one.neuron, one.${sideOf(state)}[0].logit, one.interpretable, [token.text for token in one.${sideOf(state)}[:5]])`];
  };
})();
