// Maps of patches on pixels, exactly as the Python side makes them, and their colours.
"use strict";
(function () {
  const draw = (molyneux.draw = {});

  // Base64 of little-endian float32, whatever the machine's own order.
  draw.floats = (text) => {
    const raw = atob(text);
    const view = new DataView(new ArrayBuffer(raw.length));
    for (let i = 0; i < raw.length; i++) view.setUint8(i, raw.charCodeAt(i));
    return Float32Array.from({ length: raw.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
  };

  // Viridis (Smith and van der Walt, CC0), even in lightness and safe for colour-blind eyes: 256 colours, 3 bytes each.
  const VIRIDIS = atob(
    "RAFURAJWRQRXRQVZRgdaRghcRgpdRgteRw1gRw5hRxBjRxFkRxNlSBRnSBZoSBdpSBhqSBpsSBttSBxuSB1vSB9wSCBxSCFzSCN0SCR1SCV2" +
    "SCZ3SCh4SCl5Ryp6Ryx6Ry17Ry58Ry99RjB+RjJ+RjN/RjSARTWBRTeBRTiCRDmDRDqDRDuEQz2EQz6FQj+FQkCGQkGGQUKHQUSHQEWIQEaI" +
    "P0eIP0iJPkmJPkqJPkyKPU2KPU6KPE+KPFCLO1GLO1KLOlOLOlSMOVWMOVaMOFiMOFmMN1qMN1uNNlyNNl2NNV6NNV+NNGCNNGGNM2KNM2ON" +
    "MmSOMmWOMWaOMWeOMWiOMGmOMGqOL2uOL2yOLm2OLm6OLm+OLXCOLXGOLHGOLHKOLHOOK3SOK3WOKnaOKneOKniOKXmOKXqOKXuOKHyOKH2O" +
    "J36OJ3+OJ4COJoGOJoKOJoKOJYOOJYSOJYWOJIaOJIeOI4iOI4mOI4qNIouNIoyNIo2NIY6NIY+NIZCNIZGMIJKMIJKMIJOMH5SMH5WLH5aL" +
    "H5eLH5iLH5mKH5qKHpuKHpyJHp2JH56JH5+IH6CIH6GIH6GHH6KHIKOGIKSGIaWFIaaFIqeFIqiEI6mDJKqDJauCJayCJq2BJ62BKK6AKa9/" +
    "KrB/LLF+LbJ9LrN8L7R8MbV7MrZ6NLZ5Nbd5N7h4OLl3Orp2O7t1Pbx0P7xzQL1yQr5xRL9wRsBvSMFuSsFtTMJsTsNrUMRqUsVpVMVoVsZn" +
    "WMdlWshkXMhjXsliYMpgY8tfZcteZ8xcac1bbM1abs5YcM9Xc9BWddBUd9FTetFRfNJQf9NOgdNNhNRLhtVJidVIi9ZGjtZFkNdDk9dBldhA" +
    "mNg+m9k8ndk7oNo5oto3pds2qNs0qtwyrdwwsN0vst0ttd4ruN4put4ovd8mwN8lwt8jxeAhyOAgyuEfzeEd0OEc0uIb1eIa2OIZ2uMZ3eMY" +
    "3+MY4uQY5eQZ5+QZ6uUa7OUb7+Uc8eUd9OYe9uYg+OYh++cj/ecl",
  );
  draw.colour = (level) => {
    const n = Math.min(255, Math.max(0, Math.floor(level * 256)));
    return [0, 1, 2].map((i) => VIRIDIS.charCodeAt(3 * n + i));
  };
  draw.css = (level) => `rgb(${draw.colour(level).join(" ")})`;

  // left, top, right, bottom of a patch in pixels of the original; null where it has no place.
  draw.box = (image, patch) => {
    if (image.grid) {
      const { rows, columns, box } = image.grid;
      if (patch < 0 || patch >= rows * columns) return null;
      const wide = (box[2] - box[0]) / columns;
      const high = (box[3] - box[1]) / rows;
      const x = box[0] + (patch % columns) * wide;
      const y = box[1] + Math.floor(patch / columns) * high;
      return [x, y, x + wide, y + high];
    }
    return (image.boxes && image.boxes[patch]) || null;
  };
  // The patch at a point of the original; null beside all of them.
  draw.patchAt = (image, x, y) => {
    if (image.grid) {
      const { rows, columns, box } = image.grid;
      const column = Math.floor(((x - box[0]) / (box[2] - box[0])) * columns);
      const row = Math.floor(((y - box[1]) / (box[3] - box[1])) * rows);
      return column >= 0 && column < columns && row >= 0 && row < rows ? row * columns + column : null;
    }
    // Of several views the smallest patch: it was pointed at most exactly.
    let best = null;
    let size = Infinity;
    (image.boxes || []).forEach((box, patch) => {
      if (!box || x < box[0] || y < box[1] || x >= box[2] || y >= box[3]) return;
      const area = (box[2] - box[0]) * (box[3] - box[1]);
      if (area < size) [best, size] = [patch, area];
    });
    return best;
  };

  const centres = (pixels, cells) =>
    Array.from({ length: pixels }, (_, p) => {
      const at = Math.max(0, ((p + 0.5) * cells) / pixels - 0.5);
      const low = Math.min(cells - 1, Math.floor(at));
      return [low, Math.min(cells - 1, low + 1), at - low];
    });

  // One value a patch over the original's pixels, bilinearly between patch centres; NaN where the model did not look.
  draw.spread = (image, values) => {
    const { width, height, grid } = image;
    const out = new Float64Array(width * height).fill(NaN);
    if (!grid) {
      draw.cells(image, values, out);
      return out;
    }
    const [left, top, right, bottom] = grid.box.map((side) => Math.round(side));
    const wide = Math.max(1, right - left);
    const high = Math.max(1, bottom - top);
    const across = centres(wide, grid.columns);
    const down = centres(high, grid.rows);
    for (let y = 0; y < high; y++) {
      if (top + y < 0 || top + y >= height) continue;
      const [r0, r1, dy] = down[y];
      for (let x = 0; x < wide; x++) {
        if (left + x < 0 || left + x >= width) continue;
        const [c0, c1, dx] = across[x];
        const upper = values[r0 * grid.columns + c0] * (1 - dx) + values[r0 * grid.columns + c1] * dx;
        const lower = values[r1 * grid.columns + c0] * (1 - dx) + values[r1 * grid.columns + c1] * dx;
        out[(top + y) * width + left + x] = upper * (1 - dy) + lower * dy;
      }
    }
    return out;
  };
  // The same without interpolation: every pixel has the value of its patch.
  draw.cells = (image, values, out) => {
    out = out || new Float64Array(image.width * image.height).fill(NaN);
    for (let patch = 0; patch < values.length; patch++) {
      const box = draw.box(image, patch);
      if (!box) continue;
      const [left, top, right, bottom] = box.map((side) => Math.round(side));
      for (let y = Math.max(0, top); y < Math.min(image.height, bottom); y++)
        out.fill(values[patch], y * image.width + Math.max(0, left), y * image.width + Math.min(image.width, right));
    }
    return out;
  };

  // numpy.nanpercentile with linear interpolation.
  draw.percentile = (values, percentile) => {
    const sorted = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();
    if (!sorted.length) return NaN;
    const at = (percentile / 100) * (sorted.length - 1);
    const low = Math.floor(at);
    return sorted[low] + (at - low) * (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]);
  };
  draw.mask = (heat, percentile) => {
    const threshold = draw.percentile(heat, percentile);
    return Uint8Array.from(heat, (value) => (value > threshold ? 1 : 0)); // NaN is above nothing
  };
  draw.range = (values) => {
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return [low, high];
  };

  // An object's mask from run lengths: columns first, zeros first.
  draw.object = (image, runs) => {
    const out = new Uint8Array(image.width * image.height);
    let at = 0;
    runs.forEach((run, n) => {
      if (n % 2)
        for (let i = at; i < at + run; i++) out[(i % image.height) * image.width + Math.floor(i / image.height)] = 1;
      at += run;
    });
    return out;
  };
  // Overlap of a field with an object, over the pixels that the model saw; as in Figure 5.
  draw.iou = (field, object, heat) => {
    let both = 0;
    let either = 0;
    for (let i = 0; i < field.length; i++) {
      if (Number.isNaN(heat[i])) continue;
      both += field[i] & object[i];
      either += field[i] | object[i];
    }
    return either ? both / either : NaN;
  };

  const edge = (mask, image, i) => {
    const x = i % image.width;
    const y = (i - x) / image.width;
    return (
      mask[i] &&
      (!x || !y || x === image.width - 1 || y === image.height - 1 ||
        !mask[i - 1] || !mask[i + 1] || !mask[i - image.width] || !mask[i + image.width])
    );
  };

  // Pixels of an overlay, one for each of the original, opaque: how strong it is laid over is left to the caller.
  draw.overlay = (image, heat, { map, pct, object }) => {
    const made = new ImageData(image.width, image.height);
    const [low, high] = draw.range(heat);
    const field = draw.mask(heat, pct);
    const put = (i, r, g, b, a) => made.data.set([r, g, b, a], 4 * i);
    for (let i = 0; i < heat.length; i++) {
      if (map === "heat") {
        if (!Number.isNaN(heat[i])) put(i, ...draw.colour(high > low ? (heat[i] - low) / (high - low) : 0), 255);
      } else if (map === "mask" && !field[i]) put(i, 8, 12, 20, 255);
    }
    return { pixels: made, field, low, high, outline: draw.outline(field, image, object) };
  };
  // Borders of a field (white) and of an object (orange) as pixels of their own layer.
  draw.outline = (field, image, object) => {
    const lines = new ImageData(image.width, image.height);
    for (let i = 0; i < field.length; i++) {
      if (object && edge(object, image, i)) lines.data.set([255, 140, 40, 255], 4 * i);
      if (edge(field, image, i)) lines.data.set([255, 255, 255, 235], 4 * i);
    }
    return lines;
  };
  draw.canvas = (pixels) => {
    const canvas = document.createElement("canvas");
    canvas.width = pixels.width;
    canvas.height = pixels.height;
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas;
  };
})();
