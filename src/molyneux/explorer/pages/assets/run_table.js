// A table of the run: as the report words it, sorted by a click on a column.
"use strict";
(function () {
  const { el, inert } = molyneux;
  const DASH = "\u2013";
  const DAGGER = "\u2020";

  const full = (cell) => (typeof cell === "string" ? { text: cell } : cell);
  const kindOf = (cell, head) => cell.kind || head.kind;
  const isNumber = (kind) => kind === "number" || kind === "paper";

  function content(cell, head) {
    const kind = kindOf(cell, head);
    if (cell.tokens) return el("span", { class: "chips" }, cell.tokens.map((text) => molyneux.token(text, { class: "chip" })));
    if (cell.pieces) return cell.pieces.flatMap(([word, fresh]) => [el(fresh ? "mark" : "span", null, inert(word)), " "]);
    if (kind === "neuron") return cell.page ? el("a", { class: "name", href: molyneux.link("neuron", { neuron: cell.text }) }, inert(cell.text)) : el("span", { class: "name" }, inert(cell.text));
    if (kind === "image") {
      const name = inert(cell.text.slice(cell.text.lastIndexOf("/") + 1));
      return cell.key ? el("a", { href: molyneux.link("image", { image: cell.key }) }, name) : name;
    }
    return cell.strong ? el("strong", null, inert(cell.text)) : inert(cell.text);
  }
  function drawn(given, head) {
    const cell = full(given);
    const tag = isNumber(head.kind) ? "number" : cell.pieces || cell.text.length > 24 ? "long" : null;
    return el("td", { class: [tag, head.kind === "paper" ? "paper" : null].filter(Boolean).join(" ") || null },
      content(cell, head),
      cell.note ? el("sup", { title: inert(cell.note) }, DAGGER) : null,
      (cell.small || "").split("\n").filter(Boolean).map((line, n) => [" ", el("span", { class: n ? "interval below" : "interval" }, inert(line).replaceAll(" ", "\u00a0"))]));
  }

  // ---- sorting: "3" upwards by the fourth column, "-3" downwards ------------------------------------
  const parsed = (text, columns) => {
    const match = /^(-?)(\d{1,3})$/.exec(text || "");
    return match && Number(match[2]) < columns ? { column: Number(match[2]), down: match[1] === "-" } : null;
  };
  function ordered(table, sort) {
    if (!sort) return table.cells;
    const key = (row) => {
      const cell = full(row[sort.column]);
      return cell.value === undefined ? cell.text : cell.value;
    };
    const empty = (value) => value === "" || value === null || value === DASH;
    return [...table.cells].sort((one, other) => {
      const [a, b] = [key(one), key(other)];
      if (empty(a) || empty(b)) return empty(a) - empty(b); // what is not there comes last, either way
      const way = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
      return sort.down ? -way : way;
    });
  }
  // Numbers begin with the largest, words with A; a third click is the order of the file again.
  function next(sort, column, numeric) {
    if (!sort || sort.column !== column) return (numeric ? "-" : "") + column;
    return sort.down === numeric ? (numeric ? "" : "-") + column : undefined;
  }
  function headed(table, sort) {
    return table.head.map((head, column) => {
      const mine = sort && sort.column === column;
      const to = next(sort, column, isNumber(head.kind));
      const name = inert(head.text) || "row";
      return el("th", { scope: "col", class: isNumber(head.kind) ? "number" : null, "aria-sort": mine ? (sort.down ? "descending" : "ascending") : null },
        el("button", { class: "sorter", "data-column": column, title: `Sort by ${name}`, onclick: () => molyneux.go({ sort: to }) },
          head.text ? el("span", null, name) : el("span", { class: "unseen" }, "row"), el("span", { class: "arrow", "aria-hidden": "true" }, mine ? (sort.down ? "\u2193" : "\u2191") : "")));
    });
  }

  const notes = (table) => [...new Set(table.cells.flatMap((row) => row.map((cell) => full(cell).note).filter(Boolean)))];

  molyneux.table = (table, text, files) => {
    const sort = parsed(text, table.head.length);
    const cut = table.length > table.cells.length;
    const told = table.papers.map((said) => `Paper: ${said}.`);
    return [
      el("div", { class: "wide-table tall", tabindex: 0, role: "region", "aria-label": inert(table.title) },
        el("table", { class: "figures-table" }, el("thead", null, el("tr", null, headed(table, sort))),
          el("tbody", null, ordered(table, sort).map((row) => el("tr", null, row.map((cell, n) => drawn(cell, table.head[n]))))))),
      cut ? el("p", { class: "note row cut" }, `The first ${table.cells.length.toLocaleString("en")} of ${table.length.toLocaleString("en")} rows${sort ? ", sorted among themselves" : ""}; all of them are in these files.`, " ", files) : null,
      el("ul", { class: "notes" },
        notes(table).map((note) => el("li", null, `${DAGGER} ${inert(note)}`)),
        [...told, ...table.judges.map((judge) => `Judge: ${judge}`), ...table.notes].map((line) => el("li", null, inert(line)))),
    ];
  };
})();
