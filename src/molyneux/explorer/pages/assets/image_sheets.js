// The image page's lists as drawings: the caption's tokens, the neurons behind a word, the captions without them.
"use strict";
(function () {
  const { number, probability, percent, inert, tokenText, parts, sheet } = molyneux;
  const words = (text) => inert(text).split(/\s+/).filter(Boolean).map((word) => [word, false]);
  const sheets = (parts.sheets = {});

  sheets.caption = (image) =>
    sheet(`\u201c${inert(image.caption)}\u201d`, `${inert(image.name)}: each token of the caption, and p of it when it was written`, image.tokens.map(([text, p], n) => {
      const word = image.words.find((one) => one.first <= n && n <= one.last);
      return { kind: word && word.noun ? "top" : "plain", name: tokenText(text), note: `token ${n}`, share: p, figure: `p = ${probability(p)}`, words: word && word.first === n ? [[inert(word.text), word.noun]] : [] };
    }));

  sheets.neurons = (image, { word, listed, by }) => {
    const best = Math.max(...listed.map((one) => Math.abs(one[1])), 1e-30);
    const title = `Neurons behind \u201c${inert(word ? word.text : "")}\u201d in \u201c${inert(image.caption)}\u201d`;
    const how = by === "sum" ? "ranked by score summed over all patches" : "ranked by score at the best single patch";
    return sheet(title, `${inert(image.name)}: ${how}; the tokens that each raises most`, listed.map(([name, score, patch], n) => {
      const one = image.neurons.find((other) => other.name === name);
      const note = `${n + 1}. ${one.interpretable ? "interpretable" : "not interpretable"}, patch ${patch}, on ${one.others} other${one.others === 1 ? "" : "s"}`;
      return { kind: score < 0 ? "random" : "top", name, note, share: Math.abs(score) / best, figure: number(score), words: one.tokens.slice(0, 8).map(([text]) => [tokenText(text), false]) };
    }));
  };

  sheets.strip = (image, { word, strip }) => {
    if (!word || !strip) return sheet("No captions without neurons were computed for this word.", inert(image.name), []);
    const arms = parts.arms(image, word, strip).map(({ arm, title, note, p, draws, text, more }) => ({
      kind: arm, name: title, note: more || note, share: p, was: arm === "original" ? undefined : word.p,
      ...(draws ? { from: Math.min(...draws), to: Math.max(...draws) } : {}),
      figure: probability(p) + (arm === "original" ? "" : `  ${percent(p / word.p - 1)}`),
      words: text ? molyneux.diff(image.caption, text).map(([one, fresh]) => [inert(one), fresh]) : words("(an empty caption)"),
    }));
    return sheet(`p(${tokenText(word.text)}) and the caption without neurons`, `${inert(image.name)}: bar: p, the words before it held fixed; line: as it is; new words are bold`, arms);
  };
})();
