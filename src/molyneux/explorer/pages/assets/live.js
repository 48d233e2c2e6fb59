// The live parts of a served explorer: edits of neurons while one looks, and images handed in. A static export has no
// model: without window.MOLYNEUX_LIVE nothing happens here.
"use strict";
(function () {
  const session = window.MOLYNEUX_LIVE;
  if (!session) return;
  const { el, svg, inert, probability, percent, py, num, pyList } = molyneux;
  document.head.append(el("link", { rel: "stylesheet", href: "assets/live.css" }));

  // ---- asking the server ------------------------------------------------------------------------
  const NO_ANSWER = "The server of these pages does not answer: it has ended, or cannot be reached. Start it again, with the same line as before (molyneux explore \u2026), and reload the page.";
  // A script that did not come: the server may have ended, have failed, or have none of that name.
  const usualMissing = molyneux.missing;
  molyneux.missing = async (name) => {
    const status = await fetch(`data/${name}.js`, { method: "HEAD" }).then((answer) => answer.status, () => null);
    return status === null ? new Error(NO_ANSWER) : Object.assign(await usualMissing(name), { absent: status === 404 });
  };
  async function ask(path, options, { tries = 5 } = {}) {
    const headers = { ...options.headers, "X-Molyneux-Token": session.token };
    const answer = await fetch(path, { method: "POST", ...options, headers }).catch((error) => { throw error.name === "AbortError" ? error : new Error(NO_ANSWER); });
    if (answer.status === 429 && tries > 0) {
      await new Promise((resolve) => setTimeout(resolve, 700));
      if (!options.signal || !options.signal.aborted) return ask(path, options, { tries: tries - 1 });
    }
    const told = await answer.json().catch((error) => { if (error.name === "AbortError") throw error; }); // else what is no JSON
    if (!answer.ok || !told) throw new Error((told && told.error) || `The server failed: its answer is none that this page can read (status ${answer.status}). Its terminal may say why.`);
    return told;
  }
  const askEdit = (wish, signal) =>
    ask("live/edit", { body: JSON.stringify(wish), signal, headers: { "Content-Type": "application/json" } });

  // ---- the edit's state in the URL: "one:0.5", "top50:0", on a neuron's page "<key>.<word>:0" -----
  const COUNTS = [1, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
  const SWEEP = [0, 0.5, 1, 2, 3, 4, 5];
  const DRAWS = 8;
  function read(text, page) {
    const found = /^(one|top(\d{1,7})|([0-9a-f]{16})\.(\d{1,5})):(\d(?:\.\d{1,2})?)$/.exec(text || "");
    if (!found || Number(found[5]) > 5 || (page === "neuron") !== (found[3] !== undefined)) return null;
    return { who: found[2] ? "top" : "one", top: Number(found[2] || 0), key: found[3], word: Number(found[4]), scale: Number(found[5]) };
  }
  const write = (edit) => `${edit.key ? `${edit.key}.${edit.word}` : edit.who === "top" ? `top${edit.top}` : "one"}:${edit.scale}`;

  // An image handed in lies in no folder of the run: Python lines name it by its own name.
  const usualHead = molyneux.pythonHead;
  let handed = null;
  if (usualHead)
    molyneux.pythonHead = (id) => {
      if (!handed || id === undefined || (id !== handed.id && id !== handed.name)) return usualHead(id);
      return [...usualHead(), `image = ${py(handed.name)}  # the file that was handed in`];
    };

  const usualImages = (molyneux.recipes || {}).images;
  if (usualImages)
    molyneux.recipes.images = (imports) => !handed ? usualImages(imports)
      : ["from pathlib import Path", "", "import molyneux as mx", ...imports, "", molyneux.recipes.model(), 'folder = Path(".")  # of the file that was handed in'];

  let subject = null; // what is edited: image, word, neuron; its results by scale
  let running = null; // {abort, wanted}
  let nodes = null;

  molyneux.on("shown", (context) => {
    if (context.page !== "image" && context.page !== "neuron") return;
    const now = context.page === "image" ? ofImage(context) : ofNeuron(context);
    handed = !context.data.handed_in ? null : context.page === "image" ? context.data : context.data.handed_in;
    const panel = document.getElementById("live");
    panel.hidden = !now;
    if (!now) return;
    if (!subject || subject.sign !== now.sign) {
      stop();
      subject = { ...now, made: new Map() };
      build(panel);
    } else subject.edit = now.edit;
    show();
    if (subject.edit.asked) want(subject.edit.scale);
  });

  function ofImage({ data, state, word, neuron }) {
    const one = word === null ? null : data.words[word];
    if (!one || !neuron) return null;
    const told = read(state.live, "image");
    const edit = told ? { ...told, asked: true } : { who: "one", top: 0, scale: 1, asked: false };
    const who = edit.who === "top" ? `top${edit.top}` : neuron;
    const rank = state.rank === "max" ? "max" : "sum";
    return { sign: JSON.stringify([data.key, word, who, rank]), page: "image", key: data.key, id: data.id, file: data.name, data, word, text: one.text, p: one.p, caption: data.caption, neuron, rank, edit };
  }
  function ofNeuron({ data, state, neuron }) {
    const places = data.named;
    if (!places.length) return null;
    const told = read(state.live, "neuron");
    const at = (told && places.find((one) => one.key === told.key && one.index === told.word)) || places[0];
    const edit = { who: "one", top: 0, key: at.key, word: at.index, scale: told ? told.scale : 1, asked: !!told };
    return { sign: JSON.stringify([at.key, at.index, neuron]), page: "neuron", key: at.key, id: at.id, file: at.id.split("/").pop(), data, word: at.index, text: at.word, p: null, caption: at.caption, neuron, rank: "sum", edit, places };
  }

  // ---- the panel --------------------------------------------------------------------------------
  const go = (change) => molyneux.go({ live: write({ ...subject.edit, ...change }) }, { quiet: true });
  const said = (scale) => (scale === 0 ? "off" : scale === 1 ? "as it is" : `\u00d7${scale}`);
  const whoSaid = () => (subject.edit.who === "top" ? `the top ${subject.edit.top}` : subject.neuron);

  function build(panel) {
    const slider = el("input", { type: "range", id: "live-scale", min: 0, max: 5, step: 0.1, "aria-label": "Multiply activations by", list: "live-marks",
      oninput: () => go({ scale: Number(slider.value) }) });
    const output = el("output", { for: "live-scale", class: "live-value" });
    const presets = molyneux.choices("Multiply by", [0, 1, 2, 5].map((one) => [String(one), said(one)]), "", (value) => go({ scale: Number(value) }));
    const sweep = el("button", { class: "button", onclick: sweepAll }, "Try all scales");
    nodes = { slider, output, presets, sweep, cards: el("div", { class: "live-cards" }), curve: el("div", { class: "live-curve" }), status: el("p", { class: "note live-status", role: "status" }), who: whoNode() };
    panel.replaceChildren(
      molyneux.heading("Change it, live", { name: [subject.file, subject.text, subject.edit.who === "top" ? `top${subject.edit.top}-${subject.rank}` : subject.neuron, "live"].join("-"), rows, python, drawing: () => molyneux.standalone(nodes.curve.querySelector("svg")), drawn: () => !!nodes.curve.querySelector("svg") }, nodes.who),
      el("p", { class: "note" }, "The activation is multiplied in every forward pass, at all positions; the caption is written anew, word by word. Beside it, the same is done to as many random neurons of the same layers."),
      el("div", { class: "live-controls" },
        el("label", { class: "live-slider", for: "live-scale" }, el("span", null, "Multiply by"), slider, output,
          el("datalist", { id: "live-marks" }, [0, 1, 2, 3, 4, 5].map((value) => el("option", { value })))),
        presets, sweep),
      nodes.status, nodes.cards, nodes.curve);
  }

  function whoNode() {
    if (subject.page === "neuron") {
      const pick = el("select", { "aria-label": "In which caption", onchange: () => { const one = subject.places[Number(pick.value)]; go({ key: one.key, word: one.index }); } },
        subject.places.map((one, n) => el("option", { value: n }, inert(`${one.word}: ${one.caption}`).slice(0, 90))));
      pick.value = String(subject.places.findIndex((one) => one.key === subject.key && one.index === subject.word));
      return pick;
    }
    const total = molyneux.run.layers * molyneux.run.units || Infinity;
    const { who, top } = subject.edit;
    const counts = [...new Set([...COUNTS.filter((n) => n <= total), ...(who === "top" ? [top] : [])])].sort((a, b) => a - b);
    const count = el("select", { "aria-label": "How many of the top neurons", onchange: () => go({ who: "top", top: Number(count.value) }) },
      el("option", { value: "", disabled: true }, "top n\u2026"), counts.map((n) => el("option", { value: n }, `top ${n}`)));
    count.value = who === "top" ? String(top) : "";
    const one = molyneux.choices("Which neurons", [["one", subject.neuron], ["top", "Top 50"]], who === "one" ? "one" : top === 50 ? "top" : "", (value) => go(value === "one" ? { who: "one", top: 0 } : { who: "top", top: 50 }));
    return el("div", { class: "row" }, one, count);
  }

  function show() {
    const { edit, made } = subject;
    if (document.activeElement !== nodes.slider || Number(nodes.slider.value) !== edit.scale) nodes.slider.value = edit.scale;
    nodes.slider.setAttribute("aria-valuetext", said(edit.scale));
    nodes.output.textContent = said(edit.scale);
    for (const button of nodes.presets.querySelectorAll("button")) button.setAttribute("aria-pressed", String(Number(button.dataset.value) === edit.scale));
    const told = made.get(edit.scale);
    nodes.cards.classList.toggle("old", !told && made.size > 0 && edit.asked);
    if (told || !edit.asked) nodes.cards.replaceChildren(...(told ? cards(told) : [el("p", { class: "empty" }, `Move the slider: what does \u201c${inert(subject.caption)}\u201d become?`)]));
    nodes.curve.replaceChildren(made.size ? curve() : "");
    document.getElementById("live").dataset.scale = told ? String(edit.scale) : "";
  }
  function status(text, bad) {
    nodes.status.textContent = text;
    nodes.status.classList.toggle("bad", !!bad);
  }

  // ---- running an edit: the newest wish wins, an old request is given up -------------------------
  function stop() {
    if (running) running.abort.abort();
    clearTimeout(stop.timer);
    running = null;
  }
  function want(scale) {
    if (subject.made.has(scale)) {
      if (!running || !running.sweep) { stop(); status(""); }
      return;
    }
    if (running && running.wanted === scale) return;
    if (running && running.sweep) return;
    stop();
    running = { wanted: scale, abort: new AbortController() };
    stop.timer = setTimeout(() => run(subject, [scale], running), 90);
  }
  function sweepAll() {
    stop();
    const left = SWEEP.filter((scale) => !subject.made.has(scale));
    if (!subject.edit.asked) go({ scale: subject.edit.scale });
    stop();
    running = { sweep: true, abort: new AbortController() };
    run(subject, [...new Set([subject.edit.scale, ...left])].filter((scale) => !subject.made.has(scale)), running);
  }
  async function run(mine, scales, turn) {
    for (const [n, scale] of scales.entries()) {
      status(scales.length > 1 ? `The model writes (${n + 1} of ${scales.length})\u2026` : "The model writes\u2026");
      const wish = { image: mine.key, word: mine.word, rank: mine.rank, scale, draws: DRAWS };
      Object.assign(wish, mine.edit.who === "top" ? { top: mine.edit.top } : { neurons: [mine.neuron] });
      try {
        mine.made.set(scale, await askEdit(wish, turn.abort.signal));
      } catch (error) {
        if (turn !== running || error.name === "AbortError") return;
        running = null;
        return status(inert(error.message || error), true);
      }
      if (turn !== running || mine !== subject) return;
      show();
    }
    if (turn !== running) return;
    running = null;
    status("");
    if (mine === subject && !mine.made.has(mine.edit.scale)) want(mine.edit.scale);
  }

  // ---- what came back ----------------------------------------------------------------------------
  const commonest = (texts) => {
    const counted = new Map();
    for (const text of texts) counted.set(text, (counted.get(text) || 0) + 1);
    return [...counted].sort((a, b) => b[1] - a[1])[0];
  };
  function cards(told) {
    const [p0, before] = told.plain;
    const [p, after] = told.edited;
    const draws = told.random.map(([one]) => one);
    const scale = said(told.scale);
    const many = told.neurons.length === 1 ? "one random neuron" : `${told.neurons.length} random neurons`;
    const common = draws.length ? commonest(told.random.map(([, text]) => text)) : null;
    const made = [
      card("original", "As it is", "all neurons as they are", p0, p0, before, before),
      card("top", `${told.neurons.length === 1 ? told.neurons[0] : `Its top ${told.neurons.length}`} ${scale}`, told.neurons.length === 1 ? "this neuron alone" : "the highest scores for this word", p, p0, after, before),
    ];
    if (common) made.push(card("random", `${many} ${scale}`, `of the same layer${told.neurons.length === 1 ? "" : "s"}: the control, ${draws.length} draws`, draws.reduce((a, b) => a + b) / draws.length, p0, common[0], before, draws, `${common[1]} of ${draws.length} draws wrote this`));
    if (told.recorded !== null && told.recorded !== before)
      made.push(el("p", { class: "notice" }, `Here the model writes \u201c${inert(before)}\u201d where the run recorded \u201c${inert(told.recorded)}\u201d: another device, or the image has changed.`));
    return made;
  }
  function card(arm, title, note, p, p0, text, before, draws, more) {
    const at = (value) => `${100 * Math.max(0, Math.min(1, value))}%`;
    return el("article", { class: `card ${arm}`, "data-arm": arm },
      el("h3", null, title), el("p", { class: "note" }, note),
      el("p", { class: "new", dir: "ltr", "data-caption": text }, text ? molyneux.merged(before, text).map(([one, tag], n) => [n ? " " : "", el(tag, null, inert(one))]) : el("em", null, "(an empty caption)")),
      more ? el("p", { class: "note more" }, more) : null,
      el("div", { class: "p-line", role: "img", "aria-label": `p of ${inert(subject.text)}: ${probability(p)}${arm === "original" ? "" : `, ${percent(p / p0 - 1)}`}` },
        el("span", { class: "p-bar" },
          el("span", { class: "p-fill", vars: { "--share": at(p) } }),
          draws ? el("span", { class: "p-range", vars: { "--from": at(Math.min(...draws)), "--to": at(Math.max(...draws)) } }) : null,
          arm === "original" ? null : el("span", { class: "p-was", vars: { "--share": at(p0) } })),
        el("span", { class: "p-said", "data-p": p }, "p(", el("bdi", null, molyneux.tokenText(subject.text)), `) = ${probability(p)}`),
        arm === "original" ? null : el("span", { class: "p-change" }, percent(p / p0 - 1))));
  }

  // p by scale, of all scales tried so far: the edited neurons' line, each random draw's, and their band.
  function curve() {
    const first = [...subject.made.values()][0];
    const same = { plain: first.plain, edited: first.plain, random: first.random.map(() => first.plain) }; // times 1
    const tried = [...new Map([[1, same], ...subject.made])].sort((a, b) => a[0] - b[0]);
    const wide = document.getElementById("live").clientWidth;
    const [W, H, L, R, B, T] = [Math.max(420, Math.min(960, wide)), wide < 560 ? 210 : 250, 58, 14, 40, 22];
    const all = tried.flatMap(([, told]) => [told.plain[0], told.edited[0], ...told.random.map(([p]) => p)]);
    let [low, high] = [Math.min(...all), Math.max(...all)];
    const pad = Math.max((high - low) * 0.12, high * 0.02, 1e-9);
    [low, high] = [Math.max(0, low - pad), Math.min(1, high + pad)];
    const x = (scale) => L + 12 + (scale / 5) * (W - L - R - 24);
    const y = (p) => H - B - ((p - low) / (high - low)) * (H - B - T);
    const path = (points) => points.map(([scale, p], n) => `${n ? "L" : "M"}${x(scale).toFixed(1)} ${y(p).toFixed(1)}`).join("");
    const drawn = tried[0][1].random.length;
    const end = (pick) => tried.map(([scale, told]) => [scale, pick(...told.random.map(([p]) => p))]);
    const ticks = molyneux.charts.ticks(low, high, 4);
    const title = `p(${molyneux.tokenText(subject.text)}) by scale: ${whoSaid()}, and ${drawn} random draws`;
    const was = tried[0][1].plain[0];
    return svg("svg", { class: "chart", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title },
      svg("title", null, title),
      ticks.map(([at, text]) => [svg("line", { class: "rule", x1: L, x2: W - R, y1: y(at), y2: y(at) }), svg("text", { class: "tick", x: L - 6, y: y(at) + 4, "text-anchor": "end" }, text)]),
      svg("line", { class: "live-was", x1: L, x2: W - R, y1: y(was), y2: y(was) }),
      drawn && tried.length > 1 ? svg("path", { class: "band", d: `${path(end(Math.max))}${path(end(Math.min).reverse()).replace("M", "L")}Z` }) : null,
      drawn ? Array.from({ length: drawn }, (_, draw) => svg("path", { class: "draw", d: path(tried.map(([scale, told]) => [scale, told.random[draw][0]])) })) : null,
      drawn ? tried.flatMap(([scale, told]) => told.random.map(([p]) => svg("circle", { class: "live-draw", cx: x(scale), cy: y(p), r: 2.6 }))) : null,
      svg("path", { class: "own", d: path(tried.map(([scale, told]) => [scale, told.edited[0]])) }),
      tried.map(([scale, told]) => svg("circle", { class: `dot${scale === subject.edit.scale ? " on" : ""}`, cx: x(scale), cy: y(told.edited[0]), r: scale === subject.edit.scale ? 7 : 4.5 },
        svg("title", null, `${said(scale)}: p = ${probability(told.edited[0])}`))),
      [0, 1, 2, 3, 4, 5].map((scale) => svg("text", { class: "tick", x: x(scale), y: H - B + 18, "text-anchor": "middle" }, scale === 0 ? "off" : `\u00d7${scale}`)),
      svg("text", { class: "axis", x: (L + W) / 2, y: H - 4, "text-anchor": "middle" }, wide < 560 ? "grey: random neurons" : `activation of ${whoSaid()} multiplied by; grey: random neurons; dashes: as it is`),
      svg("text", { class: "axis", x: 2, y: 11 }, `p(${molyneux.tokenText(subject.text)})`));
  }

  // ---- what can be taken away --------------------------------------------------------------------
  function rows() {
    const made = [...subject.made].sort((a, b) => a[0] - b[0]);
    const row = (told, arm, draw, [p, caption]) => ({ image: subject.id, word: subject.text, scale: told.scale, arm, draw, units: told.neurons.length, neurons: arm === "random" ? null : told.neurons.join(" "), p, change: p / told.plain[0] - 1, caption });
    return made.flatMap(([, told]) => [row(told, "plain", 0, told.plain), row(told, "edited", 0, told.edited), ...told.random.map((one, draw) => row(told, "random", draw, one))]);
  }
  async function python() {
    const { edit, made } = subject;
    const image = subject.page === "image" ? subject.data : await molyneux.load(`images/${subject.key}`); // a neuron's page knows the key
    if (image.handed_in) handed = image;
    const first = num(image.words[subject.word].first);
    const which = edit.who === "top"
      ? [`found = mx.attribute(captioner, image, target=${first}, reduce=${py(subject.rank)})`, `neurons = [one.neuron for one in found.ranked(${num(edit.top)})]`]
      : [`neurons = [${py(subject.neuron)}]`];
    const scales = [...new Set([...made.keys(), ...(made.size ? [] : [edit.scale])])].sort((a, b) => a - b);
    return [...molyneux.pythonHead(image.id), "caption = captioner.caption(image)", ...which, `for scale in ${pyList(scales, num)}:`,
      `    made = mx.compare(captioner, image, neurons, scale=scale, target=${first}, caption=caption, draws=${num(DRAWS)}, image_id=${py(image.id)})`,
      '    print(scale, "plain", made.plain.probability, made.plain.caption)', '    print(scale, "edited", made.edited.probability, made.edited.caption)',
      "    for one in made.random:", '        print(scale, "random", one.probability, one.caption)'];
  }

  // ---- images handed in, on the page of all images ------------------------------------------------
  if (document.body.dataset.page === "index") {
    const added = el("div", { id: "added" });
    const file = el("input", { type: "file", accept: "image/*", class: "live-file", "aria-label": "An image of your own" });
    const state = el("p", { class: "note", role: "status" });
    const panel = el("section", { id: "hand-in", class: "panel live-drop", "aria-label": "An image of your own" },
      el("div", { class: "row" }, el("h2", null, "An image of your own"), el("label", { class: "button main" }, "Choose a file", file), el("span", { class: "note" }, "or drop it here. It stays on the machine that serves this page."), state), added);
    document.getElementById("tools").before(panel);
    const send = async (one) => {
      if (!one) return;
      state.classList.remove("bad");
      state.textContent = `The model looks at ${inert(one.name)}\u2026`;
      panel.setAttribute("aria-busy", "true");
      try {
        const { key } = await ask("live/image", { body: one, headers: { "Content-Type": "application/octet-stream", "X-File-Name": encodeURIComponent(one.name) } });
        location.href = molyneux.link("image", { image: key });
      } catch (error) {
        state.textContent = inert(error.message || error);
        state.classList.add("bad");
      } finally {
        panel.removeAttribute("aria-busy");
      }
    };
    file.addEventListener("change", () => { send(file.files[0]); file.value = ""; });
    for (const name of ["dragover", "drop"]) panel.addEventListener(name, (event) => event.preventDefault());
    panel.addEventListener("dragover", () => panel.classList.add("over"));
    panel.addEventListener("dragleave", () => panel.classList.remove("over"));
    panel.addEventListener("drop", (event) => { panel.classList.remove("over"); send(event.dataTransfer.files[0]); });
    ask("live/images", {}).then(({ images }) => {
      if (images.length) added.replaceChildren(el("ul", { class: "tiles" }, images.map((one) => el("li", null, el("a", { class: "tile", href: molyneux.link("image", { image: one.key }) },
        el("img", { src: `data/thumbs/${one.key}.jpg`, alt: "", width: 160, height: 160 }), el("span", { class: "tile-caption" }, one.caption ? inert(one.caption) : el("em", null, "(an empty caption)")), el("span", { class: "tile-note" }, inert(one.name)))))));
    }).catch((error) => (state.textContent = inert(error.message || error)));
  }

  if (document.body.dataset.page === "image" || document.body.dataset.page === "neuron")
    molyneux.keys([{ keys: ["l"], label: "live: off, or as it is", run: () => {
      if (!subject) return;
      go({ scale: subject.edit.asked && subject.edit.scale === 0 ? 1 : 0 });
      document.getElementById("live").scrollIntoView({ block: "nearest" });
    } }]);
})();
