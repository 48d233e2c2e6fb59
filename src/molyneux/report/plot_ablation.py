"""Figures 6 and S.3: what is left of p(c) and of the caption, against the number of units switched off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from molyneux.ground.wording import percent
from molyneux.report.drawing import Drawing
from molyneux.report.ink import Sheet, width_of
from molyneux.report.record import TableRecord, comparable, number
from molyneux.report.theme import Style, dress, frame, label_line

__all__ = ["captions_drawing", "probability_drawing"]

_MARKERS = {"top": "o", "interpretable": "s", "random": "D"}
_NAMES = {
    "top": "top units",
    "interpretable": "top interpretable units",
    "random": "random units, same layers",
}


@dataclass(frozen=True)
class _Kind:
    """Which columns of the table are drawn, and how they are said."""

    name: str
    stem: str
    title: str
    start: float
    """The value without any edit."""
    paper: bool


_PROBABILITY = _Kind("ablation", "change", "Change of p(c) with units switched off", 0.0, True)
_CAPTIONS = _Kind("ablated-captions", "bertscore", "BERTScore of the captions that are left", 1.0, False)


def probability_drawing(table: TableRecord) -> Drawing:
    """Figure 6."""
    return _drawing(table, _PROBABILITY)


def captions_drawing(table: TableRecord) -> Drawing | None:
    """Figure S.3; None where captions were not generated anew."""
    if all(number(row, "bertscore_mean") is None for row in table.rows if row.get("count")):
        return None
    return _drawing(table, _CAPTIONS)


def _drawing(table: TableRecord, kind: _Kind) -> Drawing:
    last = max(int(row["count"]) for row in table.rows)
    ends = [
        f"{_NAMES[row['arm']]} {_said(kind, number(row, f'{kind.stem}_mean'))}"
        for row in table.rows
        if row["count"] == last
    ]
    alt = f"Line chart: {kind.title.lower()}, from 0 to {last:,} units. At {last:,}: {'; '.join(ends)}."
    return Drawing(kind.name, alt, lambda style: _draw(style, table, kind), title=kind.title)


def _said(kind: _Kind, value: float | None) -> str:
    if value is None:
        return "not known"
    return percent(value) if kind.stem == "change" else f"{value:.2f}"


def _draw(style: Style, table: TableRecord, kind: _Kind) -> Figure:
    theme = style.theme
    sheet, top = frame(style, kind.title, 3.3)
    arms = [arm for arm in _NAMES if any(row["arm"] == arm for row in table.rows)]
    y = label_line(
        sheet, style, [(_MARKERS[arm], theme.arm(arm), _NAMES[arm]) for arm in arms], x=0.02, y=top + 0.12
    )
    right = 0.62
    axes = sheet.axes(0.58, y + 0.12, style.width - 0.58 - right, top + 3.3 - y - 0.12 - 0.62)
    dress(axes, style)
    counts = sorted({int(row["count"]) for row in table.rows})
    ends = []
    for arm in reversed(arms):
        rows = {int(row["count"]): row for row in table.rows if row["arm"] == arm}
        points = [(place, rows[count]) for place, count in enumerate(counts) if count in rows]
        ends.append((arm, _line(axes, style, arm, points, kind)))
    if kind.paper:
        _papers(axes, style, table, counts)
    _scale(axes, kind)
    _counts(sheet, axes, style, table, counts)
    _ends(sheet, axes, style, [(arm, value) for arm, value in ends if value is not None], kind)
    return sheet.figure


def _line(
    axes: Axes, style: Style, arm: str, points: Sequence[tuple[int, Mapping[str, Any]]], kind: _Kind
) -> float | None:
    """An arm with its interval; returns its last value."""
    told = [
        (place, *(number(row, f"{kind.stem}_{part}") for part in ("mean", "low", "high")))
        for place, row in points
    ]
    known = [(p, m, lo, hi) for p, m, lo, hi in told if m is not None and lo is not None and hi is not None]
    if not known:
        return None
    places, means, lows, highs = (list(one) for one in zip(*known, strict=True))
    colour, below = style.theme.arm(arm), arm == "interpretable"
    if below:  # two fills on top of each other would be of a third colour
        axes.plot(places, lows, color=colour, linewidth=0.9, linestyle=(0, (1, 1.5)), clip_on=False)
        axes.plot(places, highs, color=colour, linewidth=0.9, linestyle=(0, (1, 1.5)), clip_on=False)
    else:
        axes.fill_between(places, lows, highs, color=colour, alpha=0.2, linewidth=0)
    axes.plot(
        places,
        means,
        color=colour,
        marker=_MARKERS[arm],
        markersize=6.5 if below else 4.2,
        linewidth=3.6 if below else 1.7,
        alpha=0.6 if below else 1.0,  # often the same units as the top ones: a broad band under their line
        clip_on=False,
    )
    return float(means[-1])


def _papers(axes: Axes, style: Style, table: TableRecord, counts: Sequence[int]) -> None:
    """The paper's printed figure at its count, hollow and grey where it may not be compared."""
    for row in table.rows:
        value = number(row, "paper")
        if value is None:
            continue
        place = counts.index(int(row["count"]))
        equal = comparable(row.get("paper_note"))
        colour = style.theme.ink if equal else style.theme.grey
        axes.plot(
            [place], [value], marker="*", markersize=10, color=colour, fillstyle="none", linewidth=0, zorder=5
        )
        text = f"paper: {percent(value)}" + ("" if equal else "\nGPT-J on COCO,\nnot comparable")
        axes.annotate(
            text,
            (place, value),
            xytext=(-9, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=7.5,
            color=colour,
            linespacing=1.25,
        )


def _scale(axes: Axes, kind: _Kind) -> None:
    low, high = axes.get_ylim()
    if kind.stem == "change":
        axes.set_ylim(min(low, -0.1), max(high, 0.06))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: "0" if abs(v) < 1e-9 else f"{v:+.0%}"))
    else:
        axes.set_ylim(low, max(high, 1.0) + 0.01)
    axes.axhline(kind.start, color=axes.spines["bottom"].get_edgecolor(), linewidth=1.2, zorder=1)


