"""A figure of the report as files: for light and dark pages, wide and narrow, to read and to take along."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from molyneux.ground.printable import inert
from molyneux.report.theme import DARK, LIGHT, NARROW, WIDE, Style

__all__ = ["Drawing", "Files", "save_drawing"]


@dataclass(frozen=True)
class Drawing:
    """A figure that can be drawn in any style."""

    name: str
    """Of its files."""
    alt: str
    """What it shows, in words, for those who cannot see it."""
    draw: Callable[[Style], Figure]
    raster: bool = False
    """It holds photographs: pages get pixels."""
    title: str = ""
    """As it is drawn on it."""


@dataclass(frozen=True)
class Files:
    """Where a drawing lies, relative to the report, and the pixels that it takes on a page."""

    alt: str
    light: str
    dark: str
    narrow_light: str
    narrow_dark: str
    png: str
    svg: str
    size: tuple[int, int]
    narrow_size: tuple[int, int]


def save_drawing(drawing: Drawing, folder: Path, *, label: str, source: str = "") -> Files:
    """Write all files of a drawing into ``folder/figures``.

    The same figure gives the same files: no dates, no random ids. SVG and PNG hold what it shows, in words, and
    where it comes from.

    Args:
        label: written on the figure.
        source: model, weights, data and seed, for the metadata.
    """
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    kind = "webp" if drawing.raster else "svg"
    paths, sizes = {}, {}
    with rc_context({"svg.hashsalt": "molyneux", "svg.fonttype": "path"}):
        for theme in (LIGHT, DARK):
            for width, part in ((WIDE, ""), (NARROW, "-narrow")):
                figure = drawing.draw(Style(theme, width, label))
                dark = "-dark" if theme is DARK else ""
                key = part + dark
                paths[key] = f"figures/{drawing.name}{part}{dark}.{kind}"
                sizes[key] = (round(figure.get_figwidth() * 100), round(figure.get_figheight() * 100))
                _write(figure, folder / paths[key], drawing, source)
                if not key:
                    for suffix in ("png", "svg"):
                        paths[suffix] = f"figures/{drawing.name}.{suffix}"
                        if suffix != kind:
                            _write(figure, folder / paths[suffix], drawing, source)
    return Files(
        inert(drawing.alt),
        paths[""],
        paths["-dark"],
        paths["-narrow"],
        paths["-narrow-dark"],
        paths["png"],
        paths["svg"],
        sizes[""],
        sizes["-narrow"],
    )


def _write(figure: Figure, path: Path, drawing: Drawing, source: str) -> None:
    kind = path.suffix[1:]
    words = {"Title": drawing.title, "Description": drawing.alt, "Source": source}
    told = {name: inert(said) for name, said in words.items() if said}
    out = io.BytesIO()
    if kind == "svg":
        figure.savefig(out, format="svg", metadata={"Date": None} | told)
    elif kind == "png":
        figure.savefig(out, format="png", dpi=200, metadata=told)
    else:
        figure.savefig(out, format="webp", dpi=200, pil_kwargs={"quality": 88, "method": 1})
    path.write_bytes(out.getvalue())
