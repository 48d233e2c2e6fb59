"""What a comparison of one edit with random ones shows in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from molyneux.ground.html import RANDOM, TOP, Html, bar, card, marked, table, tag
from molyneux.ground.notebook import Told
from molyneux.ground.wording import changed_words, commonest, percent
from molyneux.metrics.stats import Interval
from molyneux.models.caption import Caption
from molyneux.neurons.told import caption_line

__all__ = ["comparison_told"]


def comparison_told(
    caption: Caption,
    word: str,
    token: int,
    *,
    title: str,
    rows: Callable[[], Sequence[Mapping[str, Any]]],
    random: Interval,
) -> Told:
    """A word under an edit, beside the same edit of random neurons.

    Args:
        title: what was done, such as "L1.u41 off".
        rows: arm, draw, probability, relative_change and caption of each row: plain, edited, random ones.
        random: the mean relative change of the random ones.
    """

    def html() -> Html:
        plain, edited, *draws = rows()
        before = plain["caption"]
        lines = [_line("as it is", plain, before), _line(title, edited, before)]
        if draws:
            lines.append(_random_line(draws, before, random))
        return card(
            f"\u201c{word}\u201d with {title}",
            caption_line(caption, token),
            table(("", f"p({word})", "", "change", "the caption, written anew"), lines),
            note=f"{_drawn(len(draws))}image {caption.image}",
        )

    def plot() -> object:
        from molyneux.ground.plots import bars

        told = rows()
        names = ["as it is", title, *(f"random, draw {row['draw']}" for row in told[2:])]
        strong = [row["arm"] != "random" for row in told]
        values = [row["probability"] for row in told]
        return bars(names, values, title=caption.text, x=f"p({word})", strong=strong)

    return Told(html, rows, plot)


def _drawn(draws: int) -> str:
    """What the random line is, by how many draws there are; an interval needs two."""
    if not draws:
        return ""
    one = "random: as many units of the same layers"
    return f"{one}; " if draws == 1 else f"{one} a draw; interval: 95% over {draws} draws; "


def _line(name: str, row: Mapping[str, Any], before: str) -> tuple[object, ...]:
    p, change = row["probability"], row["relative_change"]
    new = Html(marked(changed_words(before, row["caption"])))
    return (name, f"{p:.4g}", bar(p, TOP), "" if row["arm"] == "plain" else percent(change), new)


def _random_line(draws: Sequence[Mapping[str, Any]], before: str, change: Interval) -> tuple[object, ...]:
    chances = [row["probability"] for row in draws]
    text, times = commonest([row["caption"] for row in draws])
    said = tag("span", f" ({times} of {len(draws)} draws)", style="opacity:.72")
    spread = "" if len(draws) == 1 else f" [{percent(change.low)}, {percent(change.high)}]"
    shown = f"{min(chances):.4g}" + ("" if len(draws) == 1 else f" to {max(chances):.4g}")
    new = Html(marked(changed_words(before, text)) + said)
    mean = sum(chances) / len(chances)
    return ("random", shown, bar(mean, RANDOM), f"{percent(change.mean)}{spread}", new)
