// Whether a neuron is interpretable: the mark, the rule behind it, and how often chance alone would give it.
"use strict";
(function () {
  const { el } = molyneux;
  const RULE = "at least 7 of the 10 tokens that it raises most are English words of three letters or more";

  // How often ten tokens drawn at random would pass, as text; null where no atlas came with the run.
  molyneux.chance = () => {
    const { atlas } = molyneux.run;
    if (!atlas) return null;
    const share = atlas.by_chance;
    if (share > 0.999 && share < 1) return "over 99.9%";
    if (share < 0.001 && share > 0) return "under 0.1%";
    return `${Math.round(1000 * share) / 10}%`;
  };
  molyneux.verdict = (interpretable) =>
    el("span", { class: "verdict " + (interpretable ? "yes" : "no"), title: `Interpretable: ${RULE}` }, interpretable ? "\u2713 interpretable" : "not interpretable");
  // The same in a table whose heading says what is judged.
  molyneux.verdictCell = (interpretable) => el("td", null, interpretable ? el("span", { class: "verdict yes" }, "\u2713 yes") : el("span", { class: "note" }, "no"));
  molyneux.verdictHead = () => el("th", { title: RULE }, "interpretable", molyneux.chance() === null ? null : el("span", { class: "note by-chance" }, ` by chance: ${molyneux.chance()}`));
  molyneux.rule = () => {
    const chance = molyneux.chance();
    if (chance === null) return `Interpretable: ${RULE}.`;
    return `Interpretable: ${RULE}. Of neurons with ten random tokens of this vocabulary, ${chance} would be${molyneux.run.atlas.by_chance > 0.5 ? ": in this model the mark alone says little" : ""}.`;
  };
})();
