"""The shards of the run itself: what it is, and its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from molyneux.explorer.image_shards import PAGE
from molyneux.explorer.lookups import Lookups
from molyneux.ground.files import kept
from molyneux.ground.manifest import MANIFEST
from molyneux.ground.neuron import NeuronId
from molyneux.ground.plain import from_json
from molyneux.ground.results import read_table
from molyneux.ground.run import Run, shell_command
from molyneux.ground.stage import read_description

__all__ = ["downloads", "run_shard", "table_names", "table_shard"]

SCHEMA = 1
_FIGURES = {".png": "png", ".svg": "svg"}
_OFFERED = {
    *(".csv", ".json", ".png", ".svg", ".pdf", ".md", ".tex"),
    *(".html", ".css", ".js", ".jpg", ".jpeg", ".webp", ".woff2"),  # a report's own files
}
_VARIANTS = ("-dark", "-narrow")  # of a figure: for dark pages, for narrow screens


def run_shard(looks: Lookups) -> dict[str, object]:
    """What the run is, for every page."""
    run, identity = looks.run, looks.run.manifest.identity
    settings = identity.settings
    offered = downloads(run)
    return {
        "schema": SCHEMA,
        "name": run.folder.resolve().name,
        "model": settings.get("model", "unknown model"),
        "miniature": bool(settings.get("miniature") or looks.images.settings.get("miniature")),
        "prompt": settings.get("prompt"),
        "layers": settings.get("layers"),
        "units": settings.get("units"),
        "images": len(looks.keys),
        "given": looks.images.settings.get("given", 0),
        "neurons": len(looks.neurons.ids),
        "page_size": PAGE,
        "shipped": _shipped(run),
        "settings": _flat(settings),
        "provenance": {
            "created": run.manifest.created,
            "updated": run.manifest.updated,
            "status": run.status(),
            "command": shell_command(run.manifest.command),
            "seed": identity.seed,
            "versions": _flat(identity.versions),
            "weights": _flat(identity.weights),
            "data": _flat(identity.data),
        },
        "stages": [_stage(run, name) for name in run.stages()],
        "tables": [_about(run, name) for name in table_names(run)],
        "figures": _figures([path for path, _ in offered]),
        "report": next((f"downloads/{path}" for path, _ in offered if _is_report(path)), None),
        "downloads": [
            {"path": f"downloads/{path}", "name": path, "bytes": size}
            for path, size in offered
            if path == MANIFEST or path.startswith(("tables/", "figures/", "report/figures/"))
            if not Path(path).stem.endswith(_VARIANTS)
        ],
        "strip_counts": looks.images.settings.get("counts", []),
        "categories": looks.categories_of(list(looks.keys)),
        "layer_neurons": _by_layer(looks, int(settings.get("layers") or 0)),
    }


def downloads(run: Run) -> list[tuple[str, int]]:
    """Files of the run that pages offer, by their path below it, and the bytes of each.

    Nothing that a link leads to, be it a file's or a folder's: a run that somebody sent gets no other file published.
    """
    folders = [run.folder / name for name in ("tables", "figures", "report")]
    below = [path for folder in folders if _own(run, folder) for path in sorted(folder.rglob("*"))]
    found = [run.folder / MANIFEST, *(path for path in below if path.suffix in _OFFERED)]
    return [
        (path.relative_to(run.folder).as_posix(), path.stat().st_size)
        for path in found
        if path.is_file() and _own(run, path)
    ]


def _own(run: Run, path: Path) -> bool:
    """Whether a path below the run is no link and lies below none."""
    return path.resolve() == run.folder.resolve() / path.relative_to(run.folder)


def table_names(run: Run) -> list[str]:
    """The tables that the run holds, links left out."""
    return sorted(path.stem for path in run.tables.glob("*.json") if _own(run, path))


def table_shard(run: Run, name: str) -> dict[str, object]:
    """One table, its rows as lists.

    Raises:
        DamagedError: the file is not what was written.
    """
    told = _table(run, name)
    columns = list(dict.fromkeys(column for row in told["rows"] for column in row))
    return {
        "name": name,
        "title": told.get("title", name),
        "paper": told.get("paper", ""),
        "columns": columns,
        "rows": [[row.get(column) for column in columns] for row in told["rows"]],
        "used": told.get("used"),
        "given": told.get("given"),
        "skipped": list((told.get("skipped") or {}).items()),
        "judges": told.get("judges", []),
        "notes": told.get("notes", []),
        "settings": _flat(told.get("settings") or {}),
    }


def _table(run: Run, name: str) -> dict[str, Any]:
    told = from_json(kept(run.tables / f"{name}.json"))
    assert isinstance(told, dict)
    return told


def _about(run: Run, name: str) -> dict[str, object]:
    told = _table(run, name)
    return {
        "name": name,
        "title": told.get("title", name),
        "paper": told.get("paper", ""),
        "rows": len(told["rows"]),
    }


def _figures(paths: list[str]) -> list[dict[str, object]]:
    """Figures by name: the file to show, the one for dark pages, and all that can be taken away."""
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        place = Path(path)
        if place.suffix not in _FIGURES or not path.startswith(("figures/", "report/figures/")):
            continue
        name = place.stem.removesuffix("-dark")
        if name.endswith("-narrow"):
            continue
        one = found.setdefault(name, {"name": name, "path": None, "dark": None, "files": []})
        told = f"downloads/{path}"
        if place.stem.endswith("-dark"):
            one["dark"] = told
            continue
        one["files"].append([_FIGURES[place.suffix], told])
        if one["path"] is None or place.suffix == ".svg":
            one["path"] = told
    return [one for one in found.values() if one["path"] is not None]


def _stage(run: Run, name: str) -> dict[str, object]:
    table = read_table(run.folder / name, partial=True)
    reasons = table["reason"].to_pylist() if table.num_rows else []
    skipped = Counter(reason for reason in reasons if reason is not None)
    given = int(read_description(run.folder / name)["given"])  # type: ignore[arg-type]
    return {
        "name": name,
        "given": given,
        "used": len(reasons) - skipped.total(),
        "missing": given - len(reasons),
        "skipped": sorted(skipped.items(), key=lambda pair: (-pair[1], pair[0])),
    }


def _by_layer(looks: Lookups, layers: int) -> list[int]:
    """Neurons of any image's list, by layer."""
    counted = [0] * layers
    for name in looks.named:
        counted[NeuronId.parse(name).layer] += 1
    return counted


def _shipped(run: Run) -> bool:
    """Whether the images are those that ship with the package, so that Python lines can name them."""
    command = run.manifest.command
    given = next((value for flag, value in pairwise(command) if flag == "--data"), None)
    made = "reproduce" in command and given in (None, "miniature")
    return made and run.manifest.identity.settings.get("model") == "miniature"


def _flat(told: Mapping[str, Any], place: str = "") -> list[list[object]]:
    """Nested settings as pairs of a dotted name and a value."""
    found: list[list[object]] = []
    for key, value in told.items():
        name = f"{place}.{key}" if place else str(key)
        found += _flat(value, name) if isinstance(value, Mapping) and value else [[name, value]]
    return found


def _is_report(path: str) -> bool:
    return path in ("report/index.html", "report/report.html", "report.html")
