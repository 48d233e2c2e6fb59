// The list of images: what they say together, the one test that all of them make, beside its control.
"use strict";
(function () {
  const { el, count } = molyneux;
  const total = () => molyneux.run.layers * molyneux.run.units;
  const share = (n) => `${Math.round((1000 * n) / total()) / 10}%`;
  const gone = ([lost, made]) => el("strong", null, `${lost.toLocaleString("en")} of ${made.toLocaleString("en")}`);

  const many = (n) => `${n.toLocaleString("en")} (${share(n)})`;
  const first = ({ n, arms }) => [
    `Switch off the ${many(n)} neurons that score highest for a caption\u2019s first noun, and it is gone from `, gone(arms.top),
    " captions that the model then writes; switch off as many random ones of the same layers, and it is gone from ", gone(arms.random), ".",
  ];
  const other = ({ n, arms }) => [` With ${many(n)}: `, gone(arms.top), " against ", gone(arms.random), "."];

  molyneux.totals = () => {
    const section = document.getElementById("totals");
    const told = (molyneux.run.totals || []).filter(({ arms }) => arms.top && arms.random);
    if (section.childElementCount || !told.length) return;
    section.replaceChildren(el("p", null, told.map((one, place) => (place ? other : first)(one))), el("p", { class: "note" }, `Over the ${count(molyneux.run.images, "image")} with pages; a random draw counts as a caption.`));
    section.hidden = false;
  };
})();
