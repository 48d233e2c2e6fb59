// What one neuron alone does to a p, in words: with the digits that small changes need, and beside random neurons.
"use strict";
(function () {
  const { number, percent, probability } = molyneux;
  const alone = (molyneux.alone = {});

  // Writes probabilities with enough digits to tell one from the other.
  alone.finely = (value, other) => {
    const apart = Math.abs(value - other);
    if (value < 1e-3 || other < 1e-3 || !apart) return probability;
    const digits = Math.min(8, Math.max(2, Math.ceil(1 - Math.log10(apart) - 1e-9)));
    return (p) => p.toFixed(digits);
  };
  alone.change = (value, from) => {
    const said = percent(value / from - 1);
    if (said !== "0%" || value === from) return said;
    return `${value > from ? "+" : "\u2212"}${number(Math.abs(100 * (value / from - 1)), 1)}%`;
  };
  alone.between = (low, high, fine) => (fine(low) === fine(high) ? `stays at ${fine(low)}` : `lies between ${fine(low)} and ${fine(high)}`);
  // By how far p moves, up or down.
  alone.verdict = (own, p, band) => {
    const less = band.filter((one) => Math.abs(one - p) < Math.abs(own - p)).length;
    if (less === band.length) return `It changes p more than each of the ${band.length} does.`;
    return less ? `It changes p more than ${less} of the ${band.length} do.` : `Each of the ${band.length} changes p as much or more.`;
  };
})();
