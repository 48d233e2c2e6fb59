"""Draw what a command prints on a terminal as a PNG: python scripts/screenshot.py OUT.png COLUMNS COMMAND...

Every character has its cell, and blocks are drawn as rectangles, so that pictures made of half blocks have no seams.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont
from rich.color import Color
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

SIZE = 26
PAPER, INK, DIM = (22, 24, 29), (226, 228, 232), 0.58
THEME = TerminalTheme(
    PAPER,
    INK,
    [(40, 42, 46), (224, 108, 117), (126, 190, 120), (229, 192, 123), *[(97, 175, 239)] * 3, (200, 200, 200)],
)
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
#: Character -> the part of its cell that it fills: left, top, right, bottom.
BLOCKS = {"\u2588": (0, 0, 8, 8), "\u2580": (0, 0, 8, 4)} | {
    chr(0x2590 - n): (0, 0, n, 8) for n in range(1, 8)
}


def run(columns: int, command: list[str]) -> Text:
    """The command's stdout in true colour."""
    terminal = {
        "FORCE_COLOR": "1",
        "COLORTERM": "truecolor",
        "TERM": "xterm-256color",
        "COLUMNS": str(columns),
    }
    done = subprocess.run(command, env=os.environ | terminal, stdout=subprocess.PIPE, check=True)
    return Text.from_ansi(done.stdout.decode())


def triplet(colour: Color | None, foreground: bool) -> tuple[int, int, int]:
    """A colour's red, green and blue."""
    if colour is None or colour.is_default:
        return INK if foreground else PAPER
    return tuple(colour.get_truecolor(THEME, foreground=foreground))


def colours(style: Style) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ink and paper of a character."""
    ink, paper = triplet(style.color, True), triplet(style.bgcolor, False)
    if style.dim:
        ink = tuple(round(DIM * front + (1 - DIM) * back) for front, back in zip(ink, paper, strict=True))
    return ink, paper


def draw(text: Text, columns: int) -> Image.Image:
    """The lines of a terminal as an image."""
    faces = {
        bold: ImageFont.truetype(FONTS / f"DejaVuSansMono{'-Bold' * bold}.ttf", SIZE)
        for bold in (False, True)
    }
    wide, high, edge = round(faces[False].getlength("0")), round(SIZE * 1.24), SIZE
    lines = text.split("\n", allow_blank=True)
    while lines and not lines[-1].plain.strip():
        lines.pop()
    image = Image.new("RGB", (columns * wide + 2 * edge, len(lines) * high + 2 * edge), PAPER)
    pen = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        for column, character in enumerate(line.plain):
            style = Style.combine(
                [Style.null()]
                + [Style.parse(str(span.style)) for span in line.spans if span.start <= column < span.end]
            )
            ink, paper = colours(style)
            x, y = edge + column * wide, edge + row * high
            if paper != PAPER:
                pen.rectangle((x, y, x + wide - 1, y + high - 1), fill=paper)
            if character in BLOCKS:
                left, top, right, bottom = BLOCKS[character]
                pen.rectangle(
                    (
                        x + left * wide // 8,
                        y + top * high // 8,
                        x + right * wide // 8 - 1,
                        y + bottom * high // 8 - 1,
                    ),
                    fill=ink,
                )
                continue
            pen.text((x, y + high * 0.1), character, fill=ink, font=faces[bool(style.bold)])
            if style.underline:
                pen.line((x, y + high - 4, x + wide - 1, y + high - 4), fill=ink, width=2)
    return image


if __name__ == "__main__":
    draw(run(int(sys.argv[2]), sys.argv[3:]), int(sys.argv[2])).save(sys.argv[1], optimize=True)
