// The Python that panels give: values as literals, which nothing gets out of, and the lines that it begins with.
"use strict";
(function () {
  const recipes = (molyneux.recipes = {}); // what pages add to

  // ---- literals: nothing that data or an address say goes into a line by another way -----------------------
  // Any text as a Python literal that is ASCII.
  molyneux.py = (text) =>
    '"' +
    [...String(text)]
      .map((c) => {
        const code = c.codePointAt(0);
        if (c === '"' || c === "\\") return "\\" + c;
        if (code >= 32 && code < 127) return c;
        return code < 0x10000 ? "\\u" + code.toString(16).padStart(4, "0") : "\\U" + code.toString(16).padStart(8, "0");
      })
      .join("") +
    '"';
  // A number; all else is refused, also text that looks like one.
  molyneux.num = (value) => {
    if (!Number.isFinite(value)) throw new Error(`The run says ${JSON.stringify(value)} where a number belongs, so there are no Python lines.`);
    return String(value);
  };
  molyneux.pyList = (values, write) => `[${values.map((one) => write(one)).join(", ")}]`;
  // A name of ours, such as an attribute: one of those that are known.
  molyneux.oneOf = (value, names) => {
    if (!names.includes(value)) throw new Error(`${JSON.stringify(value)} is none of ${names.join(", ")}, so there are no Python lines.`);
    return value;
  };
  const { py } = molyneux;

  // ---- first lines -----------------------------------------------------------------------------------------
  // The model, and an image where one is named.
  molyneux.pythonHead = (id) => {
    const { run } = molyneux;
    const shipped = run.shipped && id !== undefined;
    return [
      ...(id === undefined || shipped ? [] : ["from pathlib import Path", ""]),
      "import molyneux as mx",
      ...(shipped ? ["from molyneux.ground.assets import asset"] : []),
      "",
      `captioner = mx.load(${py(run.model)}${run.prompt ? `, prompt=${py(run.prompt)}` : ""})`,
      ...(id === undefined ? [] : [`image = ${shipped ? 'asset("miniature")' : 'Path("your-images")'} / ${py(id)}`]),
    ];
  };
  recipes.model = () => molyneux.pythonHead().at(-1);
  // The run: its folder is looked for where Python is started. standard: lines of the standard library.
  recipes.run = (imports = [], standard = []) => [...standard, "from pathlib import Path", "", ...imports, "from molyneux.ground.run import open_run", "", `run = open_run(Path(${py(molyneux.run.name)}))  # the folder of the run`];
  // The atlas, likewise.
  recipes.atlas = (imports = ["from molyneux.experiments.atlas_read import open_atlas"], standard = []) => [...standard, "from pathlib import Path", "", ...imports, "", `atlas = open_atlas(Path(${py(molyneux.run.atlas.name)}))  # the folder of the atlas`];
  // The model, and the folder of the run's images, several of which are named.
  recipes.images = (imports) => {
    const { run } = molyneux;
    return [
      ...(run.shipped ? [] : ["from pathlib import Path", ""]),
      "import molyneux as mx",
      ...(run.shipped ? ["from molyneux.ground.assets import asset"] : []),
      ...imports,
      "",
      recipes.model(),
      run.shipped ? 'folder = asset("miniature")' : 'folder = Path("your-images")  # of the images that the run was made of',
    ];
  };
})();
