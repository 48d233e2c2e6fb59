// The image with its overlay: picture, map, outlines and patches in the same coordinates, the original's pixels.
"use strict";
(function () {
  const { el, svg, draw } = molyneux;
  const SMALL = 96; // pixels: a picture up to here is drawn with its pixels seen

  // on: {hover(patch | null), pick(patch)}
  molyneux.stage = (image, on) => {
    const { width, height } = image;
    const box = image.grid ? image.grid.box : [0, 0, width, height];
    const percent = (value, whole) => `${(100 * value) / whole}%`;
    const picture = el("img", { class: "picture", src: image.picture, alt: `The image: captioned \u201c${molyneux.inert(image.caption || "")}\u201d`, draggable: "false" });
    const view = image.view && el("img", { class: "view", src: image.view, alt: "The image as the model\u2019s encoder got it", draggable: "false",
      vars: { left: percent(box[0], width), top: percent(box[1], height), width: percent(box[2] - box[0], width), height: percent(box[3] - box[1], height) } });
    const heat = el("canvas", { class: "heat", width, height, "aria-hidden": "true" });
    const lines = el("canvas", { class: "lines", width, height, "aria-hidden": "true" });
    const marks = { hover: mark("hover"), pin: mark("pin"), peak: mark("peak") };
    const glass = svg("svg", { class: "glass", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", tabindex: 0, role: "application",
      "aria-label": "Patches of the image: arrow keys move, Enter pins" }, marks.peak, marks.pin, marks.hover);
    const node = el("div", { class: "stage", vars: { "--ratio": String(width / height), "--zoom": `${Math.min(620, Math.max(width, height) * 3)}px` } }, picture, view, heat, lines, glass);
    if (Math.max(width, height) <= SMALL) picture.classList.add("pixels");
    let at = null;
    let range = null; // of the heat that is drawn

    function mark(name) {
      return svg("g", { class: "patch " + name }, svg("title", null), svg("rect", { class: "halo" }), svg("rect", { class: "edge" }));
    }
    function put(name, patch, title = "") {
      const found = patch === null || patch === undefined ? null : draw.box(image, patch);
      marks[name].classList.toggle("seen", !!found);
      marks[name].querySelector("title").textContent = title;
      if (!found) return;
      for (const rect of marks[name].querySelectorAll("rect")) {
        const [left, top, right, bottom] = found;
        for (const [key, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) rect.setAttribute(key, value);
      }
    }
    const point = (event) => {
      const frame = glass.getBoundingClientRect();
      return draw.patchAt(image, ((event.clientX - frame.left) / frame.width) * width, ((event.clientY - frame.top) / frame.height) * height);
    };
    const hover = (patch) => {
      if (patch === at) return;
      at = patch;
      put("hover", patch);
      on.hover(patch);
    };
    glass.addEventListener("pointermove", (event) => hover(point(event)));
    glass.addEventListener("pointerleave", () => hover(null));
    glass.addEventListener("blur", () => hover(null));
    glass.addEventListener("click", (event) => {
      const patch = point(event);
      if (patch !== null) on.pick(patch);
    });
    glass.addEventListener("keydown", (event) => {
      if (!image.grid) return;
      const { rows, columns } = image.grid;
      const now = at === null ? Math.floor(rows / 2) * columns + Math.floor(columns / 2) : at;
      const [row, column] = [Math.floor(now / columns), now % columns];
      const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (move) hover(at === null ? now : Math.min(rows - 1, Math.max(0, row + move[0])) * columns + Math.min(columns - 1, Math.max(0, column + move[1])));
      else if (event.key === "Enter" && at !== null) on.pick(at);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });

    return {
      node,
      put,
      hover,
      // values: a patch's activations, or null for no map. Returns what the scale and IoU need.
      draw(values, state, object) {
        const model = state.show === "model" && view;
        node.classList.toggle("as-model", !!model);
        const off = !values || state.map === "off";
        node.dataset.map = off ? "off" : state.map;
        heat.classList.toggle("pixels", state.fill === "cells");
        for (const canvas of [heat, lines]) canvas.getContext("2d").clearRect(0, 0, width, height);
        range = null;
        if (off && !object) return null;
        const map = values ? (state.fill === "cells" ? draw.cells(image, values) : draw.spread(image, values)) : new Float64Array(width * height);
        const made = draw.overlay(image, map, { map: off ? "off" : state.map, pct: state.pct, object });
        if (off) made.outline = draw.outline(new Uint8Array(width * height), image, object);
        if (!off && state.map === "heat") range = [made.low, made.high];
        heat.getContext("2d").putImageData(made.pixels, 0, 0);
        heat.style.opacity = String(state.opacity / 100);
        lines.getContext("2d").putImageData(made.outline, 0, 0);
        return { ...made, iou: object && values ? draw.iou(made.field, object, map) : null };
      },
      // The same as one drawing, picture and all; label: what the colours stand for.
      drawing(caption, label) {
        const wide = 560;
        const high = (wide * height) / width;
        const part = (canvas, opacity) => svg("image", { href: canvas.toDataURL(), width: wide, height: high, opacity, preserveAspectRatio: "none" });
        const shown = node.classList.contains("as-model") ? { href: image.view, x: (box[0] / width) * wide, y: (box[1] / height) * high, width: ((box[2] - box[0]) / width) * wide, height: ((box[3] - box[1]) / height) * high }
          : { href: image.picture, width: wide, height: high };
        const grey = node.dataset.map === "heat" ? svg("filter", { id: "grey" }, svg("feColorMatrix", { type: "saturate", values: 0 })) : null;
        const foot = range ? 46 : 26;
        const made = svg("svg", { viewBox: `0 0 ${wide} ${high + foot}`, width: wide, height: high + foot }, grey,
          svg("image", { ...shown, preserveAspectRatio: "none", filter: grey ? "url(#grey)" : null }),
          part(heat, heat.style.opacity || 1), part(lines, 1),
          svg("text", { x: 4, y: high + 18, "font-size": 12, "font-family": "sans-serif", fill: getComputedStyle(document.body).color }, caption),
          range ? molyneux.ramp(4, high + 28, range, label) : null);
        document.body.append(made); // styles are computed of what is in the page
        const text = molyneux.standalone(made);
        made.remove();
        return text;
      },
    };
  };

  // A small picture with a map over it, for lists.
  molyneux.tile = (one, range) => {
    const values = draw.floats(one.map);
    const picture = el("img", { src: `data/thumbs/${one.key}.jpg`, alt: `Image captioned \u201c${molyneux.inert(one.caption || "")}\u201d`, loading: "lazy" });
    const node = el("div", { class: "tile-stage", "data-map": "heat", vars: { "--ratio": String(one.width / one.height) } }, picture);
    if (one.grid) {
      // At a size for its place: the same geometry on fewer pixels.
      const shrink = Math.min(1, 200 / Math.max(one.width, one.height));
      const small = { width: Math.max(1, Math.round(one.width * shrink)), height: Math.max(1, Math.round(one.height * shrink)) };
      const [x, y] = [small.width / one.width, small.height / one.height];
      const [left, top, right, bottom] = one.grid.box;
      small.grid = { ...one.grid, box: [left * x, top * y, right * x, bottom * y] };
      const heat = draw.spread(small, values);
      const pixels = new ImageData(small.width, small.height);
      const [low, high] = range;
      for (let i = 0; i < heat.length; i++)
        if (!Number.isNaN(heat[i])) pixels.data.set([...draw.colour(high > low ? (heat[i] - low) / (high - low) : 0), 150], 4 * i);
      node.append(draw.canvas(pixels));
    }
    return node;
  };

  // The same in a drawing, at a place of its own.
  molyneux.ramp = (x, y, [low, high], label) => {
    const said = (at, text, anchor) => svg("text", { x: at, y: y + 9, "font-size": 11, "font-family": "sans-serif", "text-anchor": anchor, fill: getComputedStyle(document.body).color }, text);
    return [
      said(x + 58, molyneux.number(low), "end"),
      Array.from({ length: 32 }, (_, n) => svg("rect", { x: x + 66 + n * 5, y, width: 5.2, height: 9, fill: draw.css(n / 31) })),
      said(x + 234, `${molyneux.number(high)}  ${label}`, "start"),
    ];
  };

  // The colours and the values that they stand for.
  molyneux.scale = (low, high, label) =>
    el("div", { class: "scale", role: "img", "aria-label": `${label}: from ${molyneux.number(low)} (dark) to ${molyneux.number(high)} (bright)` },
      el("span", null, molyneux.number(low)),
      el("span", { class: "ramp", "aria-hidden": "true", vars: { "--ramp": `linear-gradient(90deg, ${Array.from({ length: 9 }, (_, n) => draw.css(n / 8)).join(", ")})` } }),
      el("span", null, molyneux.number(high)),
      el("span", { class: "scale-label" }, label));
})();
