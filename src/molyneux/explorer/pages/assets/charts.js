// Small drawings: layers, bars, curves, histograms. Every one is an SVG with a title that says it in words.
"use strict";
(function () {
  const { el, svg, number, probability } = molyneux;
  const charts = (molyneux.charts = {});

  // A layer's place among all, as a tick in a small ladder.
  charts.layer = (layer, layers) => {
    const high = 26;
    const step = high / layers;
    return svg(
      "svg",
      { class: "layer-glyph", viewBox: `0 0 14 ${high}`, width: 14, height: high, role: "img", "aria-label": `layer ${layer} of ${layers}` },
      svg("title", null, `Layer ${layer} of 0 to ${layers - 1}; 0, at the foot, meets the image first`),
      Array.from({ length: layers }, (_, n) =>
        svg("rect", {
          class: n === layer ? "on" : "off",
          x: n === layer ? 0 : 3,
          width: n === layer ? 14 : 8,
          y: high - (n + 1) * step + step * 0.15,
          height: Math.max(0.6, step * (n === layer ? 0.9 : 0.5)),
          rx: 0.6,
        }),
      ),
    );
  };

  const axis = (low, high, count = 4) => {
    const rough = (high - low) / count || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((one) => one >= rough);
    const ticks = [];
    for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) ticks.push(Math.abs(at) < step * 1e-6 ? 0 : at);
    return ticks;
  };

  // The same with their texts, all with the decimals of a step.
  charts.ticks = (low, high, count) => {
    const ticks = axis(low, high, count);
    const decimals = ticks.length > 1 ? Math.max(0, Math.ceil(-Math.log10(ticks[1] - ticks[0]) - 1e-9)) : 3;
    return ticks.map((at) => [at, at.toFixed(decimals)]);
  };

  // Whole numbers in full: 1,000 and not 1.00e+3.
  const tick = (value, digits) => (Number.isInteger(value) ? value.toLocaleString("en").replace("-", "\u2212") : number(value, digits));

  // bars: [{label, value, on, title}], clickable if pick is given.
  charts.bars = (bars, { title, x, y, pick, width = 640 }) => {
    const [W, H, L, B, T] = [width, 200, 44, 36, 26];
    const most = Math.max(1e-12, ...bars.map((bar) => bar.value));
    const wide = (W - L - 8) / bars.length;
    const up = (value) => H - B - (value / most) * (H - B - T);
    return svg(
      "svg",
      { class: "chart", viewBox: `0 0 ${W} ${H}`, role: pick ? "group" : "img", "aria-label": title },
      svg("title", null, title),
      axis(0, most, 3).filter(Number.isInteger).map((at) => [
        svg("line", { class: "rule", x1: L, x2: W - 8, y1: up(at), y2: up(at) }),
        svg("text", { class: "tick", x: L - 6, y: up(at) + 4, "text-anchor": "end" }, tick(at)),
      ]),
      bars.map((bar, n) => {
        const attributes = { class: "bar" + (bar.on ? " on" : ""), x: L + n * wide + wide * 0.12, width: wide * 0.76, y: up(bar.value), height: Math.max(0, H - B - up(bar.value)), rx: 2 };
        if (!pick) return svg("rect", attributes, svg("title", null, bar.title));
        const go = () => pick(bar, n);
        return svg("g", { class: "hit", role: "button", tabindex: 0, "aria-pressed": String(!!bar.on), "aria-label": bar.title, onclick: go,
          onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); go(); } } },
          svg("rect", { class: "catch", x: L + n * wide, width: wide, y: T, height: H - B - T }), svg("rect", attributes), svg("title", null, bar.title));
      }),
      bars.map((bar, n) => bars.length <= 32 || n % 4 === 0 ? svg("text", { class: "tick", x: L + (n + 0.5) * wide, y: H - B + 15, "text-anchor": "middle" }, bar.label) : null),
      svg("text", { class: "axis", x: (L + W) / 2, y: H - 3, "text-anchor": "middle" }, x),
      svg("text", { class: "axis", x: 2, y: 12 }, y),
    );
  };

  // Equal bins from the least value to the most, the last one closed, as numpy.histogram has them.
  charts.bins = (values) => {
    const finite = values.filter(Number.isFinite);
    let [low, high] = [Math.min(...finite), Math.max(...finite)];
    if (low === high) [low, high] = [low - 0.5, high + 0.5];
    const many = Math.max(6, Math.min(40, Math.ceil(Math.sqrt(finite.length) * 2)));
    const edges = Array.from({ length: many + 1 }, (_, n) => (n === many ? high : low + n * ((high - low) / many)));
    const counts = new Array(many).fill(0);
    for (const value of finite) {
      let bin = Math.min(many - 1, Math.floor(((value - low) / (high - low)) * many));
      if (value < edges[bin]) bin--;
      else if (bin < many - 1 && value >= edges[bin + 1]) bin++;
      counts[bin]++;
    }
    return { counts, edges };
  };

  // Values as a histogram, with ticks below it for marked ones: [{value, kind: "top" | "random", title}].
  const ROWS = { top: 8, random: 21 };
  charts.histogram = (values, { title, x, marks, width = 640 }) => {
    const { counts, edges } = charts.bins([...values]);
    const [low, high] = [edges[0], edges.at(-1)];
    const [W, H, L, B, T] = [width, 268, 66, 80, 26];
    const foot = H - B;
    const most = Math.max(...counts);
    const across = (value) => L + ((value - low) / (high - low)) * (W - L - 12);
    const up = (value) => foot - (value / most) * (foot - T);
    const wide = (W - L - 12) / counts.length;
    const range = (n) => `${number(edges[n])} to ${number(edges[n + 1])}`;
    return svg(
      "svg",
      { class: "chart", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title },
      svg("title", null, title),
      axis(0, most, 3).filter(Number.isInteger).map((at) => [
        svg("line", { class: "rule", x1: L, x2: W - 12, y1: up(at), y2: up(at) }),
        svg("text", { class: "tick", x: L - 6, y: up(at) + 4, "text-anchor": "end" }, tick(at)),
      ]),
      counts.map((n, bin) => svg("rect", { class: "bar", "data-count": n, x: L + bin * wide + 1, width: Math.max(1, wide - 2), y: up(n), height: foot - up(n), rx: 1.5 },
        svg("title", null, `${molyneux.count(n, "image")} from ${range(bin)}`))),
      svg("line", { class: "rule", x1: L, x2: W - 12, y1: foot, y2: foot }),
      Object.entries(ROWS).map(([kind, y]) => svg("text", { class: "row-label " + kind, x: L - 6, y: foot + y + 9, "text-anchor": "end" }, kind === "top" ? "strongest" : "random")),
      marks.map(({ value, kind, title: said }) => svg("line", { class: "mark " + kind, "data-value": value, x1: across(value), x2: across(value), y1: foot + ROWS[kind], y2: foot + ROWS[kind] + 10 }, svg("title", null, said))),
      axis(low, high, W < 480 ? 4 : 8).map((at) => [
        svg("line", { class: "rule", x1: across(at), x2: across(at), y1: foot + 34, y2: foot + 39 }),
        svg("text", { class: "tick", "data-value": at, x: across(at), y: foot + 53, "text-anchor": "middle" }, tick(at)),
      ]),
      svg("text", { class: "axis", x: (L + W) / 2, y: H - 4, "text-anchor": "middle" }, x),
      svg("text", { class: "axis", x: 2, y: 12 }, "images"),
    );
  };

  // p of a word by scale: one neuron, and the band of random ones.
  charts.effect = (effect, { title, chosen, width = 640 }) => {
    const [W, H, L, B, T] = [width, 262, 64, 44, 28];
    const { scales, own, random, p } = effect;
    const all = [...own, ...random.flat(), p];
    let low = Math.min(...all);
    let high = Math.max(...all);
    const pad = Math.max((high - low) * 0.15, p * 1e-4, 1e-9);
    [low, high] = [Math.max(0, low - pad), Math.min(1, high + pad)];
    const across = (n) => L + 30 + (n / (scales.length - 1)) * (W - L - 70);
    const up = (value) => H - B - ((value - low) / (high - low)) * (H - B - T);
    const path = (values) => values.map((value, n) => `${n ? "L" : "M"}${across(n).toFixed(1)} ${up(value).toFixed(1)}`).join("");
    const lows = scales.map((_, n) => Math.min(...random.map((draw) => draw[n])));
    const highs = scales.map((_, n) => Math.max(...random.map((draw) => draw[n])));
    const band = path(highs) + scales.map((_, n) => scales.length - 1 - n).map((n) => `L${across(n).toFixed(1)} ${up(lows[n]).toFixed(1)}`).join("") + "Z";
    return svg(
      "svg",
      { class: "chart", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title },
      svg("title", null, title),
      axis(low, high, 4).map((at) => [
        svg("line", { class: "rule", x1: L, x2: W - 12, y1: up(at), y2: up(at) }),
        svg("text", { class: "tick", x: L - 6, y: up(at) + 4, "text-anchor": "end" }, number(at, 5)),
      ]),
      svg("path", { class: "band", d: band }),
      random.map((draw) => svg("path", { class: "draw", d: path(draw) })),
      svg("path", { class: "own", d: path(own) }),
      own.map((value, n) => svg("circle", { class: "dot" + (scales[n] === chosen ? " on" : ""), cx: across(n), cy: up(value), r: scales[n] === chosen ? 6 : 4 },
        svg("title", null, `\u00d7${scales[n]}: p = ${probability(value)}`))),
      scales.map((scale, n) => svg("text", { class: "tick", x: across(n), y: H - B + 18, "text-anchor": "middle" }, scale === 0 ? "0 (off)" : scale === 1 ? "1 (as it is)" : `\u00d7${scale}`)),
      svg("text", { class: "axis", x: (L + W) / 2, y: H - 5, "text-anchor": "middle" }, "its activation, multiplied"),
      svg("text", { class: "axis", x: 2, y: 12 }, `p(${molyneux.tokenText(effect.text)})`),
    );
  };
})();
