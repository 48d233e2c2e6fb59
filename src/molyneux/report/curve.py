"""What an ablation did: the curve of p(word), arms beside each other, and the captions that were left."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from molyneux.ground.story import AblationView, ArmCurve, Story
from molyneux.ground.wording import changed_words, commonest, percent, scale_said
from molyneux.report.ink import ARMS, GREY, INK, LINE, Sheet, elide, safe, width_of, wrap

__all__ = ["CURVE_HEIGHT", "draw_ablation"]

CURVE_HEIGHT = 2.95
_PLOT_WIDTH = 2.75
_SIZE = 10.5
_LABEL = 9.5


def draw_ablation(sheet: Sheet, story: Story, *, x: float, y: float, width: float) -> None:
    """Curve on the left, captions on the right."""
    view = story.ablation
    assert view is not None
    assert story.word is not None
    word = safe(story.word)
    how = scale_said(view.scale) if view.scale else "switched off"
    title = elide(f"p({word}) with units {how}", 4.3, 11.0, "bold")
    sheet.write(x, y + 0.13, title, size=11.0, weight="bold")
    sheet.write(
        x,
        y + 0.34,
        f"relative to {view.probability:.2f}, the words before it held fixed",
        size=8.5,
        color=GREY,
    )
    axes = sheet.axes(x + 0.55, y + 0.5, _PLOT_WIDTH, 1.75)
    _curve(axes, view)
    _end_labels(sheet, axes, view, left=x + 3.38, top=y + 0.5, height=1.75)
    right = x + 4.75
    sheet.write(right, y + 0.13, "the caption written anew", size=11.0, weight="bold")
    _captions(sheet, story, view, x=right, y=y + 0.42, width=width - 4.75)


def _places(counts: Sequence[int]) -> list[float]:
    """Where counts stand: to scale, unless they span so much that small ones would fall together."""
    some = [count for count in counts if count]
    if not some or max(some) / min(some) <= 8:
        return [float(count) for count in counts]
    return [float(index) for index in range(len(counts))]


def _curve(axes: Axes, view: AblationView) -> None:
    counts = view.arms[0].counts
    places = _places(counts)
    for arm in reversed(view.arms):
        style = ARMS[arm.arm]
        below = (
            arm.arm == "interpretable"
        )  # often the same units as the top ones: a broad band under their line
        axes.fill_between(places, arm.low, arm.high, color=style.colour, alpha=0.18, linewidth=0)
        axes.plot(
            places,
            arm.mean,
            color=style.colour,
            marker=style.marker,
            markersize=7.5 if below else 4.5,
            linewidth=4.5 if below else 1.8,
            alpha=0.55 if below else 1.0,
            clip_on=False,
        )
    axes.axhline(0, color=INK, linewidth=0.7, zorder=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.set_ylim(*_limits(view))
    axes.set_xticks(places, _tick_labels(counts, places))
    low, high = axes.get_ylim()
    ticks = [float(tick) for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]
    digits = max(0, -2 - math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))  # those that tell ticks apart
    axes.set_yticks(ticks, [f"{tick:+.{digits}%}" if abs(tick) > 1e-9 else "0" for tick in ticks])
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8.5, labelcolor=GREY)
    scale = "" if places == [float(count) for count in counts] else " (not to scale)"
    axes.set_xlabel(f"units {scale_said(view.scale)}{scale}", fontsize=8.5, color=GREY, labelpad=3)


def _tick_labels(counts: Sequence[int], places: Sequence[float]) -> list[str]:
    """Counts as labels; from the right, those that would touch the one after them are left empty."""
    inches = _PLOT_WIDTH / 1.1 / ((places[-1] - places[0]) or 1.0)
    labels = [f"{count:,}" for count in counts]
    free = float("inf")
    for index in reversed(range(len(labels))):
        half, centre = width_of(labels[index], 8.5) / 2, places[index] * inches
        if centre + half + 0.06 > free:
            labels[index] = ""
        else:
            free = centre - half
    return labels


def _limits(view: AblationView) -> tuple[float, float]:
    values = [value for arm in view.arms for value in (*arm.low, *arm.high, *arm.mean)]
    low, high = min(0.0, *values), max(0.0, *values)
    reach = max(high - low, 0.05)
    return low - 0.08 * reach, high + 0.08 * reach


def _end_labels(
    sheet: Sheet, axes: Axes, view: AblationView, *, left: float, top: float, height: float
) -> None:
    """Each arm's name at the end of its line; names that would touch are pushed apart."""
    bottom_value, top_value = axes.get_ylim()
    wanted = sorted(
        (top + height * (top_value - arm.mean[-1]) / (top_value - bottom_value), arm.arm) for arm in view.arms
    )
    ends = {arm.arm: arm.mean[-1] for arm in view.arms}
    spots = _apart([spot for spot, _ in wanted], 0.19, top + 0.05, top + height)
    for spot, (_, arm) in zip(spots, wanted, strict=True):
        text = f"{ARMS[arm].label} {percent(ends[arm])}"
        sheet.write(left, spot + 0.045, text, size=8.5, color=ARMS[arm].colour)


def _apart(spots: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Sorted spots moved as little as needed to stand ``least`` apart, the last no lower than ``high``."""
    placed: list[float] = []
    for spot in spots:
        placed.append(max(spot, low, placed[-1] + least if placed else low))
    limit = high
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - least
    return placed


def _captions(sheet: Sheet, story: Story, view: AblationView, *, x: float, y: float, width: float) -> None:
    plain = "as it is" if view.scale else "nothing off"
    _caption(sheet, plain, [(word, False) for word in story.caption.split()], x=x, y=y, width=width)
    step = 0.62
    for number, arm in enumerate(view.arms, start=1):
        text, often = commonest(arm.captions[-1])
        label = _label(arm, often, scale_said(view.scale))
        words = changed_words(story.caption, text) or [("(an empty caption)", True)]
        _caption(sheet, label, words, x=x, y=y + number * step, width=width, colour=ARMS[arm.arm].colour)


def _label(arm: ArmCurve, often: int, edit: str) -> str:
    label = f"{arm.units[-1]:,} {ARMS[arm.arm].label} {edit}"
    draws = len(arm.captions[-1])
    return label if draws < 2 else f"{label}: the commonest caption, {often} of {draws} draws"


def _caption(
    sheet: Sheet,
    label: str,
    words: list[tuple[str, bool]],
    *,
    x: float,
    y: float,
    width: float,
    colour: str = GREY,
) -> None:
    sheet.write(x, y, elide(label, width, _LABEL - 1), size=_LABEL - 1, color=colour)
    gap = width_of("n n", _SIZE) - width_of("nn", _SIZE)
    for number, line in enumerate(wrap([safe(word) for word, _ in words], width, _SIZE, lines=2, gap=gap)):
        at = x
        base = y + 0.19 + number * 0.19
        for index, text in line:
            wide = width_of(text, _SIZE)
            new = words[index][1]
            sheet.write(at, base, text, size=_SIZE, color=colour if new else INK)
            if new:
                sheet.canvas.plot([at, at + wide], [base + 0.035] * 2, color=colour, linewidth=1.0)
            at += wide + gap
