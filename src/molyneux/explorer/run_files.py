"""The files of a run that pages offer as they are: tables, figures, the report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from molyneux.explorer.own import is_own
from molyneux.ground.manifest import MANIFEST
from molyneux.ground.plain import from_json
from molyneux.ground.run import Run

__all__ = ["downloads", "figures", "offered", "report_page", "table_names"]

_OFFERED = {
    *(".csv", ".json", ".png", ".svg", ".pdf", ".md", ".tex"),
    *(".html", ".css", ".js", ".jpg", ".jpeg", ".webp", ".woff2"),  # a report's own files
}
_FIGURES = ("figures/", "report/figures/")
_KINDS = (".svg", ".png", ".webp")
"""Of figures, the first that is there is shown."""
_VARIANT = re.compile(r"(-narrow)?(-dark)?$")
"""For narrow screens, for dark pages."""
_REPORT = "report/report.json"


def downloads(run: Run) -> list[tuple[str, int]]:
    """Files of the run that pages offer, by their path below it, and the bytes of each.

    Nothing that a link leads to, be it a file's or a folder's: a run that somebody sent gets no other file published.
    """
    folders = [run.folder / name for name in ("tables", "figures", "report")]
    below = [path for folder in folders if is_own(run.folder, folder) for path in sorted(folder.rglob("*"))]
    found = [run.folder / MANIFEST, *(path for path in below if path.suffix in _OFFERED)]
    return [
        (path.relative_to(run.folder).as_posix(), path.stat().st_size)
        for path in found
        if path.is_file() and is_own(run.folder, path)
    ]


def offered(run: Run) -> list[tuple[str, int]]:
    """Those of them that are listed: the manifest, tables, and each figure once."""
    return [
        (path, size)
        for path, size in downloads(run)
        if path == MANIFEST or path.startswith(("tables/", *_FIGURES))
        if not _variant(Path(path).stem) and not path.endswith(".webp")
    ]


def table_names(run: Run) -> list[str]:
    """The tables that the run holds, links left out."""
    return sorted(path.stem for path in run.tables.glob("*.json") if is_own(run.folder, path))


def report_page(run: Run) -> str | None:
    """The report's page, below the run."""
    there = {path for path, _ in downloads(run)}
    pages = ("report/index.html", "report/report.html", "report.html")
    return next((path for path in pages if path in there), None)


def figures(run: Run) -> list[dict[str, object]]:
    """Figures in the report's order: files to show and to take away, and what the report says about each.

    A figure that the report does not speak of has its file's name for a title, and the words that its file holds.
    """
    found: dict[str, dict[str, str]] = {}  # name -> variant and suffix -> path
    for path, _ in downloads(run):
        place = Path(path)
        if place.suffix in _KINDS and path.startswith(_FIGURES):
            variant = _variant(place.stem)
            name = place.stem.removesuffix(variant)
            found.setdefault(name, {}).setdefault(variant + place.suffix, path)
    told = _told(run)
    names = [name for name in told if name in found] + [name for name in found if name not in told]
    return [_figure(run, name, found[name], told.get(name, {})) for name in names if _shown(found[name])]


def _figure(run: Run, name: str, files: Mapping[str, str], told: Mapping[str, str]) -> dict[str, object]:
    shown = _shown(files)
    assert shown is not None
    return {
        "name": name,
        "number": told.get("number", ""),
        "title": told.get("title") or name.replace("-", " ").replace("_", " "),
        "caption": told.get("caption", ""),
        "alt": told.get("alt") or _words_in(run, files) or "",
        "table": told.get("table", ""),
        "path": f"downloads/{shown}",
        **{
            key: None if (path := _shown(files, variant)) is None else f"downloads/{path}"
            for key, variant in (("dark", "-dark"), ("narrow", "-narrow"), ("narrow_dark", "-narrow-dark"))
        },
        "files": [
            [kind[1:], f"downloads/{files[kind]}"] for kind in (".png", ".svg", ".pdf") if kind in files
        ],
    }


def _shown(files: Mapping[str, str], variant: str = "") -> str | None:
    """The file of a figure that a page shows: photographs as pixels, where the report made some."""
    kinds = (".webp", *_KINDS) if ".webp" in files else _KINDS
    return next((files[variant + kind] for kind in kinds if variant + kind in files), None)


def _variant(stem: str) -> str:
    match = _VARIANT.search(stem)
    return match[0] if match else ""


def _told(run: Run) -> dict[str, dict[str, str]]:
    """What the report's own data say about its figures: name -> number, title, caption, alt, table."""
    path = run.folder / _REPORT
    if not (path.is_file() and is_own(run.folder, path)):
        return {}
    try:
        data: Any = from_json(path.read_bytes())
        return {str(one["name"]): {key: str(said) for key, said in one.items()} for one in data["figures"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}  # of an earlier version, or none of ours


def _words_in(run: Run, files: Mapping[str, str]) -> str:
    """The description in a figure's PNG."""
    if ".png" not in files:
        return ""
    try:
        with Image.open(run.folder / files[".png"], formats=("PNG",)) as image:
            return str(image.info.get("Description") or "")
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return ""
