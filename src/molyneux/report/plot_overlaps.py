"""Figure 5: how well receptive fields cover the object, a category a row, beside random neurons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from molyneux.report.drawing import Drawing
from molyneux.report.ink import elide, safe
from molyneux.report.record import TableRecord, number
from molyneux.report.theme import Style, dress, frame, label_line

__all__ = ["overlaps_drawing"]

_TITLE = "Receptive fields on the object (IoU)"
_ROW = 0.24


def overlaps_drawing(table: TableRecord) -> Drawing:
    """Mean IoU with its interval of top and of random neurons, categories by falling difference."""
    rows = [row for row in table.rows if row.get("category") != "all images"]
    rows.sort(key=lambda row: -(number(row, "less_random") or 0.0))
    rows += [row for row in table.rows if row.get("category") == "all images"]
    better = sum((number(row, "less_random_low") or 0.0) > 0 for row in rows)
    alt = (
        f"Dot chart: mean IoU of top and random neurons with the object in {len(rows)} rows; "
        f"in {better} of them top neurons are better, the interval of the difference above 0."
    )
    return Drawing("segmentation", alt, lambda style: _draw(style, rows), title=_TITLE)


def _draw(style: Style, rows: list[Mapping[str, Any]]) -> Figure:
    theme = style.theme
    height = 0.3 + _ROW * len(rows) + 0.5
    sheet, top = frame(style, _TITLE, height + 0.1)
    y = label_line(
        sheet,
        style,
        [("o", theme.top, "top neurons"), ("D", theme.random, "random neurons, same layers")],
        x=0.02,
        y=top + 0.12,
    )
    left = 1.0 if style.narrow else 1.3
    right = 0.06 if style.narrow else 1.1
    axes = sheet.axes(left, y + 0.1, style.width - left - right, _ROW * len(rows))
    dress(axes, style, grid="x")
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    highest = 0.0
    for place, row in enumerate(rows):
        base = y + 0.1 + _ROW * (place + 0.5) + 0.04
        whole = row.get("category") == "all images"
        weight = "bold" if whole else "normal"
        name = elide(safe(str(row.get("category"))), left - 0.2, 8.0, weight)
        sheet.write(left - 0.12, base, name, size=8.0, ha="right", color=theme.ink, weight=weight)
        if not style.narrow:
            _difference(sheet, style, row, x=style.width - 0.02, y=base)
        for arm, marker in (("random", "D"), ("top", "o")):
            mean, low, high = (number(row, f"{arm}_{part}") for part in ("mean", "low", "high"))
            if mean is not None and low is not None and high is not None:
                axes.hlines(place, low, high, color=theme.arm(arm), linewidth=2, alpha=0.75)
                axes.plot([mean], [place], marker=marker, color=theme.arm(arm), markersize=5, linewidth=0)
                highest = max(highest, high)
    if len(rows) > 1 and rows[-1].get("category") == "all images":
        axes.axhline(len(rows) - 1.5, color=theme.line, linewidth=0.8)
    axes.set_xlim(0, (highest or 1.0) * 1.06)
    axes.set_xlabel("IoU, 95% interval over images", fontsize=8, color=theme.grey, labelpad=4)
    if not style.narrow:
        sheet.write(style.width - 0.02, y + 0.04, "difference", size=7.5, ha="right", color=theme.grey)
    return sheet.figure


def _difference(sheet: Any, style: Style, row: Mapping[str, Any], *, x: float, y: float) -> None:
    value, p = number(row, "less_random"), number(row, "p_corrected")
    if value is None:
        return
    stars = "" if p is None else "***" if p < 0.001 else "**" if p < 0.01 else "*" if p < 0.05 else "n.s."
    sheet.write(x - 0.32, y, f"{value:+.3f}", size=8.0, ha="right", color=style.theme.ink)
    sheet.write(x - 0.28, y, stars, size=7.5, color=style.theme.grey)
