"""Figure 3: how the scores of projected patches are distributed over images, beside random vectors and nouns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from molyneux.report.drawing import Drawing
from molyneux.report.numerals import chance
from molyneux.report.record import TableRecord, number
from molyneux.report.theme import Style, dress, frame, label_line

__all__ = ["scores_drawing"]

_TITLE = "Scores of projected patches"

_ARMS = {
    "random": "random vectors",
    "prompts": "projected patches",
    "nouns": "nouns of human captions",
    "captions": "model captions",
}
_METRICS = {"clip": "CLIPScore", "bert": "BERTScore F1"}
_DASHES: Mapping[str, Any] = {
    "random": (0, (5, 2)),
    "prompts": "-",
    "nouns": (0, (1, 1.2)),
    "captions": (0, (6, 2, 1, 2)),
}


def scores_drawing(rows: Sequence[Mapping[str, Any]], tests: TableRecord | None) -> Drawing | None:
    """Cumulative shares of images by their mean score, with the largest gap that the test looks at.

    Args:
        rows: of the stage ``prompts``.
        tests: the table ``prompts-tests``.
    """
    values = {metric: _values(rows, metric) for metric in _METRICS}
    values = {metric: arms for metric, arms in values.items() if arms.get("prompts")}
    if not values:
        return None
    said = []
    for row in tests.rows if tests else ():
        said.append(
            f"{_METRICS.get(str(row.get('metric')), '')} against {row.get('second')}: "
            f"D = {number(row, 'statistic') or 0:.2f}, p {chance(number(row, 'p'))}"
        )
    alt = "Cumulative distributions of scores over images. Projected patches: " + "; ".join(said) + "."
    return Drawing("prompts", alt, lambda style: _draw(style, values, tests), title=_TITLE)


def _values(rows: Sequence[Mapping[str, Any]], metric: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for arm in _ARMS:
        scores = [row.get(f"{metric}_{arm}") for row in rows]
        found[arm] = sorted(float(np.mean(one)) for one in scores if one)
    return found


def _draw(style: Style, values: Mapping[str, dict[str, list[float]]], tests: TableRecord | None) -> Figure:
    theme = style.theme
    panels = list(values)
    stacked = style.narrow and len(panels) > 1
    height, apart = 2.2, 0.85
    lines = 2 if style.narrow else 1
    full = 0.1 + 0.2 * lines + (height + apart) * (len(panels) if stacked else 1)
    sheet, top = frame(style, _TITLE, full)
    key = [
        ("", theme.arm(arm), name) for arm, name in _ARMS.items() if any(v.get(arm) for v in values.values())
    ]
    y = label_line(sheet, style, key, x=0.02, y=top + 0.12)
    wide = style.width - 0.55 if stacked or len(panels) == 1 else (style.width - 1.15) / 2
    for place, metric in enumerate(panels):
        x = 0.5 if stacked else 0.5 + place * (wide + 0.6)
        down = y + 0.42 + (place * (height + apart) if stacked else 0)
        sheet.write(x - 0.48, down - 0.15, _METRICS[metric], size=8.0, weight="bold", color=theme.ink)
        sheet.write(x + wide, down - 0.15, _tested(tests, metric), size=7.5, ha="right", color=theme.grey)
        _panel(sheet.axes(x, down, wide, height), style, values[metric])
    return sheet.figure


def _tested(tests: TableRecord | None, metric: str) -> str:
    row = tests.row(metric=metric, second="random vectors") if tests else None
    statistic, p = number(row, "statistic"), number(row, "p")
    if statistic is None or p is None:
        return ""
    return f"patches against random: D = {statistic:.2f}, p {chance(p)}"


def _panel(axes: Axes, style: Style, arms: Mapping[str, list[float]]) -> None:
    theme = style.theme
    dress(axes, style)
    for arm, found in arms.items():
        if found:
            steps = np.arange(1, len(found) + 1) / len(found)
            axes.step(
                [found[0], *found],
                [0.0, *steps],
                where="post",
                color=theme.arm(arm),
                linewidth=2.2 if arm == "prompts" else 1.5,
                linestyle=_DASHES[arm],
            )
    _gap(axes, style, arms)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("an image's mean score; up: share of images", fontsize=8, color=theme.grey, labelpad=3)


def _gap(axes: Axes, style: Style, arms: Mapping[str, list[float]]) -> None:
    """The largest distance between patches and random vectors: the test's statistic."""
    one, other = np.array(arms["prompts"]), np.array(arms.get("random") or [])
    if not one.size or not other.size:
        return
    places = np.concatenate([one, other])
    shares = [np.searchsorted(some, places, side="right") / some.size for some in (one, other)]
    widest = int(np.argmax(np.abs(shares[0] - shares[1])))
    axes.vlines(
        places[widest],
        min(shares[0][widest], shares[1][widest]),
        max(shares[0][widest], shares[1][widest]),
        color=style.theme.ink,
        linewidth=1.4,
        zorder=4,
    )
