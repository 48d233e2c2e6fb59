// The parts of the neuron page: tokens, tiles, neighbours.
"use strict";
(function () {
  const { el, number, probability, percent, inert, token, charts } = molyneux;
  const parts = (molyneux.parts = {});

  parts.head = (data) => {
    const { run } = molyneux;
    return [
      el("p", { class: "eyebrow" }, "Neuron"),
      el("div", { class: "head-line" },
        charts.layer(data.layer, run.layers),
        el("h1", { class: "neuron-name" }, data.name),
        el("span", { class: "verdict " + (data.interpretable ? "yes" : "no") }, data.interpretable ? "\u2713 interpretable" : "not interpretable")),
      el("p", { class: "lede" },
        `Unit ${data.unit.toLocaleString("en")} of the MLP in layer ${data.layer}, of ${run.layers}. It speaks for `,
        data.boosted.slice(0, 4).map(([text]) => [token(text, { class: "chip" }), " "]),
        data.partial ? "and stands in no list of the images looked at: only its weights are known here." : `and stands in the lists of ${molyneux.count(data.images, "image")}.`),
    ];
  };

  // Tokens with logits; each side's bars are drawn to the side's own longest.
  parts.tokens = (data) => {
    const side = (title, list, kind) => {
      const most = Math.max(...list.map(([, logit]) => Math.abs(logit)), 1e-30);
      return el("div", null, el("h3", null, title),
        el("ol", { class: "logits " + kind }, list.map(([text, logit, p]) =>
          el("li", null, token(text), el("span", { class: "logit-bar", vars: { "--share": String(Math.abs(logit) / most) } }),
            el("span", { class: "logit", title: p === undefined ? null : `p = ${number(p)} if nothing else spoke` }, number(logit))))));
    };
    return el("div", { class: "sides" }, side("Boosted", data.boosted, "up"), side("Suppressed", data.suppressed, "down"));
  };

  parts.place = (data) => {
    const share = (rank, of) => (of ? ` (top ${Math.max(1, Math.ceil((100 * rank) / of))}%)` : "");
    const bars = molyneux.run.layer_neurons.map((value, layer) => ({ label: String(layer), value, on: layer === data.layer, title: `Layer ${layer}: ${molyneux.count(value, "neuron")}` }));
    return [el("dl", { class: "facts-list" },
      el("dt", null, "Layer"), el("dd", null, `${data.layer} of 0 to ${molyneux.run.layers - 1}`),
      el("dt", null, "Output vector"), el("dd", null, `length ${number(data.norm)}, rank ${data.norm_rank.toLocaleString("en")} of ${(data.layer_units || 0).toLocaleString("en")} in its layer${share(data.norm_rank, data.layer_units)}`),
      el("dt", null, "Listed"), el("dd", null, `by ${molyneux.count(data.images, "image")}: rank ${data.named_rank} of the layer\u2019s ${data.layer_named} neurons with a page`),
      el("dt", null, "Strongest"), el("dd", null, data.top.length ? `${number(data.top[0].activation)} over ${molyneux.count(data.images_seen, "image")}` : "\u2013")),
      el("h3", { class: "over-chart" }, "Neurons in any image\u2019s lists, by layer"),
      charts.bars(bars, { title: `Neurons in any image\u2019s lists, by layer; this one is in layer ${data.layer}`, x: "layer", y: "neurons" })];
  };

  parts.tiles = (data) => {
    // One scale for all maps, top and random, so that they can be compared.
    const all = [...data.top, ...data.random].flatMap((one) => [...molyneux.draw.floats(one.map)]);
    const range = molyneux.draw.range(all.length ? all : [0, 1]);
    const row = (title, note, list) => el("div", { class: "tile-row" }, el("h3", null, title, el("span", { class: "note" }, ` ${note}`)),
      el("ul", { class: "maps" }, list.map((one) => el("li", null, link(one, [molyneux.tile(one, range), el("span", { class: "tile-note" }, number(one.activation)), el("span", { class: "tile-caption small" }, inert(one.caption || one.name))], data.name)))));
    return [
      row("It fires on these most", "largest activation at any patch", data.top),
      row("Random images", "the control: any neuron has strongest images", data.random),
      molyneux.scale(...range, "activation, the same scale for all"),
    ];
  };
  const link = (one, content, neuron) => one.page ? el("a", { class: "map-tile", href: molyneux.link("image", { image: one.key, neuron }) }, content) : el("div", { class: "map-tile" }, content);

  parts.nearest = (data) => el("div", { class: "wide-table" }, el("table", null,
    el("thead", null, el("tr", null, el("th", null, "neuron"), el("th", { class: "number" }, "cosine"), el("th", null, "speaks for"))),
    el("tbody", null, data.nearest.map((one) => el("tr", null,
      el("td", null, one.page ? el("a", { class: "name", href: molyneux.link("neuron", { neuron: one.name }) }, one.name) : el("span", { class: "name" }, one.name)),
      el("td", { class: "number" }, one.cosine.toFixed(3)),
      el("td", null, one.tokens.map((text) => [token(text, { class: "chip" }), " "])))))));

  parts.named = (data) => data.named.length ? el("div", { class: "wide-table tall" , tabindex: 0, role: "region", "aria-label": "Words that list it" }, el("table", null,
    el("thead", null, el("tr", null, el("th", null, "word"), el("th", null, "in"), el("th", { class: "number" }, "rank"), el("th", null, "by"), el("th", { class: "number" }, "score"))),
    el("tbody", null, data.named.map((one) => el("tr", null,
      el("td", null, el("a", { href: molyneux.link("image", { image: one.key, word: one.index, rank: one.by, neuron: data.name }) }, el("bdi", null, inert(one.word)))),
      el("td", null, inert(one.caption)),
      el("td", { class: "number" }, String(one.rank)), el("td", null, one.by === "sum" ? "all patches" : "best patch"), el("td", { class: "number" }, number(one.score))))))) : el("p", { class: "empty" }, "No word of the images looked at lists it.");

  parts.effect = (effect, scale) => {
    const n = Math.max(0, effect.scales.indexOf(scale));
    const band = effect.random.map((draw) => draw[n]);
    const change = percent(effect.own[n] / effect.p - 1);
    const [low, high] = molyneux.draw.range(band);
    const less = band.filter((p) => Math.abs(p - effect.p) < Math.abs(effect.own[n] - effect.p)).length;
    const said = `p(${effect.text}) by the neuron\u2019s activation; band: ${effect.random.length} random neurons of its layer`;
    return [
      el("p", { class: "note" }, "on \u201c", inert(effect.caption), "\u201d: ", el("a", { href: molyneux.link("image", { image: effect.key, word: effect.word }) }, "the image")),
      charts.effect(effect, { title: said, chosen: scale }),
      el("p", { class: "effect-said" }, scale === 0 ? "Switched off: " : `Multiplied by ${scale}: `, "p = ", el("strong", null, probability(effect.own[n])), ` (${change}); ${effect.random.length} random neurons of its layer: ${probability(low)} to ${probability(high)}. `,
        scale === 1 ? "" : `It changes p more than ${less} of these ${band.length} do.`),
    ];
  };
})();
