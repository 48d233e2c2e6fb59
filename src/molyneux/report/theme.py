"""The colours of figures in a light and a dark page, and the sheet that they are drawn on, wide or narrow."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from molyneux.report.ink import Sheet, elide, width_of

__all__ = ["DARK", "LIGHT", "NARROW", "WIDE", "Style", "Theme", "dress", "frame", "label_line"]

WIDE, NARROW = 8.6, 3.6  # inches: 100 pixels each on a page, so that type is of one size on both


@dataclass(frozen=True)
class Theme:
    """Colours that hold 3:1 or more on their surface; arms are Okabe and Ito's, lighter on dark."""

    name: str
    surface: str
    ink: str
    grey: str
    line: str
    pale: str
    mark: str
    """Behind the label of a miniature."""
    marked: str
    """Of text on ``mark``."""
    top: str
    interpretable: str
    random: str
    nouns: str
    scale: str
    """Name of the colour map of magnitudes."""

    def arm(self, name: str) -> str:
        """The colour of an arm."""
        return {
            "top": self.top,
            "interpretable": self.interpretable,
            "random": self.random,
            "prompts": self.top,
            "captions": self.interpretable,
            "nouns": self.nouns,
        }[name]


LIGHT = Theme(
    name="light",
    surface="#ffffff",
    ink="#1c2024",
    grey="#5c656d",
    line="#d5d9dd",
    pale="#f1f3f5",
    mark="#f8dfa5",
    marked="#4a3500",
    top="#c65200",
    interpretable="#0072b2",
    random="#7d8288",
    nouns="#00815c",
    scale="cividis",
)
DARK = Theme(
    name="dark",
    surface="#15181b",
    ink="#e8eaec",
    grey="#a3abb3",
    line="#3a4147",
    pale="#22272b",
    mark="#4d3d12",
    marked="#ffdf94",
    top="#ff9248",
    interpretable="#5db7ee",
    random="#a0a7ae",
    nouns="#35c79a",
    scale="cividis",
)


@dataclass(frozen=True)
class Style:
    """How a figure is drawn: for which page, and how wide."""

    theme: Theme
    width: float = WIDE
    label: str = ""
    """What stands on every figure: that the model is a miniature."""

    @property
    def narrow(self) -> bool:
        return self.width < 5


def frame(style: Style, title: str, height: float) -> tuple[Sheet, float]:
    """A sheet with its title and label, and the y below them from which there is room for ``height`` inches."""
    theme = style.theme
    below = style.narrow and bool(style.label)
    top = 0.66 if below else 0.42
    figure = Figure(figsize=(style.width, top + height), facecolor=theme.surface)
    canvas = figure.add_axes((0, 0, 1, 1))
    canvas.set_xlim(0, style.width)
    canvas.set_ylim(top + height, 0)
    canvas.axis("off")
    sheet = Sheet(figure, canvas, style.width, top + height)
    room = style.width - 0.1
    if style.label:
        wide = width_of(style.label, 7.5) + 0.2
        x, y = (0.02, 0.34) if below else (style.width - wide - 0.02, 0.07)
        sheet.box(x, y, wide, 0.22, colour=theme.mark, radius=0.11)
        sheet.write(x + wide / 2, y + 0.148, style.label, size=7.5, ha="center", color=theme.marked)
        room -= 0 if below else wide + 0.2
    sheet.write(0.02, 0.22, elide(title, room, 10.0, "bold"), size=10.0, weight="bold", color=theme.ink)
    return sheet, top


def dress(axes: Axes, style: Style, *, grid: str = "y") -> None:
    """Plain axes: no box, a light grid along one axis, small grey numbers."""
    theme = style.theme
    axes.set_facecolor(theme.surface)
    for side in ("top", "right", "left" if grid == "y" else "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom" if grid == "y" else "left"].set_color(theme.line)
    axes.grid(axis=grid, color=theme.line, linewidth=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8, labelcolor=theme.grey, pad=4)


def label_line(
    sheet: Sheet, style: Style, entries: list[tuple[str, str, str]], *, x: float, y: float
) -> float:
    """A key in lines of type: (marker, colour, text) each; returns the y below it."""
    at = x
    for marker, colour, text in entries:
        wide = width_of(text, 8.0) + 0.42
        if at > x and at + wide > style.width:
            at, y = x, y + 0.2
        sheet.canvas.plot([at + 0.02, at + 0.2], [y - 0.035] * 2, color=colour, linewidth=1.8)
        sheet.canvas.plot([at + 0.11], [y - 0.035], color=colour, marker=marker, markersize=4.5, linewidth=0)
        sheet.write(at + 0.27, y, text, size=8.0, color=style.theme.ink)
        at += wide
    return y + 0.1
