// The list of all images: searched, sorted, a page at a time.
"use strict";
(function () {
  const { el, inert, probability } = molyneux;
  const at = (id) => document.getElementById(id);
  const SHOWN = 60;
  const RULES = {
    q: { kind: "text" },
    category: { kind: "text" },
    sort: { of: ["id", "noun", "p"], fallback: "id" },
    page: { kind: "index", fallback: 0 },
  };
  let rows = null;
  let tools = null;
  let last = 0;

  async function render(state, current) {
    const { run } = molyneux;
    if (!run.images) {
      at("grid").replaceChildren(el("p", { class: "notice" }, "This run holds no images to look at. Add them with the experiment \u201clooks\u201d: ", el("code", null, "molyneux reproduce looks --out RUN"), ", then export again. Its tables are on the page ", el("a", { href: molyneux.link("run") }, "Run"), "."));
      return;
    }
    const list = await molyneux.list("images", run.images, run.page_size);
    if (!current()) return;
    rows = list.rows;
    molyneux.totals();
    bar(state);
    const found = search(state);
    const pages = Math.max(1, Math.ceil(found.length / SHOWN));
    const page = Math.min(state.page, pages - 1);
    const note = run.given > run.images ? ` (of ${run.given.toLocaleString("en")} in the run, those looked at, drawn at random)` : "";
    at("grid").replaceChildren(
      molyneux.heading("Captions", { name: "images", rows: () => found.map(taken), python: () => recipe(state) }),
      el("p", { class: "note", role: "status" }, `${found.length.toLocaleString("en")} of ${molyneux.count(run.images, "image")}${note}${list.whole ? "" : " \u2026"}`),
      el("ul", { class: "tiles" }, found.slice(page * SHOWN, (page + 1) * SHOWN).map(tile)),
      pages > 1 ? pager(page, pages) : "",
    );
    last = pages - 1;
  }

  const taken = (row) => ({ image: row.id, caption: row.caption, noun: row.noun, p: row.p, objects: row.categories, page: `image.html#image=${row.key}` });
  const words = (state) => (state.q || "").toLowerCase().split(/\s+/).filter(Boolean);
  // The same search of the run's rows, typed in the folder that holds the run; all that is found, not one page of it.
  function recipe(state) {
    const { py, pyList, recipes } = molyneux;
    const wanted = words(state);
    const tests = [
      ...(wanted.length ? [`all(word in text for word in ${pyList(wanted, py)})`] : []),
      ...(state.category ? [`${py(state.category)} in objects`] : []),
    ];
    const orders = { id: [], noun: ['found.sort(key=lambda one: (one[1] is None, (one[1] or "").casefold()))'], p: ["found.sort(key=lambda one: -(one[2] or 0))"] };
    return [
      ...recipes.run(),
      "found = []",
      'for image, row in run.results("looks", partial=True).rows.items():',
      '    noun = next((word for word in row["words"] if word["noun"]), None)',
      '    p = row["probabilities"][noun["first"]] if noun else None',
      ...(tests.length
        ? [
            '    objects = sorted({one["category"] for one in row["objects"] if not one["crowd"]})',
            '    objects = objects or ([row["label"]] if row["label"] else [])',
            ...(wanted.length ? ['    text = " ".join([row["caption"], image, *objects]).lower()'] : []),
            `    if not (${tests.join(" and ")}):`,
            "        continue",
          ]
        : []),
      '    found.append((image, noun["text"] if noun else None, p, row["caption"]))',
      ...orders[state.sort],
      "for one in found:",
      "    print(*one)",
    ];
  }

  function search(state) {
    const wanted = words(state);
    const found = rows.filter((row) => {
      const text = `${row.caption} ${row.id} ${row.categories.join(" ")}`.toLowerCase();
      return wanted.every((word) => text.includes(word)) && (!state.category || row.categories.includes(state.category));
    });
    const orders = { id: null, noun: (a, b) => (a.noun || "\uffff").localeCompare(b.noun || "\uffff"), p: (a, b) => (b.p || 0) - (a.p || 0) };
    return orders[state.sort] ? found.sort(orders[state.sort]) : found;
  }

  function tile(row) {
    return el(
      "li",
      null,
      el(
        "a",
        { class: "tile", href: molyneux.link("image", { image: row.key }) },
        el("img", { src: `data/thumbs/${row.key}.jpg`, alt: "", loading: "lazy", width: 160, height: 160 }),
        el("span", { class: "tile-caption" }, row.caption ? marked(row) : el("em", null, "(an empty caption)")),
        el("span", { class: "tile-note" }, row.noun ? `p(${inert(row.noun)}) = ${probability(row.p)}` : "no noun"),
      ),
    );
  }
  function marked(row) {
    const place = row.noun ? row.caption.indexOf(row.noun) : -1;
    if (place < 0) return inert(row.caption);
    return [inert(row.caption.slice(0, place)), el("strong", null, inert(row.noun)), inert(row.caption.slice(place + row.noun.length))];
  }

  function bar(state) {
    if (tools) {
      if (document.activeElement !== tools.search) tools.search.value = state.q || "";
      tools.category.value = state.category || "";
      tools.sort.value = state.sort;
      return;
    }
    const field = el("input", { type: "search", placeholder: "Search captions, objects, files", "aria-label": "Search captions, objects, files", oninput: () => molyneux.go({ q: field.value || undefined, page: 0 }, { quiet: true }) });
    const category = el("select", { "aria-label": "Object", onchange: () => molyneux.go({ category: category.value || undefined, page: 0 }) },
      el("option", { value: "" }, "any object"), molyneux.run.categories.map(([name, count]) => el("option", { value: name }, `${inert(name)} (${count})`)));
    const sort = el("select", { "aria-label": "Order", onchange: () => molyneux.go({ sort: sort.value, page: 0 }) },
      el("option", { value: "id" }, "by file"), el("option", { value: "noun" }, "by noun"), el("option", { value: "p" }, "by probability"));
    tools = { search: field, category, sort };
    at("tools").replaceChildren(field, category, sort);
    bar(state);
  }

  function turn(n) {
    if (n < 0 || n > last) return;
    molyneux.go({ page: n });
    scrollTo(0, 0);
  }
  function pager(page, pages) {
    const to = (n, label, name) => el("button", { class: "button", disabled: n < 0 || n >= pages, "aria-label": name, onclick: () => turn(n) }, label);
    return el("nav", { class: "pager", "aria-label": "Pages of images" }, to(page - 1, "\u2190", "Previous page"), ` ${page + 1} of ${pages} `, to(page + 1, "\u2192", "Next page"));
  }
  molyneux.keys([
    { keys: ["n"], label: "next page of images", run: () => turn(Math.min(molyneux.state.page, last) + 1) },
    { keys: ["p"], label: "previous page of images", run: () => turn(Math.min(molyneux.state.page, last) - 1) },
  ]);
  molyneux.start(RULES, render);
})();
