// Images under a neuron's map: its strongest, and random ones as the control, all on one scale.
"use strict";
(function () {
  const { el, svg, number, inert, count } = molyneux;
  const SIDE = 132;
  const GAP = 12;

  // One scale for all maps, top and random, so that they can be compared.
  const rangeOf = (data) => {
    const all = [...data.top, ...data.random].flatMap((one) => [...molyneux.draw.floats(one.map)]);
    return molyneux.draw.range(all.length ? all : [0, 1]);
  };
  // One image has no strongest and no random ones beside it.
  const alone = (data) => ({
    title: data.handed_in ? "On the image handed in" : "On the one image looked at",
    note: [...data.top.slice(0, 1).map((one) => el("bdi", null, inert(one.name))), ": one image alone does not tell where it usually fires, and there are no random ones to compare with."],
    list: data.top.map((one) => ({ ...one, again: false })),
  });
  const rowsOf = (data) => {
    if (data.images_seen === 1) return [alone(data)];
    const strongest = new Set(data.top.map((one) => one.key));
    const again = data.random.filter((one) => strongest.has(one.key)).length;
    const twice = again === 0 ? "none of them is among its strongest" : again === data.random.length ? "all of them are among its strongest too" : `${again} of them ${again === 1 ? "is" : "are"} among its strongest too`;
    return [
      { title: "Its strongest images", note: `those with the largest activation at any patch, of ${count(data.images_seen, "image")}`, list: data.top.map((one) => ({ ...one, again: false })) },
      { title: "Random images", note: `the control: any neuron has strongest images, so compare. Drawn from all ${count(data.images_seen, "image")}, whatever it does on them; ${twice}${again ? ", and marked" : ""}.`,
        list: data.random.map((one) => ({ ...one, again: strongest.has(one.key) })) },
    ];
  };

  molyneux.tiles = (data) => {
    const range = rangeOf(data);
    const item = (one) => {
      const content = [
        molyneux.tile(one, range),
        el("span", { class: "tile-note" }, number(one.activation), one.again ? " " : null, one.again ? el("span", { class: "tag again", title: "This image is also among its strongest, above" }, "also a strongest") : null),
        el("span", { class: "tile-caption small" }, inert(one.caption || one.name)),
      ];
      return el("li", null, one.page ? el("a", { class: "map-tile", href: molyneux.link("image", { image: one.key, neuron: data.name }) }, content) : el("div", { class: "map-tile" }, content));
    };
    return [
      rowsOf(data).map(({ title, note, list }) => el("div", { class: "tile-row" }, el("h3", null, title), el("p", { class: "note" }, note), el("ul", { class: "maps" }, list.map(item)))),
      molyneux.scale(...range, `activation at a patch${data.images_seen === 1 ? "" : "; the same scale for all images"}`),
    ].flat();
  };

  // ---- the same as a drawing --------------------------------------------------------------------------
  // The picture as a data URL; null where the pages hold none.
  async function pictureOf(one) {
    try {
      return (await molyneux.load(`${one.page ? "images" : "pictures"}/${one.key}`)).picture;
    } catch {
      return null;
    }
  }
  async function drawn(one, range, x, y) {
    const shrink = Math.min(SIDE / one.width, SIDE / one.height);
    const place = { x, y, width: one.width * shrink, height: one.height * shrink, preserveAspectRatio: "none" };
    const picture = await pictureOf(one);
    const heat = molyneux.tile(one, range).querySelector("canvas");
    return [
      svg("rect", { ...place, preserveAspectRatio: null, fill: "#0b0e12" }),
      picture ? svg("image", { ...place, href: picture, filter: "url(#tile-grey)" }) : null,
      heat ? svg("image", { ...place, href: heat.toDataURL("image/png") }) : null,
      svg("text", { class: "axis", x, y: y + SIDE + 13 }, number(one.activation) + (one.again ? " \u00b7 also a strongest" : picture ? "" : " \u00b7 map alone")),
    ];
  }
  // All tiles as SVG text.
  molyneux.tilesDrawing = async (data) => {
    const range = rangeOf(data);
    const rows = rowsOf(data);
    const wide = Math.max(...rows.map(({ list }) => list.length), 4) * (SIDE + GAP) + GAP;
    const high = SIDE + 58;
    const parts = [];
    for (const [n, { title, list }] of rows.entries()) {
      parts.push(svg("text", { class: "tick", x: GAP, y: n * high + 22 }, title));
      for (const [place, one] of list.entries()) parts.push(...(await drawn(one, range, GAP + place * (SIDE + GAP), n * high + 32)));
    }
    const foot = rows.length * high + 8;
    const ramp = molyneux.ramp(4, foot, range, `activation of ${data.name}`);
    const made = svg("svg", { class: "chart offstage", viewBox: `0 0 ${wide} ${foot + 22}`, role: "img", "aria-label": `Images under the map of ${data.name}` },
      svg("title", null, `Images under the map of ${data.name}, all on one scale`),
      svg("filter", { id: "tile-grey" }, svg("feColorMatrix", { type: "saturate", values: 0 })), parts, ramp);
    document.body.append(made); // styles are computed of what is in the page
    const text = molyneux.standalone(made);
    made.remove();
    return text;
  };
})();
