"""Figure S.2: how strongly each class's neurons fire on each class's images, beside random neurons."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from molyneux.report.drawing import Drawing
from molyneux.report.ink import Sheet, elide, safe, width_of
from molyneux.report.record import TableRecord, number
from molyneux.report.theme import Style, Theme, frame

__all__ = ["matrix_drawing"]

_TITLE = "Activation of a class's neurons"


def matrix_drawing(table: TableRecord) -> Drawing | None:
    """Two matrices on one scale; None without rows."""
    names = list(dict.fromkeys(str(row["neurons_of"]) for row in table.rows))
    if not names:
        return None
    own, random = (_matrix(table, names, column) for column in ("mean", "random_mean"))
    diagonal = sum(
        bool(np.nanargmax(row) == place) for place, row in enumerate(own) if np.isfinite(row).any()
    )
    alt = (
        f"Matrix of mean activations: neurons of {len(names)} classes against images of the same classes. "
        f"In {diagonal} rows the class's own images have the largest mean."
    )
    return Drawing("selectivity", alt, lambda style: _draw(style, names, own, random), title=_TITLE)


def _matrix(table: TableRecord, names: list[str], column: str) -> Float[np.ndarray, "row column"]:
    values = np.full((len(names), len(names)), np.nan)
    for row in table.rows:
        value = number(row, column)
        other = str(row["images_of"])
        if value is not None and other in names:
            values[names.index(str(row["neurons_of"])), names.index(other)] = value
    return values


def _draw(
    style: Style,
    names: list[str],
    own: Float[np.ndarray, "row column"],
    random: Float[np.ndarray, "row column"],
) -> Figure:
    longest = min(0.85, max(width_of(safe(name), 7.5) for name in names)) + 0.1
    side = style.width - longest - 0.1 if style.narrow else (style.width - longest - 0.75) / 2
    height = longest + side + 0.55
    full = (height * 2 if style.narrow else height) + 0.35
    sheet, top = frame(style, _TITLE, full)
    low, high = float(np.nanmin([own, random])), float(np.nanmax([own, random]))
    for place, (title, values) in enumerate(
        (("the class's neurons", own), ("random neurons, same layers", random))
    ):
        x = longest + (0 if style.narrow else place * (side + 0.65))
        y = top + 0.2 + (place * height if style.narrow else 0)
        sheet.write(x, y, title, size=8.0, weight="bold", color=style.theme.ink)
        bottom = y + 0.1 + side
        _panel(sheet.axes(x, y + 0.1, side, side), style.theme, values, low, high)
        _names(sheet, style, names, x=x, y=y + 0.1, side=side, rows=style.narrow or not place)
        if not place or style.narrow:
            sheet.write(
                x + side,
                y,
                "rows: neurons of; columns: images of" if not style.narrow else "columns: images of",
                size=7.5,
                ha="right",
                color=style.theme.grey,
            )
    _key(sheet, style, low, high, y=bottom + longest + 0.16)
    return sheet.figure


def _panel(
    axes: Axes, theme: Theme, values: Float[np.ndarray, "row column"], low: float, high: float
) -> None:
    axes.imshow(values, cmap=theme.scale, vmin=low, vmax=high, interpolation="nearest", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    for place in range(len(values) + 1):
        axes.axhline(place - 0.5, color=theme.surface, linewidth=0.8)
        axes.axvline(place - 0.5, color=theme.surface, linewidth=0.8)
    for place in range(len(values)):
        axes.add_patch(
            Rectangle(
                (place - 0.5, place - 0.5), 1, 1, fill=False, edgecolor=theme.top, linewidth=1.3, zorder=3
            )
        )


def _names(
    sheet: Sheet, style: Style, names: list[str], *, x: float, y: float, side: float, rows: bool
) -> None:
    cell = side / len(names)
    size = min(7.5, max(5.0, cell * 72 * 0.8))
    for place, name in enumerate(names):
        text = elide(safe(name), 0.85, size)
        if rows:
            sheet.write(
                x - 0.05,
                y + (place + 0.5) * cell,
                text,
                size=size,
                ha="right",
                va="center",
                color=style.theme.ink,
            )
        sheet.write(
            x + (place + 0.5) * cell,
            y + side + 0.05,
            text,
            size=size,
            ha="center",
            va="top",
            rotation=90,
            color=style.theme.ink,
        )


def _key(sheet: Sheet, style: Style, low: float, high: float, *, y: float) -> None:
    """The scale of both, in a strip."""
    x, wide = 0.35, 1.6
    said = "mean activation" + ("" if style.narrow else "; framed: own images")
    axes = sheet.axes(x, y - 0.09, wide, 0.1)
    axes.imshow(np.linspace(0, 1, 128)[None], cmap=colormaps[style.theme.scale], aspect="auto")
    axes.set_axis_off()
    sheet.write(x - 0.06, y, f"{low:.2f}", size=7.5, ha="right", color=style.theme.grey)
    sheet.write(
        x + wide + 0.06,
        y,
        f"{high:.2f}  {said}",
        size=7.5,
        color=style.theme.grey,
    )
