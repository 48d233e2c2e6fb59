// Numbers in words, and what of one caption is left in another.
"use strict";
(function () {
  const isNumber = Number.isFinite;
  molyneux.number = (value, digits = 3) => {
    if (!isNumber(value)) return "\u2013";
    const [size, plain] = [Math.abs(value), value.toLocaleString("en", { maximumFractionDigits: 0 }).replace("-", "\u2212")];
    if (Number.isInteger(value) ? size < 1e15 : Math.round(size) >= 10 ** digits && size < 1e6) return value === 0 ? "0" : plain; // in full
    if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) {
      const [head, tail] = value.toExponential(digits - 1).split("e");
      return `${head}e${Number(tail)}`.replaceAll("-", "\u2212");
    }
    return (Math.round(value * 1e6) / 1e6).toPrecision(digits).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "").replace("-", "\u2212");
  };
  molyneux.probability = (value) => {
    if (!isNumber(value)) return "\u2013";
    if (value >= 0.995 && value < 1) return value >= 0.99995 ? "> 0.9999" : value.toFixed(4);
    if (value >= 0.9 && value < 0.995) return value.toFixed(3);
    if (value >= 0.0995) return value.toFixed(2);
    if (value >= 0.000995) return value.toFixed(3);
    return molyneux.number(value, 2);
  };
  molyneux.percent = (share) => {
    if (!isNumber(share)) return "\u2013";
    let said = Math.abs(share) >= 0.0095 ? Math.round(share * 100) : Math.round(share * 1000) / 10;
    if (said === -100 && share > -1) said = -Math.min(99.9, Math.floor(-share * 1000) / 10); // something is left
    if (Math.abs(share) < 5e-7) return "0%"; // what rounding alone can do
    return (share > 0 ? "+" : "\u2212") + (said === 0 ? molyneux.number(Math.abs(100 * share), 1) : Math.abs(said)) + "%"; // little is not nothing
  };
  molyneux.count = (value, one, many) =>
    `${isNumber(value) ? value.toLocaleString("en") : "\u2013"} ${value === 1 ? one : many || one + "s"}`;

  // Both texts' words in one line, along their longest common subsequence: kept (bdi), gone (del), new (mark).
  molyneux.merged = (before, after) => {
    const a = before.split(/\s+/).filter(Boolean);
    const b = after.split(/\s+/).filter(Boolean);
    const table = Array.from({ length: a.length + 1 }, () => new Int32Array(b.length + 1));
    for (let i = a.length - 1; i >= 0; i--)
      for (let j = b.length - 1; j >= 0; j--)
        table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    const told = [];
    for (let i = 0, j = 0; i < a.length || j < b.length; ) {
      if (i < a.length && j < b.length && a[i] === b[j]) told.push([b[j++], "bdi"]), i++;
      else if (i < a.length && (j === b.length || table[i + 1][j] >= table[i][j + 1])) told.push([a[i++], "del"]);
      else told.push([b[j++], "mark"]);
    }
    return told;
  };
  // The words of the new text, each with whether it is new.
  molyneux.diff = (before, after) =>
    molyneux.merged(before, after).filter(([, tag]) => tag !== "del").map(([word, tag]) => [word, tag === "mark"]);
})();
