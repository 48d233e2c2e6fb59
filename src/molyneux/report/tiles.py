"""Rows of photographs with words below them: the form of the figures that show images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from molyneux.report.ink import Sheet, safe, width_of, wrap
from molyneux.report.overlay import PERCENTILE, blend
from molyneux.report.raster import top_mask
from molyneux.report.theme import Style, frame

__all__ = ["Line", "Tile", "TileRow", "draw_rows", "paint_field", "paint_mask", "paint_photo"]

_STEP = 0.145
_GAP = 0.12


@dataclass(frozen=True)
class Line:
    """Words below a tile; those that do not fit go on in the next line."""

    text: str
    bold: bool = False
    mono: bool = False
    grey: bool = False
    lines: int = 1
    """That they may take."""


@dataclass(frozen=True)
class Tile:
    """A photograph with words below it."""

    paint: Callable[[Axes], None]
    size: tuple[int, int]
    """height, width in pixels."""
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class TileRow:
    """Tiles beside each other, under a heading."""

    tiles: tuple[Tile, ...]
    heading: tuple[Line, ...] = ()


def draw_rows(style: Style, title: str, rows: Sequence[TileRow], *, across: tuple[int, int]) -> Figure:
    """A figure of rows.

    Args:
        across: tiles beside each other where it is wide and where it is narrow; there a row takes two lines
            of tiles at most, and only the first three rows are shown.
    """
    count = across[1] if style.narrow else across[0]
    shown = [_lines_of_tiles(row, count, style.narrow) for row in (rows[:3] if style.narrow else rows)]
    wide = (style.width - 0.04 - _GAP * (count - 1)) / count
    heights = [
        (_heading(row), [_height(line, wide) for line in lines])
        for row, lines in zip(rows, shown, strict=False)
    ]
    full = sum(head + sum(lines) + 0.1 for head, lines in heights)
    sheet, y = frame(style, title, full)
    for row, lines, (head, each) in zip(rows, shown, heights, strict=False):
        for place, line in enumerate(row.heading):
            _write(sheet, style, line, x=0.02, y=y + 0.14 + place * 0.16, width=style.width - 0.04)
        y += head
        for tiles, height in zip(lines, each, strict=True):
            for place, tile in enumerate(tiles):
                _tile(sheet, style, tile, x=0.02 + place * (wide + _GAP), y=y, box=(wide, _high(tiles, wide)))
            y += height
        y += 0.1
    return sheet.figure


def _lines_of_tiles(row: TileRow, count: int, narrow: bool) -> list[tuple[Tile, ...]]:
    tiles = row.tiles[: count * (2 if narrow else 1)]
    return [tiles[start : start + count] for start in range(0, len(tiles), count)]


def _heading(row: TileRow) -> float:
    return 0.06 + 0.16 * len(row.heading) + 0.04 if row.heading else 0.0


def _high(tiles: Sequence[Tile], wide: float) -> float:
    """The height of the pictures of a line: the highest's, at most a little above a square."""
    return min(1.15, max(tile.size[0] / tile.size[1] for tile in tiles)) * wide


def _height(tiles: Sequence[Tile], wide: float) -> float:
    words = max(sum(_STEP * line.lines for line in tile.lines) for tile in tiles)
    return _high(tiles, wide) + 0.06 + words + 0.1


def _tile(sheet: Sheet, style: Style, tile: Tile, *, x: float, y: float, box: tuple[float, float]) -> None:
    height, width = tile.size
    scale = min(box[0] / width, box[1] / height)
    axes = sheet.axes(x, y, width * scale, height * scale)
    tile.paint(axes)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    at = y + box[1] + 0.06
    for line in tile.lines:
        _write(sheet, style, line, x=x, y=at + 0.11, width=box[0])
        at += _STEP * line.lines


def _write(sheet: Sheet, style: Style, line: Line, *, x: float, y: float, width: float) -> None:
    size = 7.5
    gap = width_of("n n", size) - width_of("nn", size)
    colour = style.theme.grey if line.grey else style.theme.ink
    words = safe(line.text).split()
    room = width if not line.bold else width * 0.92  # measured in the regular weight
    for number, laid in enumerate(wrap(words, room, size, lines=line.lines, gap=gap)):
        text = " ".join(word for _, word in laid)
        weight = "bold" if line.bold else "normal"
        sheet.write(x, y + number * _STEP, text, size=size, weight=weight, mono=line.mono, color=colour)


def paint_photo(pixels: UInt8[np.ndarray, "height width 3"]) -> Callable[[Axes], None]:
    """The image as it is."""

    def paint(axes: Axes) -> None:
        _show(axes, pixels)

    return paint


def paint_field(
    pixels: UInt8[np.ndarray, "height width 3"],
    heat: Float[np.ndarray, "height width"] | None,
    box: tuple[float, float, float, float] | None = None,
) -> Callable[[Axes], None]:
    """Activation over the image, an outline of its strongest twentieth, and the patch of the score."""

    def paint(axes: Axes) -> None:
        if heat is None:
            _show(axes, pixels)
            return
        _show(axes, blend(pixels, heat))
        seen = heat[np.isfinite(heat)]
        if seen.size and seen.max() > seen.min():
            _contour(
                axes,
                np.nan_to_num(heat, nan=float(seen.min())),
                float(np.percentile(seen, PERCENTILE)),
                "white",
            )
        if box is not None:
            left, top, right, bottom = box
            halo = [Stroke(linewidth=2.2, foreground="#00000090"), Normal()]
            axes.add_patch(
                Rectangle(
                    (left, top),
                    right - left,
                    bottom - top,
                    fill=False,
                    edgecolor="#7fe3ff",
                    linewidth=1.0,
                    path_effects=halo,
                )
            )

    return paint


def paint_mask(
    pixels: UInt8[np.ndarray, "height width 3"],
    heat: Float[np.ndarray, "height width"] | None,
    outline: Bool[np.ndarray, "height width"] | None,
    percentile: float,
) -> Callable[[Axes], None]:
    """The image where a neuron fires most, all else dim; the object's outline in blue."""

    def paint(axes: Axes) -> None:
        shown = pixels
        if heat is not None:
            mask = top_mask(heat, percentile)
            grey = pixels.mean(axis=2, keepdims=True) * 0.32
            shown = np.where(mask[..., None], pixels, np.broadcast_to(grey, pixels.shape)).astype(np.uint8)
        _show(axes, shown)
        if heat is not None and mask.any():
            _contour(axes, mask.astype(float), 0.5, "#ffb000")
        if outline is not None and outline.any():
            _contour(axes, outline.astype(float), 0.5, "#7fe3ff")

    return paint


def _show(axes: Axes, pixels: UInt8[np.ndarray, "height width 3"]) -> None:
    height, width = pixels.shape[:2]
    axes.imshow(pixels, extent=(0, width, height, 0), aspect="auto", interpolation="none")


def _contour(axes: Axes, values: Float[np.ndarray, "height width"], level: float, colour: str) -> None:
    if min(values.shape) < 2:
        return
    padded = np.pad(values, 1, mode="edge" if level != 0.5 else "constant")  # so that masks close at the edge
    y, x = (np.arange(-1, side - 1) + 0.5 for side in padded.shape)
    lines = axes.contour(x, y, padded, levels=[level], colors=colour, linewidths=1.1, linestyles="solid")
    lines.set_path_effects([Stroke(linewidth=2.4, foreground="#000000a0"), Normal()])
