"""Colours, type and plain drawing on a sheet measured in inches, from the top left corner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.textpath import text_to_path

from molyneux.ground.printable import inert

__all__ = [
    "ARMS",
    "GREY",
    "INK",
    "LINE",
    "MARK",
    "PALE",
    "Arm",
    "Sheet",
    "elide",
    "families",
    "width_of",
    "wrap",
]

INK, GREY, LINE, PALE = "#1c2024", "#667078", "#d5d9dd", "#f3f4f6"
#: Behind the word that is explained.
MARK = "#f6c667"


@dataclass(frozen=True)
class Arm:
    """How an arm of an ablation is drawn."""

    label: str
    colour: str
    marker: str


#: Okabe and Ito's palette, which stays apart under every common colour blindness; markers for print in grey.
ARMS = {
    "top": Arm("top", "#D55E00", "o"),
    "named": Arm("named", "#D55E00", "o"),
    "interpretable": Arm("interpretable", "#0072B2", "s"),
    "random": Arm("random", "#7d8288", "D"),
}

_SANS = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Emoji",
)


@cache
def families() -> tuple[str, ...]:
    """DejaVu Sans, which ships with matplotlib, and those fonts for other scripts that are installed."""
    there = {font.name for font in fontManager.ttflist}
    return tuple(name for name in _SANS if name in there)


@cache
def _glyphs() -> frozenset[int]:
    known: set[int] = set()
    for family in families():
        known |= set(FT2Font(findfont(FontProperties(family=family))).get_charmap())
    return frozenset(known)


def safe(text: str) -> str:
    """Inert, and without characters that no font here can draw: those become an empty square."""
    return "".join(c if ord(c) in _glyphs() else "\u25a1" for c in inert(text))


def _font(size: float, weight: str, mono: bool) -> FontProperties:
    family = ["DejaVu Sans Mono", *families()] if mono else list(families())
    return FontProperties(family=family, size=size, weight=weight)


@cache
def width_of(text: str, size: float, weight: str = "normal", mono: bool = False) -> float:
    """Inches that a safe text takes, never read as mathematics."""
    wide, _, _ = text_to_path.get_text_width_height_descent(text, _font(size, weight, mono), False)
    return float(wide) / 72


def elide(text: str, width: float, size: float, weight: str = "normal") -> str:
    """The text, cut with an ellipsis where it is wider than ``width`` inches."""
    if width_of(text, size, weight) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = width_of(text[:middle].rstrip() + "…", size, weight) <= width
        low, high = (middle, high) if fits else (low, middle - 1)
    return text[:low].rstrip() + "…"


def wrap(
    pieces: Sequence[str], width: float, size: float, *, lines: int, gap: float
) -> list[list[tuple[int, str]]]:
    """Set pieces (words, chips) in lines: each line a list of (index, piece as it fits).

    What does not fit on the last line is left out, and its last piece ends in an ellipsis.
    """
    laid: list[list[tuple[int, str]]] = [[]]
    x = 0.0
    for index, piece in enumerate(pieces):
        wide = width_of(piece, size)
        if x + wide > width and laid[-1]:
            if len(laid) == lines:
                last, text = laid[-1][-1]
                before = sum(width_of(other, size) + gap for _, other in laid[-1][:-1])
                laid[-1][-1] = (last, elide(text + " …", width - before, size))
                break
            laid.append([])
            x = 0.0
        laid[-1].append((index, elide(piece, width, size)))
        x += wide + gap
    return laid


@dataclass(frozen=True)
class Sheet:
    """A figure with one invisible axes over all of it, whose units are inches and whose y runs down."""

    figure: Figure
    canvas: Axes
    width: float
    height: float

    @classmethod
    def blank(cls, width: float, height: float) -> Sheet:
        figure = Figure(figsize=(width, height), facecolor="white")
        canvas = figure.add_axes((0, 0, 1, 1))
        canvas.set_xlim(0, width)
        canvas.set_ylim(height, 0)
        canvas.axis("off")
        return cls(figure, canvas, width, height)

    def write(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 10.0,
        weight: str = "normal",
        mono: bool = False,
        **how: Any,
    ) -> float:
        """Write safe text with its baseline at y; returns where it ends."""
        how = {"color": INK, "ha": "left", "va": "baseline"} | how
        self.canvas.text(x, y, text, fontproperties=_font(size, weight, mono), parse_math=False, **how)
        return x + width_of(text, size, weight, mono)

    def box(
        self, x: float, y: float, width: float, height: float, *, colour: str, radius: float = 0.0
    ) -> None:
        """A filled box, rounded where it has a radius."""
        if radius:
            shape: Any = FancyBboxPatch(
                (x + radius, y + radius),
                width - 2 * radius,
                height - 2 * radius,
                boxstyle=f"round,pad={radius},rounding_size={radius}",
                linewidth=0,
                facecolor=colour,
            )
        else:
            shape = Rectangle((x, y), width, height, linewidth=0, facecolor=colour)
        self.canvas.add_patch(shape)

    def rule(self, x: float, y: float, width: float) -> None:
        """A thin line across."""
        self.canvas.plot([x, x + width], [y, y], color=LINE, linewidth=0.8)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes in a rectangle of the sheet."""
        place = (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(place)
