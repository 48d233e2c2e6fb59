// All neurons of the model, where an atlas came with the run: found by a token that they raise or lower.
"use strict";
(function () {
  const whole = (molyneux.whole = {});
  const about = () => molyneux.run.atlas;

  let known = null; // {texts, byWord: Map of word -> token ids, words: sorted words}
  async function tokens() {
    if (known) return known;
    const { texts } = await molyneux.load("atlas/tokens");
    const byWord = new Map();
    texts.forEach((text, id) => {
      const word = text === null ? "" : text.trim().toLowerCase();
      if (word) byWord.set(word, [...(byWord.get(word) || []), id]);
    });
    known = { texts, byWord, words: [...byWord.keys()].sort() };
    return known;
  }

  // The neurons that list a word's tokens, strongest first: [{number, logit, interpretable, token}]; and words near it.
  whole.search = async (query, side) => {
    const word = query.trim().toLowerCase();
    const { texts, byWord, words } = await tokens();
    const near = word ? words.filter((one) => one.startsWith(word)).slice(0, 12) : [];
    const chosen = byWord.has(word) ? word : near[0];
    const hits = [];
    for (const id of chosen === undefined ? [] : byWord.get(chosen)) {
      const size = about().words_a_shard;
      const { rows } = await molyneux.load(`atlas/words-${Math.floor(id / size)}`);
      for (const [number, logit, words] of rows[id % size][side === "boosted" ? 0 : 1]) hits.push({ number, logit, interpretable: !!words, token: texts[id] });
    }
    // A neuron that lists several spellings of a word counts once, by its strongest.
    const sign = side === "boosted" ? 1 : -1;
    const best = new Map();
    for (const hit of hits) {
      const other = best.get(hit.number);
      if (!other || sign * hit.logit > sign * other.logit) best.set(hit.number, hit);
    }
    const found = [...best.values()].sort((a, b) => sign * (b.logit - a.logit) || a.number - b.number);
    return { word: chosen, near, hits: found.map((hit) => ({ ...hit, ...place(hit.number) })) };
  };
  const place = (number) => {
    const { units } = molyneux.run;
    const layer = Math.floor(number / units);
    return { layer, unit: number % units, name: `L${layer}.u${number % units}` };
  };

  // What a neuron says, by its number; null where its weights are not finite.
  whole.says = async (number) => {
    const size = about().neurons_a_shard;
    const [{ rows }, { texts }] = await Promise.all([molyneux.load(`atlas/neurons-${Math.floor(number / size)}`), tokens()]);
    const row = rows[number % size];
    if (!row) return null;
    const side = (list) => list.map(([token, logit]) => [texts[token], logit]);
    return { ...place(number), interpretable: !!row[0], boosted: side(row[1]), suppressed: side(row[2]) };
  };
  // The neurons of some numbers, up to and without the last, strongest first: their logit is that of their first token.
  whole.list = async (from, to, side) => {
    const size = about().neurons_a_shard;
    const shards = Array.from({ length: Math.ceil(to / size) - Math.floor(from / size) }, (_, n) => molyneux.load(`atlas/neurons-${Math.floor(from / size) + n}`));
    await Promise.all(shards);
    const all = await Promise.all(Array.from({ length: to - from }, (_, n) => whole.says(from + n)));
    const sign = side === "boosted" ? 1 : -1;
    const found = all.filter((said) => said && said[side].length).map((said) => ({ number: said.layer * molyneux.run.units + said.unit, layer: said.layer, unit: said.unit, name: said.name, interpretable: said.interpretable, token: said[side][0][0], logit: said[side][0][1], said }));
    return found.sort((a, b) => sign * (b.logit - a.logit) || a.number - b.number);
  };
  whole.number = (name) => {
    const [, layer, unit] = /^L(\d+)\.u(\d+)$/.exec(name).map(Number);
    const { layers, units, atlas } = molyneux.run;
    return atlas && layer < layers && unit < units ? layer * units + unit : null;
  };
})();
