// The parts of the neuron page: its head, tokens, place, histogram, neighbours, words, effect.
"use strict";
(function () {
  const { el, number, inert, token, charts, count, alone } = molyneux;
  const parts = (molyneux.parts = {});
  // A chart as wide as its panel: its text is then of the size that style sheets say.
  parts.wide = (panel) => Math.max(300, document.getElementById(panel).clientWidth - 46);

  parts.head = (data) => {
    const { run } = molyneux;
    const stands = data.partial
      ? `It has no full page in this run: pages are made for ${count(run.neurons, "neuron")} that its images list most, for their first nouns above all. Only what its weights say is known here.`
      : data.handed_in ? onHanded(data.handed_in)
      : data.looked === 1 ? "On the one image looked at, it is among the neurons that did most for some word of the caption."
      : `On ${data.images} of the ${count(data.looked, "image")} looked at, it is among the neurons that did most for some word of the caption.`;
    return [
      el("p", { class: "eyebrow" }, "Neuron"),
      el("div", { class: "head-line" }, charts.layer(data.layer, run.layers), el("h1", { class: "neuron-name" }, data.name), molyneux.verdict(data.interpretable), molyneux.chance() === null ? null : el("span", { class: "note" }, `by chance: ${molyneux.chance()}`)),
      el("p", { class: "lede" },
        `Unit ${data.unit.toLocaleString("en")} of layer ${data.layer}\u2019s MLP, in a language model of ${run.layers} layers. By its weights, firing makes `,
        data.boosted.slice(0, 4).map(([text]) => [token(text, { class: "chip" }), " "]), "more likely. ", stands),
    ];
  };

  // Where only an image that was handed in has it, which is no image of the run.
  const onHanded = ({ key, name, others }) => ["On the image that was handed in, ", el("a", { href: molyneux.link("image", { image: key }) }, el("bdi", null, inert(name))),
    `, it is among the neurons that did most for some word of the caption. Where it fires and which words list it is told of that image alone. ${listedInRun(others)}.`];
  const listedInRun = (others) => `Of the run\u2019s ${count(molyneux.run.images, "image")}, ${others ? `${others.toLocaleString("en")} list${others === 1 ? "s" : ""} it, too few for a page of its own` : "none lists it"}`;

  // Tokens with logits; each side's bars are drawn to the side's own longest.
  parts.tokens = (data) => {
    const side = (title, list, kind) => {
      const most = Math.max(...list.map(([, logit]) => Math.abs(logit)), 1e-30);
      return el("div", null, el("h3", null, title),
        el("ol", { class: "logits " + kind }, list.map(([text, logit, p]) =>
          el("li", null, el("span", null, token(text)), el("span", { class: "logit-bar", vars: { "--share": String(Math.abs(logit) / most) } }),
            el("span", { class: "logit", title: p === undefined ? null : `softmax over all tokens: ${number(p)}` }, number(logit))))));
    };
    return el("div", { class: "sides" }, side("Raises", data.boosted, "up"), side("Lowers", data.suppressed, "down"));
  };

  const share = (rank, of) => (of ? ` (top ${Math.max(1, Math.ceil((100 * rank) / of))}%)` : "");
  const bars = (counts, own, what) => counts.map((value, layer) => ({ label: String(layer), value, on: layer === own, title: `Layer ${layer}: ${count(value, what)}` }));
  parts.place = (data) => {
    const { run } = molyneux;
    const title = `Neurons in any ${data.handed_in ? "of the run\u2019s images\u2019" : "image\u2019s"} lists, by layer`;
    const strongest = data.images_seen === 1 ? "the one image looked at" : count(data.images_seen, "image");
    return [el("dl", { class: "facts-list" },
      el("dt", null, "Layer"), el("dd", null, `${data.layer} of 0 to ${run.layers - 1}; 0 meets the image first`),
      el("dt", null, "Output vector"), el("dd", null, `length ${number(data.norm)}, rank ${data.norm_rank.toLocaleString("en")} of ${(data.layer_units || 0).toLocaleString("en")} in its layer${share(data.norm_rank, data.layer_units)}`),
      el("dt", null, "Listed"), el("dd", null, data.handed_in ? `by the image handed in; of the run\u2019s ${count(run.images, "image")}, by ${data.handed_in.others || "none"}` : `by ${count(data.images, "image")}: rank ${data.named_rank} of the layer\u2019s ${data.layer_named} neurons with a page`),
      el("dt", null, "Strongest"), el("dd", null, data.top.length ? `activation ${number(data.top[0].activation)} over ${data.handed_in ? "the image handed in" : strongest}` : "\u2013")),
      el("h3", { class: "over-chart" }, title),
      charts.bars(bars(run.layer_neurons, data.layer, "neuron"), { title: `${title}; this one is in layer ${data.layer}`, x: "layer (orange: its own)", y: "neurons", width: parts.wide("place") })];
  };
  // Where only the weights are known: how the layer's neurons say words.
  parts.weights = (data) => {
    const { run } = molyneux;
    const [neurons, words] = run.atlas.by_layer[data.layer];
    const title = "Interpretable neurons, by layer";
    return [el("dl", { class: "facts-list" },
      el("dt", null, "Layer"), el("dd", null, `${data.layer} of 0 to ${run.layers - 1}; 0 meets the image first`),
      el("dt", null, "Its layer"), el("dd", null, `${words.toLocaleString("en")} of ${count(neurons, "neuron")} are interpretable; by chance ${molyneux.chance()} would be`)),
      el("h3", { class: "over-chart" }, title),
      charts.bars(bars(run.atlas.by_layer.map(([, one]) => one), data.layer, "neuron"), { title: `${title}; this one is in layer ${data.layer}`, x: "layer (orange: its own)", y: "neurons", width: parts.wide("place") })];
  };

  // Half of the images, one in ten, and the strongest, in words.
  parts.firing = (data, values) => {
    const sorted = [...values].filter(Number.isFinite).sort((a, b) => a - b);
    if (!sorted.length) return [el("p", { class: "empty" }, "No image was looked at.")];
    const at = (q) => {
      const place = q * (sorted.length - 1);
      const low = Math.floor(place);
      return sorted[low] + (place - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
    };
    const marks = ["random", "top"].flatMap((kind) => data[kind].map((one) => ({ value: one.activation, kind, title: `${inert(one.caption || one.name)}: ${number(one.activation)}` })));
    return [
      el("p", { class: "note" }, `Its largest activation over an image\u2019s patches, on ${count(sorted.length, "image")}. On half of them it reaches `, el("b", { "data-quantile": "0.5" }, number(at(0.5))), ", on one in ten ", el("b", { "data-quantile": "0.9" }, number(at(0.9))), "; the most is ", el("b", { "data-quantile": "1" }, number(at(1))), "."),
      charts.histogram(values, { title: `Largest activation of ${data.name} on each of ${values.length} images`, x: "largest activation on an image", marks, width: parts.wide("histogram") }),
      el("p", { class: "note" }, "The ticks below the bars are the images shown above."),
    ];
  };

  const linked = (name, page) => page || molyneux.run.atlas ? el("a", { class: "name", href: molyneux.link("neuron", { neuron: name }) }, name) : el("span", { class: "name", title: "without a page in this run" }, name);
  parts.nearest = (data) => el("div", { class: "wide-table" }, el("table", null,
    el("thead", null, el("tr", null, el("th", null, "neuron"), el("th", { class: "number" }, "cosine"), el("th", null, "raises"))),
    el("tbody", null, data.nearest.map((one) => el("tr", null,
      el("td", null, linked(one.name, one.page)),
      el("td", { class: "number" }, one.cosine.toFixed(3)),
      el("td", null, one.tokens.map((text) => [token(text, { class: "chip" }), " "])))))));

  parts.named = (data) => data.named.length ? [
    el("p", { class: "note" }, `Words of captions that it is listed for: its rank among all neurons by score, and the score, how much of the word\u2019s logit it accounts for to first order.${data.named_places > data.named.length ? ` The first ${data.named.length} of ${data.named_places}.` : ""}`),
    el("div", { class: "wide-table tall" , tabindex: 0, role: "region", "aria-label": "Words that list it" }, el("table", null,
      el("thead", null, el("tr", null, el("th", null, "word"), el("th", null, "in"), el("th", { class: "number" }, "rank"), el("th", null, "by"), el("th", { class: "number" }, "score"))),
      el("tbody", null, data.named.map((one) => el("tr", null,
        el("td", null, el("a", { href: molyneux.link("image", { image: one.key, word: one.index, rank: one.by, neuron: data.name }) }, el("bdi", null, inert(one.word)))),
        el("td", null, inert(one.caption)),
        el("td", { class: "number" }, String(one.rank)), el("td", null, one.by === "sum" ? "all patches" : "best patch"), el("td", { class: "number" }, number(one.score))))))),
  ] : [el("p", { class: "empty" }, "No word of the images looked at lists it.")];

  parts.effect = (effect, scale) => {
    const n = Math.max(0, effect.scales.indexOf(scale));
    const band = effect.random.map((draw) => draw[n]);
    const [own, many] = [effect.own[n], band.length];
    const [low, high] = molyneux.draw.range(band);
    const said = `p(${effect.text}) by the neuron\u2019s activation; band: ${effect.random.length} random neurons of its layer`;
    const fine = alone.finely(own, effect.p);
    return [
      el("p", { class: "note" }, `How likely the model is to write \u201c${molyneux.tokenText(effect.text)}\u201d in \u201c${inert(effect.caption)}\u201d, with this neuron alone changed. `, el("a", { href: molyneux.link("image", { image: effect.key, word: effect.word }) }, "The image")),
      charts.effect(effect, { title: said, chosen: scale, width: parts.wide("effect") }),
      el("p", { class: "legend" }, el("span", { class: "one" }, el("span", { class: "key line top" }), "this neuron"), el("span", { class: "one" }, el("span", { class: "key line random" }), `${many} random neurons of its layer, the control`)),
      el("p", { class: "effect-said" }, scale === 0 ? "Switched off: " : scale === 1 ? "As it is: " : `Multiplied by ${scale}: `, "p = ", el("strong", null, fine(own)),
        scale === 1 ? "." : ` (${alone.change(own, effect.p)}; as it is, ${fine(effect.p)}). With a random neuron instead, p ${alone.between(low, high, fine)}. ${alone.verdict(own, effect.p, band)}`),
    ];
  };
})();
