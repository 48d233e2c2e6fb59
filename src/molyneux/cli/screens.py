"""The parts of a screen, made of rich's Text: nothing that a model or file name holds is read as markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from molyneux.cli.blocks import bar, cells, picture
from molyneux.ground.printable import inert, shown_token
from molyneux.ground.story import Story

__all__ = [
    "BAR",
    "MINIATURE",
    "caption_line",
    "facts",
    "heading",
    "image_block",
    "next_steps",
    "plain_table",
    "step",
    "token_table",
    "tokens_text",
]

MINIATURE = "a miniature, not the paper's model"
NOUN = "bold black on #f6c667"
BAR = "#e8743b"


def plain_table(*, expand: bool = False) -> Table:
    """The house's table: no lines, two spaces between columns, a dim head."""
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=expand)


def heading(story: Story) -> Text:
    """Image and model, on a line."""
    line = Text(inert(story.name), style="bold")
    line.append(
        f"  {story.size[0]} \u00d7 {story.size[1]}  model: {inert(story.model)}", style="not bold dim"
    )
    if story.miniature:
        line.append(f" ({MINIATURE})", style="not bold yellow")
    return line


def caption_line(story: Story) -> Text:
    """The caption, its noun marked, and the noun's probability."""
    if not story.caption:
        return Text("(an empty caption)", style="dim italic")
    if story.span is None:
        line = Text(inert(story.caption))
    else:
        start, end = story.span
        line = Text(inert(story.caption[:start]))
        line.append(inert(story.caption[start:end]), style=NOUN)
        line.append(inert(story.caption[end:]))
    if story.word is None or story.probability is None:
        line.append("   no noun", style="dim")
    else:
        line.append(f"   p({inert(story.word)}) = {story.probability:.2f}", style="dim")
    return line


def tokens_text(tokens: Sequence[str]) -> Text:
    """Tokens in a row, white space visible, each apart from the next."""
    line = Text(no_wrap=True, overflow="ellipsis")
    for number, token in enumerate(tokens):
        if number:
            line.append("  ")
        shown = shown_token(token)
        core = shown.lstrip("·")
        line.append(shown[: len(shown) - len(core)], style="dim")
        line.append(core)
    return line


def token_table(story: Story) -> Table:
    """Each token of the caption with the probability that it had when it was written."""
    made = plain_table()
    made.add_column("token", justify="right", style="dim")
    made.add_column("")
    made.add_column("p", justify="right")
    made.add_column("")
    for number, (token, chance) in enumerate(zip(story.tokens, story.probabilities, strict=True)):
        made.add_row(str(number), tokens_text([token]), f"{chance:.2f}", Text(bar(chance, 20), style=BAR))
    return made


def image_block(console: Console, story: Story, *, widest: int = 44, highest: int = 16) -> RenderableType:
    """The image itself in half blocks."""
    return picture(console, story.image, cells(story, min(widest, console.width), highest))


def step(number: int, text: str) -> RenderableType:
    """The title of a step, after an empty line."""
    return Group("", Text.assemble((f"{number}  ", BAR), (inert(text), "bold")))


def facts(result: Mapping[str, Any]) -> Table:
    """Names and values, a line each; a mean with its interval, median and number of images."""
    made = plain_table()
    made.show_header = False
    made.add_column(style="dim", no_wrap=True)
    made.add_column(justify="right", style="bold", no_wrap=True)
    made.add_column(style="dim")
    for name, value in result.items():
        number, beside = "", ""
        if isinstance(value, Mapping) and "mean" in value:
            number = _number(value["mean"])
            beside = f"[{_number(value.get('low'))}, {_number(value.get('high'))}]"
            beside += f"  median {_number(value['median'])}" if "median" in value else ""
            beside += f"  n = {value.get('n')}"
        elif isinstance(value, int | float):
            number = _number(value)
        else:
            beside = _number(value)
        made.add_row(Text(inert(name.replace("_", " "))), Text(number), Text(inert(beside)))
    return made


def _number(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "  ".join(map(_number, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def next_steps(figure: Path, neuron: str) -> RenderableType:
    """What to try after the demo."""
    lines: list[RenderableType] = [
        "",
        Text.assemble(("The same as a figure: ", ""), (inert(str(figure)), "bold")),
        "",
    ]
    lines.append(Text("Next:", style="dim"))
    for command, why in (
        ("molyneux neurons YOUR-PHOTO.jpg --save figure.png", "your own image"),
        (f"molyneux decode {neuron}", "what a neuron says"),
        ("molyneux ablate YOUR-PHOTO.jpg --counts 0,10,100", "what its caption loses"),
        ("molyneux neurons PHOTO.jpg --model FOLDER-OR-HUB-ID", "another model"),
    ):
        lines.append(Text.assemble(("  " + command, "bold"), (f"   {why}", "dim")))
    return Group(*lines)
