// The image page in short: which neuron, by what estimate, and what the tests say, each beside its control.
"use strict";
(function () {
  const { el, percent, probability, inert, token, alone, count, draw, parts } = molyneux;

  // 2: second, 21: 21st, 112: 112th.
  const ORDINALS = new Intl.PluralRules("en", { type: "ordinal" });
  const ordinal = (n) => ["", "first", "second", "third"][n] || n + { one: "st", two: "nd", few: "rd", other: "th" }[ORDINALS.select(n)];
  parts.ordinal = ordinal;
  const said = (text) => el("strong", null, "\u201c", el("bdi", null, inert(text)), "\u201d");
  const nameLink = (one) => one.page ? el("a", { class: "name", href: molyneux.link("neuron", { neuron: one.name }) }, one.name) : el("span", { class: "name" }, one.name);
  const total = () => molyneux.run.layers * molyneux.run.units;

  parts.lede = (image, { word, listed, neuron, ranking, by }) => {
    if (!word) return [];
    if (!word.computed)
      return [el("p", null, "The neurons for ", said(word.text), " were not computed in this run: only the first noun\u2019s were. ",
        "Compute them with the experiment \u201clooks\u201d and words=\u201call\u201d.")];
    if (!neuron) return [el("p", null, "No neuron is listed for this word.")];
    const one = image.neurons.find((other) => other.name === neuron[0]);
    const tests = [lone(word, one), crowd(image, word, ranking.strip)].filter(Boolean);
    return [
      el("p", null, nameLink(one), who(listed.indexOf(neuron), by), said(word.text), ` among the model\u2019s ${count(total(), "neuron")}. It makes these words more likely: `,
        one.tokens.slice(0, 4).map(([text], n) => [n ? " " : "", token(text, { class: "chip" })]), one.interpretable ? "." : " (by the paper\u2019s rule it is not interpretable)."),
      tests.length ? el("ul", { class: "tests" }, tests.map((test) => el("li", null, test))) : null,
    ].filter(Boolean);
  };
  const who = (place, by) => `, by a first-order estimate, did ${place ? `${ordinal(place + 1)} most` : "most"}${by === "max" ? " at a single patch" : ""} for `;

  // What switching off the one neuron did to this word, where the run has tried it; else nothing.
  function lone(word, one) {
    const [, p, own, band] = (word.alone || []).find(([name]) => name === one.name) || [];
    if (own === undefined) return null;
    const fine = alone.finely(own, p);
    const [low, high] = draw.range(band);
    const beyond = own < low || own > high;
    return el("span", { class: "alone" }, "Test, it alone switched off: p(", el("bdi", null, inert(word.text)), `) goes from ${fine(p)} to ${fine(own)}, `,
      el("strong", { class: beyond ? "effect" : "control" }, alone.change(own, p)), ".",
      band.length ? ` With any of ${count(band.length, "random neuron")} of its layer off instead, p ${alone.between(low, high, fine)}. ${alone.verdict(own, p, band)}` : null);
  }

  // What is left without the highest scores, at every count tried, and without as many random neurons.
  function crowd(image, word, strip) {
    const tried = (strip ? strip.units : []).map(({ arms }) => ({ top: arms.find((one) => one.arm === "top"), random: arms.find((one) => one.arm === "random") })).filter(({ top, random }) => top && random);
    if (!tried.length) return null;
    const off = tried.map(({ top, random }, n) => {
      const p = parts.mean(top);
      return [n ? "; with " : "With ", `${top.units.toLocaleString("en")} off (${share(top.units)} of all) `, n ? "" : "p is ", `${probability(p)}, `, el("strong", { class: parts.beyond(p, random) ? "effect" : "control" }, percent(p / word.p - 1)), rewritten(image, top)];
    });
    const controls = tried.map(({ random }) => probability(parts.mean(random)));
    const lowers = tried.filter(({ top, random }) => parts.mean(top) < Math.min(...random.draws.map(([p]) => p))).length;
    return el("span", { class: "crowd" }, "Test, those of the highest scores switched off together: ", off, ". With as many random neurons of the same layers off: ", controls.join(" and "), `.`,
      lowers ? null : " So the tests do not confirm the ranking for this word.");
  }
  const share = (units) => {
    const said = (100 * units) / total();
    return `${said >= 10 ? Math.round(said) : Math.round(said * 10) / 10}%`;
  };
  const rewritten = (image, arm) => {
    const text = arm.draws[0][1];
    return text === image.caption ? "" : [", and the caption becomes ", said(text || "(nothing)")];
  };
})();
