// How the Python of panels begins that need the run, its images, or an atlas.
"use strict";
(function () {
  const { py } = molyneux;
  const recipes = (molyneux.recipes = {});

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
  recipes.model = () => molyneux.pythonHead().at(-1);
})();
