"""Neurons, maps, decodings and ablations on the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from molyneux.cli.blocks import bar, cells, field
from molyneux.cli.screens import BAR, MINIATURE, plain_table, tokens_text
from molyneux.ground.printable import inert
from molyneux.ground.story import ArmCurve, NeuronView, Story
from molyneux.ground.wording import changed_words, commonest, decimals, percent, scale_said

if TYPE_CHECKING:
    from molyneux.neurons.decode import Decoding

__all__ = ["ARM_STYLE", "ablation_table", "decoding_screen", "maps", "neuron_table", "verdict"]

ARM_STYLE = {"top": BAR, "named": BAR, "interpretable": "#4aa3df", "random": "#a0a4a8"}


def verdict(interpretable: bool) -> Text:
    """The dictionary's verdict on a neuron's tokens."""
    return Text("✓", style="green") if interpretable else Text("\u2013", style="dim")


def neuron_table(neurons: Sequence[NeuronView], *, width: int = 8) -> Table:
    """A row a neuron: name, score with a bar, patch, dictionary's verdict, as many tokens as fit."""
    made = plain_table(expand=True)
    made.add_column("#", justify="right", style="dim", no_wrap=True)
    made.add_column("neuron", no_wrap=True, style="bold")
    made.add_column("score", justify="right", no_wrap=True)
    made.add_column("", no_wrap=True, min_width=width)
    made.add_column("patch", justify="right", no_wrap=True)
    made.add_column("words", no_wrap=True, justify="center")
    made.add_column("tokens that it raises most", ratio=1, no_wrap=True, overflow="ellipsis")
    best = max((abs(neuron.score) for neuron in neurons), default=0.0)
    digits = decimals(best)
    for number, neuron in enumerate(neurons, start=1):
        share = abs(neuron.score) / best if best else 0.0
        made.add_row(
            str(number),
            neuron.name,
            f"{round(neuron.score, digits) + 0.0:.{digits}f}",  # no minus before a zero
            Text(bar(share, width), style=BAR if neuron.score > 0 else "dim"),
            str(neuron.patch),
            verdict(neuron.interpretable),
            tokens_text(neuron.tokens),
        )
    return made


def maps(console: Console, story: Story, *, count: int = 3, widest: int = 24) -> RenderableType:
    """The best neurons' heat over the image, beside each other as far as the console is wide."""
    size = cells(story, min(widest, console.width - 2), 12)
    count = max(1, min(count, (console.width + 2) // (max(size[0], 10) + 2)))
    shown: list[RenderableType] = []
    for neuron in story.neurons[:count]:
        made = field(console, story, neuron, size)
        if made is not None:
            shown.append(Group(Text(neuron.name, style="bold"), made))
    if not shown:
        return Text("This model's visual positions have no place on the image: no maps.", style="dim")
    return Columns(shown, padding=(0, 2), width=max(size[0], 10))


def ablation_table(story: Story) -> Table:
    """A row an arm and count: units off, p(word), its change, the new caption with new words marked."""
    view = story.ablation
    assert view is not None
    assert story.word is not None
    made = plain_table()
    made.add_column("arm", no_wrap=True)
    made.add_column(scale_said(view.scale), justify="right", no_wrap=True)
    made.add_column(Text(f"p({inert(story.word)})"), justify="right", no_wrap=True)
    made.add_column("change", no_wrap=True)
    made.add_column("the caption, written anew", ratio=1)
    made.add_row(Text("none", style="dim"), "0", f"{view.probability:.3f}", "", Text(inert(story.caption)))
    for arm in view.arms:
        edited = [index for index, count in enumerate(arm.counts) if count]
        for index in edited:
            name = arm.arm if index == edited[0] else ""
            made.add_row(*_ablation_row(story, arm, index, view.probability, name=name))
    return made


def _ablation_row(story: Story, arm: ArmCurve, index: int, base: float, *, name: str) -> list[RenderableType]:
    style = ARM_STYLE[arm.arm]
    mean, low, high = arm.mean[index], arm.low[index], arm.high[index]
    change = Text(percent(mean), style="bold" if abs(mean) >= 0.05 else "")
    if math.isfinite(low) and low != high:
        change.append(f" [{percent(low)}, {percent(high)}]", style="not bold dim")
    return [
        Text(name, style=style),
        f"{arm.units[index]:,}",
        f"{base * (1 + mean):.3f}",
        change,
        _anew(story.caption, arm.captions[index], style),
    ]


def _anew(original: str, captions: Sequence[str], style: str) -> Text:
    text, often = commonest(captions)
    line = Text()
    if text == original:
        line.append("the same", style="dim")
    elif not text:
        line.append("(empty)", style=f"bold {style}")
    for number, (word, new) in enumerate(changed_words(original, text) if text != original else []):
        line.append(" " if number else "")
        line.append(inert(word), style=f"bold underline {style}" if new else "")
    if len(captions) > 1:
        line.append(f" ({often} of {len(captions)} draws)", style="dim")
    return line


def decoding_screen(found: Sequence[Decoding], model: str, *, miniature: bool) -> RenderableType:
    """Each neuron with its tokens and their logits."""
    parts: list[RenderableType] = [Text(f"model: {inert(model)}", style="dim")]
    if miniature:
        parts[0] = Text.assemble((f"model: {inert(model)} ", "dim"), (f"({MINIATURE})", "yellow"))
    for one in found:
        words = (
            "interpretable: at least 7 of its top 10 tokens are English words" if one.interpretable else ""
        )
        line = Text.assemble("", (str(one.neuron), "bold"), "  ", verdict(one.interpretable))
        parts += ["", line.append(f" {words or 'not interpretable'}", style="dim"), _tokens(one)]
    return Group(*parts)


def _tokens(one: Decoding) -> Table:
    made = plain_table()
    made.add_column("", justify="right", style="dim")
    made.add_column("token")
    made.add_column("logit", justify="right")
    made.add_column("")
    best = max((abs(logit) for logit in one.logits), default=0.0)
    for number, (token, logit) in enumerate(zip(one.tokens, one.logits, strict=True), start=1):
        share = max(logit, 0.0) / best if best else 0.0
        made.add_row(str(number), tokens_text([token]), f"{logit:.3f}", Text(bar(share, 20), style=BAR))
    return made
