// The parts of the image page: caption, sentence in short, neurons, strip of captions.
"use strict";
(function () {
  const { el, svg, number, probability, percent, inert, token, tokenText, charts } = molyneux;
  const parts = (molyneux.parts = {});

  // ---- caption -------------------------------------------------------------------------------------
  parts.caption = (image, chosen, pick, takes) => {
    const pieces = [];
    let at = 0;
    image.words.forEach((word, index) => {
      pieces.push(inert(image.caption.slice(at, word.start)));
      at = word.end;
      const p = image.tokens[word.first] ? image.tokens[word.first][1] : NaN;
      pieces.push(
        el(
          "button",
          {
            class: "word" + (word.noun ? " noun" : "") + (word.computed ? "" : " dim"),
            "aria-pressed": String(index === chosen),
            "data-word": index,
            title: `p = ${probability(p)}` + (word.noun ? "; the first noun" : ""),
            onclick: () => pick(index),
            vars: { "--p": String(Math.max(0, Math.min(1, p || 0))) },
          },
          el("bdi", null, inert(word.text)),
        ),
      );
    });
    pieces.push(inert(image.caption.slice(at)));
    const word = image.words[chosen];
    return [
      el("div", { class: "heading" }, el("p", { class: "eyebrow" }, "The model wrote"), molyneux.takeAway("The caption", takes)),
      el("h1", { class: "said", dir: "ltr" }, image.caption ? pieces : el("em", null, "(an empty caption)")),
      el("p", { class: "word-line" }, word ? wordLine(image, word) : image.selected === null
        ? "This caption has no noun that the tagger finds: choose a word." : null),
    ];
  };

  function wordLine(image, word) {
    const tokens = image.tokens.slice(word.first, word.last + 1);
    return [
      tokens.length > 1 ? `${tokens.length} tokens: ` : "One token: ",
      tokens.map(([text, p], n) => [
        n ? " " : "",
        token(text, { class: "chip" + (n ? "" : " explained"), title: n ? "" : "the token that is explained" }),
        el("span", { class: "p" }, ` p = ${probability(p)}`),
      ]),
      tokens.length > 1 ? " The first is explained: with it the model decides on the word." : null,
      word.noun ? el("span", { class: "tag" }, "first noun") : null,
    ];
  }

  const mean = (parts.mean = (arm) => arm.draws.reduce((sum, [p]) => sum + p, 0) / arm.draws.length);
  // Whether p lies outside what the random draws gave.
  const beyond = (parts.beyond = (p, random) => {
    const [low, high] = molyneux.draw.range(random.draws.map(([one]) => one));
    return p < low || p > high;
  });

  // What the patch beside a score is: a sum has none of its own.
  parts.peak = (by) => (by === "sum" ? "patch that adds most" : "patch of its score");

  // What the list is, and what a score, a word in it and a bar mean.
  parts.listNote = ({ word, listed, by }) => {
    if (!word || !listed.length) return "";
    const summed = by === "sum" ? "all patches together" : "its best single patch, as in the paper\u2019s tables";
    return `Score: by how much, estimated to first order, a neuron raised the word\u2019s logit, the model\u2019s preference for it; ${summed}. The ${listed.length} highest. The words are those that a neuron makes more likely on any image, read from its weights.`;
  };

  // ---- the images that a neuron fires on most, beside random ones ------------------------------------
  parts.elsewhere = (image, name) => {
    const one = image.neurons.find((other) => other.name === name);
    if (!one || !one.fires) return [];
    const row = (title, some) => [el("h3", null, title), el("ul", { class: "small-tiles" }, some.map(([key, value, page]) => {
      const content = [el("img", { src: `data/thumbs/${key}.jpg`, alt: "", width: 96, height: 96, loading: "lazy" }), el("span", { class: "tile-note" }, number(value))];
      return el("li", null, page ? el("a", { href: molyneux.link("image", { image: key }), "aria-label": `Image on which ${name} reaches ${number(value)}` }, content) : content);
    }))];
    return [
      el("p", { class: "note" }, `The largest activation of ${name} on an image, over all ${molyneux.count(one.fires.seen, "image")} of the run:`),
      el("div", { class: "sides" }, el("div", null, row("where it is largest", one.fires.top)), el("div", null, row("on random images", one.fires.random))),
    ];
  };

  // ---- neurons -------------------------------------------------------------------------------------
  // on: {pick(name), preview(name | null)}
  parts.neurons = (image, { word, listed, neuron, by }, on) => {
    const chosen = neuron && neuron[0];
    if (!word || !word.computed || !listed.length) return el("p", { class: "empty" }, word ? "No neurons computed for this word." : "Choose a word of the caption.");
    const best = Math.max(...listed.map((one) => Math.abs(one[1])), 1e-30);
    const byName = new Map(image.neurons.map((one) => [one.name, one]));
    const list = el("ol", { class: "neurons" }, listed.map(([name, score, patch], rank) => row(byName.get(name), { rank, score, patch, best, chosen, by, on })));
    list.addEventListener("pointerleave", () => on.preview(null));
    return list;
  };

  function row(one, { rank, score, patch, best, chosen, by, on }) {
    const shown = one.tokens.slice(0, 5);
    const node = el(
      "li",
      { class: "neuron", "data-neuron": one.name, "data-patch": patch, "data-chosen": one.name === chosen ? "yes" : null },
      charts.layer(one.layer, molyneux.run.layers),
      el(
        "button",
        { class: "pick", "aria-pressed": String(one.name === chosen), onclick: () => on.pick(one.name) },
        el("span", { class: "line" },
          el("span", { class: "rank" }, String(rank + 1)),
          el("span", { class: "name" }, one.name),
          el("span", { class: "score", title: "score: how much it raised the word\u2019s logit, to first order" },
            el("span", { class: "score-bar" + (score < 0 ? " less" : ""), vars: { "--share": String(Math.abs(score) / best) } }), el("span", { class: "figure-text" }, number(score))),
        ),
        el("span", { class: "tokens" }, shown.map(([text, logit]) => token(text, { class: "chip", title: `logit ${number(logit)}` }))),
        el("span", { class: "facts" },
          molyneux.verdict(one.interpretable),
          el("span", { title: parts.peak(by) }, `patch ${patch}`),
          el("span", null, one.others ? `listed on ${molyneux.count(one.others, "other image")}` : "listed on no other image"),
          el("span", { class: "here", "aria-hidden": "true" }),
        ),
      ),
      one.page ? el("a", { class: "open", href: molyneux.link("neuron", { neuron: one.name }), "aria-label": `Page of ${one.name}`, title: "its page" }, "\u2192") : el("span", { class: "open none", title: "no page: too few images list it", "aria-label": "no page: too few images list it" }),
    );
    node.addEventListener("pointerenter", () => on.preview(one.name));
    node.querySelector(".pick").addEventListener("focus", () => on.preview(one.name));
    node.querySelector(".pick").addEventListener("blur", () => on.preview(null));
    return node;
  }

  // Lights the neurons that fire at a patch: their activation there, between their own least and most.
  parts.light = (list, patch, levels) => {
    for (const item of list.querySelectorAll("li.neuron")) {
      const told = patch === null ? null : levels(item.dataset.neuron, patch);
      item.classList.toggle("lit", !!(told && told.fires));
      item.classList.toggle("peak", patch !== null && Number(item.dataset.patch) === patch);
      const here = item.querySelector(".here");
      here.replaceChildren();
      if (!told) continue;
      here.append(el("span", { class: "level", vars: { "--level": String(told.level), "--colour": molyneux.draw.css(told.level) } }), number(told.value));
    }
  };

  // ---- the strip ------------------------------------------------------------------------------------
  const TITLES = {
    top: (n) => [`Without the top ${n} neurons`, "the highest scores for this word"],
    interpretable: (n) => [`Without ${n} interpretable ones`, "the highest scores among those"],
    random: (n) => [`Without ${n} random neurons`, "of the same layers: the control"],
  };
  // What the cards compare, in words.
  parts.stripNote = (word, strip) => word && strip ? `How likely \u201c${inert(word.text)}\u201d still is, and the caption that the model then writes from its first word on; other words of it may change too. Random neurons are drawn from the same layers, whether or not they fire on this image.` : "";
  parts.strip = (image, word, strip) => {
    if (!word || !strip) return el("p", { class: "empty" }, "No captions without neurons were computed for this word.");
    return el("div", { class: "cards" }, parts.arms(image, word, strip).map((one) => card({ ...one, image, word })));
  };
  // What each arm did: p as the mean of its draws, and the caption that came up most often.
  parts.arms = (image, word, strip) => [
    { arm: "original", title: "The caption as it is", note: "all neurons on", p: word.p, text: image.caption },
    ...strip.arms.map((arm) => {
      const [title, note] = TITLES[arm.arm](arm.units.toLocaleString("en"));
      const random = strip.arms.find((one) => one.arm === "random");
      const texts = arm.draws.map(([, text]) => text);
      const [text, times] = commonest(texts);
      const draws = arm.draws.map(([p]) => p);
      return { arm: arm.arm, title, note, within: !!random && !beyond(mean(arm), random), p: mean(arm), draws: draws.length > 1 ? draws : null, text, more: texts.length > 1 ? `${times} of ${texts.length} draws gave this caption` : null };
    }),
  ];

  function commonest(texts) {
    const counted = new Map();
    for (const text of texts) counted.set(text, (counted.get(text) || 0) + 1);
    return [...counted].sort((a, b) => b[1] - a[1])[0];
  }

  function card({ arm, title, note, within, p, draws, text, image, word, more }) {
    const change = p / word.p - 1;
    const at = (value) => `${100 * Math.max(0, Math.min(1, value))}%`;
    return el(
      "article",
      { class: "card " + arm, "data-arm": arm },
      el("h3", null, title),
      el("p", { class: "note" }, note),
      el("p", { class: "new", dir: "ltr" }, text ? molyneux.merged(image.caption, text).map(([one, tag], n) => [n ? " " : "", el(tag, null, inert(one))]) : el("em", null, "(an empty caption)")),
      more ? el("p", { class: "note more" }, more) : null,
      el("div", { class: "p-line", role: "img", "aria-label": `p of ${inert(word.text)}: ${probability(p)}` + (arm === "original" ? "" : `, ${percent(change)}`) },
        el("span", { class: "p-bar" },
          el("span", { class: "p-fill", vars: { "--share": at(p) } }),
          draws ? el("span", { class: "p-range", vars: { "--from": at(Math.min(...draws)), "--to": at(Math.max(...draws)) } }) : null,
          arm === "original" ? null : el("span", { class: "p-was", vars: { "--share": at(word.p) } })),
        el("span", { class: "p-said" }, `p(`, el("bdi", null, tokenText(word.text)), `) = ${probability(p)}`),
        arm === "original" ? null : el("span", { class: "p-change" + (within ? " within" : "") }, percent(change))),
    );
  }
})();
