"""The best neurons, a row each: where it fires, its name, its score, what it says."""

from __future__ import annotations

from molyneux.ground.printable import shown_token
from molyneux.ground.story import NeuronView, Story
from molyneux.ground.wording import decimals
from molyneux.report.ink import ARMS, GREY, INK, LINE, PALE, Sheet, safe, width_of, wrap
from molyneux.report.overlay import show_field

__all__ = ["ROW_HEIGHT", "draw_neurons"]

ROW_HEIGHT = 1.12
_THUMB = 1.0
_CHIP = 10.0


def draw_neurons(sheet: Sheet, story: Story, *, x: float, y: float, width: float) -> None:
    """All the neurons of a story below each other."""
    if not story.neurons:
        sheet.write(x, y + 0.12, "No neurons to show.", size=11.0, color=GREY)
        return
    sheet.write(x, y + 0.1, "where it fires", size=8.5, color=GREY)
    sheet.write(
        x + _text_left(story), y + 0.1, "neuron, score, and the tokens it raises most", size=8.5, color=GREY
    )
    best = max(abs(neuron.score) for neuron in story.neurons)
    for index, neuron in enumerate(story.neurons):
        _row(sheet, story, neuron, x=x, y=y + 0.3 + index * ROW_HEIGHT, width=width, best=best)


def _thumb(story: Story) -> tuple[float, float]:
    width, height = story.size
    scale = min(1.45 / width, _THUMB / height)
    return max(0.1, width * scale), max(0.1, height * scale)


def _text_left(story: Story) -> float:
    return max(1.0, _thumb(story)[0]) + 0.22


def _row(
    sheet: Sheet, story: Story, neuron: NeuronView, *, x: float, y: float, width: float, best: float
) -> None:
    wide, high = _thumb(story)
    show_field(sheet.axes(x, y, wide, high), story, neuron)
    left = x + _text_left(story)
    room = x + width - left
    end = sheet.write(left, y + 0.17, neuron.name, size=11.5, weight="bold", mono=True)
    _verdict(sheet, end + 0.15, y + 0.165, neuron.interpretable)
    _score(sheet, left, y + 0.27, room, neuron.score, best)
    _chips(sheet, left, y + 0.63, room, neuron.tokens)


def _verdict(sheet: Sheet, x: float, y: float, interpretable: bool) -> None:
    if interpretable:
        sheet.write(x, y, "✓ interpretable", size=8.5, color=ARMS["interpretable"].colour)
    else:
        sheet.write(x, y, "not interpretable", size=8.5, color=GREY)


def _score(sheet: Sheet, x: float, y: float, room: float, score: float, best: float) -> None:
    digits = decimals(best)
    told = f"{round(score, digits) + 0.0:.{digits}f}"  # no minus before a zero
    full = room - max(0.62, width_of(told, 9.5) + 0.12)
    share = abs(score) / best if best else 0.0
    sheet.box(x, y, full, 0.085, colour=PALE)
    if share:
        sheet.box(x, y, max(0.01, full * share), 0.085, colour=ARMS["top"].colour if score > 0 else LINE)
    sheet.write(x + room, y + 0.09, told, size=9.5, ha="right", color=INK)


def _chips(sheet: Sheet, x: float, y: float, room: float, tokens: tuple[str, ...]) -> None:
    shown = [safe(shown_token(token, space=False)) for token in tokens]
    pad, gap = 0.06, 0.2
    for line in wrap(shown, room - 2 * pad, _CHIP, lines=2, gap=gap):
        at = x
        for _, text in line:
            wide = width_of(text, _CHIP)
            sheet.box(at, y - 0.15, wide + 2 * pad, 0.21, colour=PALE, radius=0.05)
            sheet.write(at + pad, y, text, size=_CHIP)
            at += wide + gap
        y += 0.27
