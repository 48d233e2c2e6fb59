// Panels: a heading, and everything on it to take away, with where it comes from.
"use strict";
(function () {
  const { el, svg } = molyneux;

  // What is shown, defaults filled in: the page's state, and what a file has to name; pages say more.
  molyneux.resolved = () => ({ state: molyneux.state, shown: {} });
  molyneux.provenance = () => {
    const { run } = molyneux;
    const { state, shown } = molyneux.resolved();
    return {
      made_by: `molyneux ${(run.provenance.versions.find(([name]) => name === "molyneux") || ["", "?"])[1]}`,
      model: run.model,
      miniature: run.miniature,
      run: run.name,
      seed: run.provenance.seed,
      created: run.provenance.created,
      command: run.provenance.command,
      weights: run.provenance.weights,
      data: run.provenance.data,
      ...shown,
      page: molyneux.link(document.body.dataset.page, state),
    };
  };
  // In lines of a width in pixels, for a foot of 7 pixels a letter's height.
  const lines = (width) => {
    const told = molyneux.provenance();
    const hash = (pairs) => String((pairs[0] || ["", "\u2013"])[1]).slice(0, 12);
    const model = molyneux.inert(told.model) + (told.miniature ? " (not the paper's model)" : "");
    const made = molyneux.inert(told.created).replace("T", " ").slice(0, 16);
    const pieces = [told.made_by, `model ${model}`, `weights ${hash(told.weights)}`, `data ${hash(told.data)}`, `run ${molyneux.inert(told.run)} of ${made}`, `seed ${told.seed}`];
    return pieces.reduce((all, piece) => {
      const longer = `${all.at(-1)} \u00b7 ${piece}`;
      return all.length && longer.length * 4 < width - 16 ? [...all.slice(0, -1), longer] : [...all, piece];
    }, []);
  };

  // ---- files -------------------------------------------------------------------------------------
  function download(name, content, type) {
    const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
    const link = el("a", { href: url, download: name.replace(/[^A-Za-z0-9._-]+/g, "-") });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 20000);
  }

  const ACTING = /^[\s\u00a0]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
  // Numbers stay numbers; text is quoted, and an apostrophe goes before what a spreadsheet might run.
  const cell = (value) => {
    if (value === null || value === undefined || value === "" || Number.isNaN(value)) return "";
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return `"${(ACTING.test(text) ? "'" + text : text).replaceAll('"', '""')}"`;
  };
  // A comment's value as JSON in ASCII, on one line. A spreadsheet cuts such a line into cells: none of them begins
  // with what it would run, and none runs on into the next line; JSON has escapes for all characters of a string.
  const code = (one) => "\\u" + one.charCodeAt(0).toString(16).padStart(4, "0");
  const BEGINS = /(^"|[\s,;|"'])([=+\-@])/g;
  const plain = (value) =>
    JSON.stringify(value ?? null)
      .replace(/"(?:[^"\\]|\\.)*"/g, (text) => text.replace(/\\./g, (one) => (one === '\\"' ? code('"') : one)).replace(BEGINS, (_, before, one) => before + code(one)))
      .replace(/[\u007f-\uffff]/g, code);
  // Comments with where it comes from, then the rows.
  molyneux.csv = (rows) => {
    const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const lines = [names.map(cell), ...rows.map((row) => names.map((name) => cell(row[name])))];
    const told = Object.entries(molyneux.provenance()).map(([key, value]) => [`# ${key}: ${plain(value)}`]);
    return [...told, ...lines].map((one) => one.join(",") + "\r\n").join("");
  };

  // A drawing on its own: what style sheets say is written into its attributes.
  const STYLED = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-family", "font-weight", "text-anchor", "fill-opacity"];
  molyneux.standalone = (drawing) => {
    const copy = drawing.cloneNode(true);
    const box = drawing.viewBox.baseVal;
    const from = [drawing, ...drawing.querySelectorAll("*")];
    [copy, ...copy.querySelectorAll("*")].forEach((node, n) => {
      const style = getComputedStyle(from[n]);
      for (const name of STYLED) if (style.getPropertyValue(name)) node.setAttribute(name, style.getPropertyValue(name));
      node.removeAttribute("class");
    });
    const ground = getComputedStyle(document.body).backgroundColor;
    const told = lines(box.width);
    const high = box.height + 8 + 9 * told.length;
    const foot = told.map((text, n) => svg("text", { x: box.x + 8, y: box.y + box.height + 11 + 9 * n, "font-size": 7, "font-family": "sans-serif", fill: getComputedStyle(document.body).color }, text));
    copy.prepend(svg("rect", { x: box.x, y: box.y, width: box.width, height: high, fill: ground }));
    copy.append(...foot);
    copy.prepend(svg("desc", null, JSON.stringify(molyneux.provenance())));
    copy.setAttribute("viewBox", `${box.x} ${box.y} ${box.width} ${high}`);
    copy.setAttribute("width", box.width);
    copy.setAttribute("height", high);
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    return new XMLSerializer().serializeToString(copy);
  };
  molyneux.raster = async (text, scale = 2) => {
    const picture = new Image();
    picture.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
    await picture.decode();
    const canvas = el("canvas", { width: picture.width * scale, height: picture.height * scale });
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    const made = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    return molyneux.pngTold(made, { provenance: JSON.stringify(molyneux.provenance()) });
  };

  // ---- Python ------------------------------------------------------------------------------------
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const box = el("textarea", { class: "offstage", "aria-hidden": "true" });
      box.value = text;
      (document.querySelector("dialog[open]") || document.body).append(box);
      box.select();
      document.execCommand("copy");
      box.remove();
    }
    molyneux.toast("Copied");
  }
  function showPython(title, code) {
    const box = el("dialog", { class: "code", "aria-labelledby": "code-title" });
    box.append(
      el("h2", { id: "code-title" }, `${title}, in Python`),
      el("pre", { tabindex: "0" }, el("code", null, code)),
      el(
        "p",
        { class: "row" },
        el("button", { class: "button main", onclick: () => copy(code) }, "Copy"),
        el("button", { class: "button", onclick: () => box.close() }, "Close"),
      ),
    );
    box.addEventListener("close", () => box.remove());
    box.addEventListener("click", (event) => event.target === box && box.close());
    document.body.append(box);
    box.showModal();
  }

  // ---- panels ------------------------------------------------------------------------------------
  // takes: {name: text | () => text, python: () => [lines], rows: () => [objects], json: () => value, drawing: () => svg text,
  // drawn: () => whether there is a drawing yet; there always is where it is left out}
  async function taken(label, run) {
    try {
      await run();
    } catch (error) {
      molyneux.toast(`${label}: ${molyneux.inert((error && error.message) || error)}`);
    }
  }
  molyneux.takeAway = (title, takes) => {
    const items = [];
    const name = () => (typeof takes.name === "function" ? takes.name() : takes.name);
    const add = (label, run) => items.push(el("button", { onclick: (event) => { event.target.closest("details").open = false; taken(label, run); } }, label));
    if (takes.drawing) {
      add("PNG", async () => download(`${name()}.png`, await molyneux.raster(await takes.drawing())));
      add("SVG", async () => download(`${name()}.svg`, await takes.drawing(), "image/svg+xml"));
    }
    if (takes.rows) {
      add("CSV", () => download(`${name()}.csv`, molyneux.csv(takes.rows()), "text/csv"));
      add("JSON", () => {
        const told = { provenance: molyneux.provenance(), rows: takes.json ? takes.json() : takes.rows() };
        download(`${name()}.json`, JSON.stringify(told, null, 1), "application/json");
      });
    }
    if (takes.python) add("Copy as Python", async () => showPython(title, (await takes.python()).join("\n") + "\n"));
    const menu = el("details", { class: "menu" }, el("summary", { "aria-label": `Take away: ${title}`, title: "PNG, SVG, CSV, JSON, Python" }, "\u2913"), el("div", null, items));
    const offer = () => items.slice(0, takes.drawing ? 2 : 0).forEach((one) => (one.hidden = !!takes.drawn && !takes.drawn()));
    menu.addEventListener("toggle", offer);
    offer();
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
      event.preventDefault();
    });
    return menu;
  };
  molyneux.heading = (title, takes, ...extra) => el("div", { class: "heading" }, el("h2", null, title), extra, molyneux.takeAway(title, takes));
  addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  // A row of choices, one of them on.
  molyneux.choices = (label, options, value, pick) =>
    el(
      "div",
      { class: "choices", role: "group", "aria-label": label },
      options.map(([name, text, off]) =>
        el("button", { "aria-pressed": String(name === value), disabled: off, "data-value": name, onclick: () => pick(name) }, text),
      ),
    );
})();
