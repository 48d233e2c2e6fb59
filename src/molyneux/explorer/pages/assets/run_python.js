// The Python of the run page's panels: typed in the folder that holds the run, each prints what its panel shows.
"use strict";
(function () {
  const { py, recipes } = molyneux;

  Object.assign(recipes, {
    what: () => [...recipes.run(), "print(run.status(), run.manifest.created)", "print(run.resume_command())"],
    stages: () => [
      ...recipes.run(),
      "for name in run.stages():",
      "    found = run.results(name, partial=True)",
      "    print(name, found.used, found.given, found.missing, found.tally.skipped)",
    ],
    manifest: () => [
      ...recipes.run(),
      'for group in ("settings", "weights", "data", "versions"):',
      "    for name, value in getattr(run.manifest.identity, group).items():",
      "        print(group, name, value)",
    ],
    downloads: () => [
      ...recipes.run(["from molyneux.explorer.run_files import offered"]),
      "for path, size in offered(run):",
      "    print(size, path)",
    ],
    table: (name) => [
      "import json",
      "from pathlib import Path",
      "",
      `table = json.loads((Path(${py(molyneux.run.name)}) / "tables" / ${py(name + ".json")}).read_text(encoding="utf8"))`,
      'for row in table["rows"]:',
      "    print(row)",
    ],
    // A figure of the report is drawn anew from the run's rows; any other file is opened.
    figure: (chosen) => {
      const path = chosen.files.length ? chosen.files[0][1].replace("downloads/", "") : chosen.path.replace("downloads/", "");
      const head = ["from pathlib import Path", ""];
      if (path.startsWith("report/"))
        return [...head, "from molyneux.report.page import write_report", "", `page = write_report(Path(${py(molyneux.run.name)}), Path("report-again"))`, `print(page.parent / ${py(path.replace("report/", ""))})`];
      return [...head, `print((Path(${py(molyneux.run.name)}) / ${py(path)}).resolve())`];
    },
  });
})();