def _counts(sheet: Sheet, axes: Axes, style: Style, table: TableRecord, counts: Sequence[int]) -> None:
    """Counts below the axis, evenly spaced, as they double; and their share of all units where there is room."""
    theme = style.theme
    axes.set_xlim(-0.2, len(counts) - 0.8)
    axes.set_xticks([])
    share = {int(row["count"]): number(row, "share") for row in table.rows}
    box = axes.get_position()
    y = sheet.height * (1 - box.y0)
    free = -1.0
    for place, count in enumerate(counts):
        text = f"{count:,}"
        across = (place + 0.2) / (len(counts) - 0.6)
        x = sheet.width * (box.x0 + across * box.width)
        half = width_of(text, 8.0) / 2
        if x - half < free and place < len(counts) - 1:
            continue
        free = x + half + 0.05
        sheet.write(x, y + 0.18, text, size=8.0, ha="center", color=theme.ink)
        part = share.get(count)
        if part and (not style.narrow or place % 2):
            sheet.write(x, y + 0.32, _share(part), size=7.0, ha="center", color=theme.grey)
    text = "units off, and their share of all units (steps not to scale)"
    sheet.write(
        sheet.width * (box.x0 + box.width / 2), y + 0.52, text, size=8.0, ha="center", color=theme.grey
    )


def _share(part: float) -> str:
    return f"{part:.0%}" if part >= 0.0995 else f"{part:.1%}" if part >= 0.00095 else f"{part:.2%}"


def _ends(sheet: Sheet, axes: Axes, style: Style, ends: Sequence[tuple[str, float]], kind: _Kind) -> None:
    """Each arm's last value beside its line, pushed apart where they would touch."""
    low, high = axes.get_ylim()
    box = axes.get_position()
    top, bottom = sheet.height * (1 - box.y1), sheet.height * (1 - box.y0)
    wanted = sorted((top + (high - value) / (high - low) * (bottom - top), arm, value) for arm, value in ends)
    x = sheet.width * box.x1 + 0.1
    at = -1.0
    for y, arm, value in wanted:
        at = max(y, at + 0.17)
        sheet.write(x, at + 0.04, _said(kind, value), size=8.5, weight="bold", color=style.theme.arm(arm))
