// What all pages share: shards, state in the URL, elements whose text is inert, the bar, keys, themes.
"use strict";
(function () {
  const molyneux = (window.molyneux = {});
  const live = document.querySelector('meta[name="molyneux-live"]');
  if (live && live.content) window.MOLYNEUX_LIVE = { token: live.content };

  // ---- shards -----------------------------------------------------------------------------------
  const waiting = new Map(); // name -> {promise, resolve, reject}

  function slot(name) {
    if (!waiting.has(name)) {
      const one = {};
      one.promise = new Promise((resolve, reject) => Object.assign(one, { resolve, reject }));
      one.promise.catch(() => {});
      waiting.set(name, one);
    }
    return waiting.get(name);
  }

  molyneux.shard = (name, data) => slot(name).resolve(data);

  // Why a script did not come: absent is one that the run does not hold. A served page asks (live.js), this one cannot.
  molyneux.missing = async (name) => Object.assign(new Error(`data/${name}.js could not be loaded`), { absent: true });

  const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;

  molyneux.load = (name) => {
    if (!NAME.test(name)) return Promise.reject(new Error("no such part of the run"));
    const one = slot(name);
    if (!one.asked) {
      one.asked = true;
      const script = document.createElement("script");
      script.src = "data/" + name + ".js";
      script.onerror = () => molyneux.missing(name).then(one.reject);
      script.onload = () => script.remove();
      document.head.append(script);
    }
    return one.promise;
  };

  // A list in parts: the first is waited for, the rest comes while it is looked at, and the page is drawn again.
  const lists = new Map();
  molyneux.list = async (kind, count, size) => {
    if (!lists.has(kind)) {
      const list = { rows: [], parts: Math.ceil(count / size), there: 0 };
      lists.set(kind, list);
      list.first = more(kind, list);
    }
    await lists.get(kind).first;
    return lists.get(kind);
  };
  async function more(kind, list) {
    const part = await molyneux.load(`${kind}/index-${list.there}`);
    list.rows = list.rows.concat(part.rows);
    list.there++;
    if (list.there >= list.parts) return void (list.whole = true);
    setTimeout(() => more(kind, list).then(molyneux.redraw, molyneux.fail), 60);
  }

  // ---- elements ---------------------------------------------------------------------------------
  const SVG = "http://www.w3.org/2000/svg";
  const SHAPES = new Set("svg g path rect circle line text polyline polygon title desc".split(" "));

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (name === "class") node.setAttribute("class", value);
      else if (name === "vars") for (const [key, one] of Object.entries(value)) node.style.setProperty(key, one);
      else node.setAttribute(name, value === true ? "" : String(value));
    }
    node.append(...children.flat(9).filter((one) => one !== null && one !== undefined && one !== false));
    return node;
  }

  // Children that are strings become text nodes, never markup.
  molyneux.el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  molyneux.svg = (tag, attributes, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);
  const { el, svg } = molyneux;
  molyneux.isShape = (tag) => SHAPES.has(tag);

  const ACTING = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]/gu;
  const escape = (character) => "\\u" + character.codePointAt(0).toString(16).padStart(4, "0");
  // Characters that act instead of showing (bidirectional marks, escapes, line separators) as escapes.
  molyneux.inert = (text) => String(text).replace(ACTING, escape);

  const WHITE = { " ": "\u00b7", "\n": "\u21b5", "\t": "\u21e5" };
  const white = (text) => [...text].map((c) => WHITE[c] || escape(c)).join("");

  // A token: one leading space is dropped (most begin with one), other white space and special tokens are seen.
  molyneux.token = (text, attributes) => {
    const [, before, core, after] = /^(\s*)(.*?)(\s*)$/su.exec(text);
    const special = /^<[^<>\s]*>$/.test(core) || /^\[[A-Z]+\]$/.test(core);
    const node = el("span", { dir: "ltr", ...attributes });
    node.classList.add("token", ...(special ? ["special"] : []));
    if (!core) {
      node.append(el("span", { class: "white" }, white(text) || "(empty)"));
      if (!node.hasAttribute("title")) node.title = text ? "white space" : "an empty token";
      return node;
    }
    if (before && before !== " ") node.append(el("span", { class: "white" }, white(before)));
    node.append(el("bdi", null, molyneux.inert(core)));
    if (after) node.append(el("span", { class: "white" }, white(after)));
    return node;
  };
  molyneux.tokenText = (text) => molyneux.inert(text.trim() || white(text) || "(empty)");

  // ---- state in the URL -------------------------------------------------------------------------
  const READERS = {
    text: (value) => value,
    index: (value) => (/^\d{1,9}$/.test(value) ? Number(value) : undefined),
    key: (value) => (/^[0-9a-f]{16}$/.test(value) ? value : undefined),
    neuron: (value) => (/^L(0|[1-9]\d{0,8})\.u(0|[1-9]\d{0,8})$/.test(value) ? value : undefined),
  };
  let known = {}; // name -> {kind, fallback} or {of, fallback} or {from, to, fallback}
  let render = () => {};

  function read() {
    const found = {};
    const given = new URLSearchParams(location.hash.slice(1));
    for (const [name, rule] of Object.entries(known)) {
      const raw = given.get(name);
      let value;
      if (raw === null) value = undefined;
      else if (rule.of) value = rule.of.includes(raw) ? raw : undefined;
      else if (rule.to !== undefined) {
        const number = /^-?\d+(\.\d+)?$/.test(raw) ? Number(raw) : NaN;
        value = number >= rule.from && number <= rule.to ? number : undefined;
      } else value = READERS[rule.kind](raw);
      found[name] = value === undefined ? rule.fallback : value;
    }
    return found;
  }

  function write(state) {
    const told = new URLSearchParams();
    for (const [name, rule] of Object.entries(known)) {
      const value = state[name];
      if (value !== undefined && value !== null && value !== rule.fallback) told.set(name, String(value));
    }
    return told.toString();
  }

  const THEME = { of: ["light", "dark"], fallback: undefined };
  molyneux.states = (rules, draw) => {
    known = { ...rules, live: { kind: "text" }, theme: THEME };
    molyneux.state = read();
    render = draw;
    dress();
  };
  let drawing = 0;
  async function redraw() {
    const turn = ++drawing;
    try {
      await render(molyneux.state, () => turn === drawing);
    } catch (error) {
      if (turn === drawing) molyneux.fail(error);
    }
  }
  molyneux.redraw = redraw;
  // A step that the Back key undoes; {quiet: true} for sliders, which would fill the history.
  molyneux.go = (change, { quiet = false } = {}) => {
    const state = { ...molyneux.state, ...change };
    const hash = "#" + write(state);
    molyneux.state = state;
    if (hash !== (location.hash || "#")) history[quiet ? "replaceState" : "pushState"](null, "", hash);
    return redraw();
  };
  molyneux.link = (page, state) => {
    const told = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...state, theme: (molyneux.state || {}).theme }))
      if (value !== undefined && value !== null) told.set(name, String(value));
    const hash = told.toString();
    return `${page}.html${hash ? "#" + hash : ""}`;
  };
  function returned() {
    if (location.hash === "#main") return; // the skip link
    molyneux.state = read();
    dress();
    redraw();
  }
  addEventListener("popstate", returned);
  addEventListener("hashchange", returned);

  // ---- listeners of what is shown (the live edit) -------------------------------------------------
  const listeners = [];
  let shown = null;
  molyneux.on = (event, listener) => {
    if (event !== "shown") throw new Error(`no event ${event}`);
    listeners.push(listener);
    if (shown) listener(shown);
  };
  molyneux.show = (context) => {
    shown = { page: document.body.dataset.page, state: molyneux.state, ...context };
    for (const listener of listeners) listener(shown);
  };

  // ---- messages, help, theme ----------------------------------------------------------------------
  molyneux.toast = (text) => {
    let box = document.getElementById("toast");
    if (!box) document.body.append((box = el("div", { id: "toast", role: "status" })));
    box.textContent = text;
    box.classList.add("seen");
    clearTimeout(box.timer);
    box.timer = setTimeout(() => box.classList.remove("seen"), 2600);
  };
  molyneux.fail = (error) => {
    const main = document.getElementById("main");
    const old = document.getElementById("failure");
    if (old) old.remove();
    const text = error && error.message ? error.message : String(error);
    main.prepend(el("p", { id: "failure", class: "notice", role: "alert" }, molyneux.inert(text)));
  };
  molyneux.well = () => {
    const old = document.getElementById("failure");
    if (old) old.remove();
  };

  function dress() {
    const root = document.documentElement;
    const theme = (molyneux.state || {}).theme;
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    document.querySelectorAll("[data-nav]").forEach((link) => (link.href = molyneux.link(link.dataset.nav)));
  }
  molyneux.isDark = () => {
    const theme = document.documentElement.dataset.theme;
    return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  function turn() {
    molyneux.go({ theme: molyneux.isDark() ? "light" : "dark" });
    dress();
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw());

  const keys = []; // {keys: [..], label, run}
  molyneux.keys = (list) => {
    for (const one of list) {
      const taken = one.keys.find((key) => keys.some((other) => other.keys.includes(key)));
      if (taken !== undefined) throw new Error(`the key ${taken} has two meanings: choose another for \u201c${one.label}\u201d`);
      keys.push(one);
    }
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target;
    const typing = target.closest && target.closest("input, select, textarea, [contenteditable]");
    if (typing && !(typing.type === "range" || typing.type === "checkbox") && event.key !== "Escape") return;
    if (document.querySelector("dialog[open]") && event.key !== "?") return;
    if (typing && /^(Arrow|Home|End|Page)/.test(event.key)) return;
    const found = keys.find((one) => one.keys.includes(event.key));
    if (!found) return;
    if (target.closest && target.closest("button, a, summary") && (event.key === "Enter" || event.key === " ")) return;
    event.preventDefault();
    found.run(event);
  });

  const SAID = { ArrowLeft: "\u2190", ArrowRight: "\u2192", ArrowUp: "\u2191", ArrowDown: "\u2193", " ": "space" };
  function help() {
    let box = document.getElementById("help");
    if (!box) {
      box = el("dialog", { id: "help", "aria-labelledby": "help-title" });
      document.body.append(box);
      box.addEventListener("click", (event) => event.target === box && box.close());
    }
    if (box.open) return box.close();
    box.replaceChildren(
      el("h2", { id: "help-title" }, "Keys"),
      el(
        "dl",
        { class: "keys" },
        keys.map((one) => [
          el("dt", null, one.keys.slice(0, 2).map((key) => el("kbd", null, SAID[key] || key))),
          el("dd", null, one.label),
        ]),
      ),
      el("button", { class: "button", onclick: () => box.close() }, "Close"),
    );
    box.showModal();
  }

  // ---- the bar and the foot ------------------------------------------------------------------------
  const NAV = [
    ["index", "Images", ["index", "image"]],
    ["atlas", "Neurons", ["atlas", "neuron"]],
    ["run", "Run", ["run"]],
  ];
  function eye() {
    return svg(
      "svg",
      { viewBox: "0 0 32 32", width: 30, height: 30, "aria-hidden": "true" },
      svg("path", { d: "M2 16C7 8 12 5 16 5s9 3 14 11c-5 8-10 11-14 11S7 24 2 16Z", class: "eye-white" }),
      svg("circle", { cx: 16, cy: 16, r: 7, fill: "#2a788e" }),
      svg("circle", { cx: 16, cy: 16, r: 3, fill: "#fde725" }),
    );
  }
  molyneux.frame = (run) => {
    const page = document.body.dataset.page;
    document.getElementById("bar").replaceChildren(
      el("a", { class: "brand", "data-nav": "index", href: "index.html" }, eye(), el("span", null, "molyneux")),
      el(
        "nav",
        { "aria-label": "Pages" },
        NAV.map(([name, label, pages]) =>
          el(
            "a",
            { href: name + ".html", "data-nav": name, "aria-current": pages.includes(page) ? "page" : null },
            label,
          ),
        ),
      ),
      el(
        "div",
        { class: "bar-end" },
        el(
          "span",
          { class: "model" + (run.miniature ? " miniature" : "") },
          run.miniature
            ? [el("strong", null, "Miniature"), el("span", { class: "wide" }, " \u2013 not the paper\u2019s model")]
            : molyneux.inert(run.model),
        ),
        el("button", { class: "icon", id: "theme", onclick: turn, "aria-label": "Light or dark", title: "Light or dark (d)" }, "\u25d0"),
        el("button", { class: "icon", id: "keys", onclick: help, "aria-label": "Keys", title: "Keys (?)" }, "?"),
      ),
    );
    document.getElementById("foot").replaceChildren(
      el(
        "p",
        null,
        run.miniature
          ? "Made by a miniature: a small model trained on drawn scenes, which ships with molyneux. It is not the paper\u2019s model, and its figures are not the paper\u2019s. "
          : `Model: ${molyneux.inert(run.model)}. `,
        `Run \u201c${molyneux.inert(run.name)}\u201d, seed ${run.provenance.seed}, ${molyneux.inert(run.provenance.created)}. `,
        window.MOLYNEUX_LIVE ? "Served with a live model." : "Static pages: nothing is sent anywhere.",
      ),
    );
    dress();
  };

  molyneux.keys([
    { keys: ["?"], label: "this list", run: help },
    { keys: ["d"], label: "light or dark", run: turn },
    { keys: ["g"], label: "to the images", run: () => (location.href = molyneux.link("index")) },
    { keys: ["a"], label: "to the neurons", run: () => (location.href = molyneux.link("atlas")) },
    { keys: ["/"], label: "search", run: () => {
      const box = document.querySelector('input[type="search"]');
      if (box) box.focus();
      else location.href = molyneux.link("atlas");
    } },
  ]);

  // Every page begins here: its rules of state, then how it draws.
  molyneux.start = async (rules, draw) => {
    let run;
    try {
      run = await molyneux.load("run");
    } catch (error) {
      return molyneux.fail(error);
    }
    molyneux.run = run;
    molyneux.states(rules, draw);
    molyneux.frame(run);
    await redraw();
    document.documentElement.dataset.ready = "yes";
  };
})();
