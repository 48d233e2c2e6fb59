// Lists as drawings for taking away: a row each, with its name, a bar and words.
"use strict";
(function () {
  const { svg, el } = molyneux;
  const [WIDE, LEFT, BAR, LONG, SAID] = [1120, 24, 310, 190, 624];

  // Words in lines of at most so many characters: [[[word, strong], ...], ...].
  function lines(words, most) {
    const made = [[]];
    let length = 0;
    for (const word of words) {
      if (length && length + 1 + word[0].length > most) {
        made.push([]);
        length = 0;
      }
      made[made.length - 1].push(word);
      length += word[0].length + 1;
    }
    return made;
  }

  // rows: [{kind, name, note, share, from, to, was, figure, words: [[text, strong], ...]}]; shares lie between 0 and 1.
  function drawn(title, note, rows) {
    let y = 84;
    const parts = rows.map((row) => {
      const told = lines(row.words, 48);
      const top = y;
      y += Math.max(52, 22 * told.length + 24);
      const at = (share) => BAR + LONG * Math.max(0, Math.min(1, share));
      return [
        svg("line", { class: "rule", x1: LEFT, x2: WIDE - LEFT, y1: top - 22, y2: top - 22 }),
        svg("text", { class: `sheet-name ${row.kind}`, x: LEFT, y: top }, row.name),
        svg("text", { class: "tick", x: LEFT, y: top + 17 }, row.note),
        svg("rect", { class: "sheet-ground", x: BAR, y: top - 10, width: LONG, height: 10, rx: 5 }),
        svg("rect", { class: `sheet-bar ${row.kind}`, x: BAR, y: top - 10, width: Math.max(1, at(row.share) - BAR), height: 10, rx: 5 }),
        row.from === undefined ? null : svg("rect", { class: "sheet-range", x: at(row.from), y: top - 7, width: Math.max(2, at(row.to) - at(row.from)), height: 4 }),
        row.was === undefined ? null : svg("rect", { class: "sheet-range", x: at(row.was) - 1, y: top - 14, width: 2, height: 18 }),
        svg("text", { class: "sheet-figure", x: BAR + LONG + 10, y: top }, row.figure),
        told.map((line, n) => svg("text", { class: "sheet-said", x: SAID, y: top + 22 * n }, line.map(([word, strong], m) => [m ? " " : "", strong ? svg("tspan", { class: `sheet-new ${row.kind}` }, word) : word]))),
      ];
    });
    return svg("svg", { viewBox: `0 0 ${WIDE} ${y - 20}`, width: WIDE, height: y - 20 },
      svg("title", null, title),
      svg("text", { class: "sheet-title", x: LEFT, y: 34 }, title), svg("text", { class: "tick", x: LEFT, y: 54 }, note), parts);
  }

  // The text of an SVG that stands alone: it is laid into the page for a moment, for its styles.
  molyneux.sheet = (title, note, rows) => {
    const made = drawn(title, note, rows);
    const box = el("div", { class: "offstage", "aria-hidden": "true" }, made);
    document.body.append(box);
    try {
      return molyneux.standalone(made);
    } finally {
      box.remove();
    }
  };
})();
