"""Tables as pages and Markdown show them: cells of text, with a second line for intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from molyneux.report.numerals import between, fixed, share
from molyneux.report.record import comparable, number

__all__ = ["Cell", "Group", "View", "estimate", "figure", "papers", "text"]


@dataclass(frozen=True)
class Cell:
    """What stands in a cell."""

    text: str
    small: str = ""
    """Below it, such as its interval."""
    kind: str = "text"
    """text, number, paper; neuron or image where the text is the name of one."""
    strong: bool = False
    note: str = ""
    """Why a figure of the paper may not be compared."""
    pieces: tuple[tuple[str, bool], ...] = ()
    """Instead of ``text``: words, and whether each is marked."""
    tokens: tuple[str, ...] = ()
    """Instead of ``text``: tokens as they are, with their white space."""
    value: float | None = None
    """The number behind the words, to sort by."""

    @property
    def plain(self) -> str:
        """All that it says on one line."""
        return f"{self.text} {self.small}".replace("\n", ", ").strip()


@dataclass(frozen=True)
class Group:
    """Rows that belong together, under a title and perhaps an image."""

    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    small: str = ""
    image: str = ""
    """An image of the run; the page finds its file."""


@dataclass(frozen=True)
class View:
    """A table to be shown."""

    head: tuple[Cell, ...]
    groups: tuple[Group, ...]

    @classmethod
    def plain(cls, head: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> View:
        """A table of one group."""
        return cls(tuple(head), (Group(tuple(tuple(row) for row in rows)),))


def text(value: object, **how: Any) -> Cell:
    """A cell of words."""
    return Cell("" if value is None else str(value), **how)


def figure(said: str, value: float | None, small: str = "", **how: Any) -> Cell:
    """A cell of a number: as it is said, and the number itself."""
    return Cell(said, small, "number", value=value, **how)


def estimate(row: Mapping[str, Any] | None, stem: str, digits: int, *, percent: bool = False) -> Cell:
    """``<stem>mean`` with its interval; ``stem`` ends in ``_`` or is empty."""
    mean, low, high = (number(row, f"{stem}{part}") for part in ("mean", "low", "high"))
    said = share(mean, digits) if percent else fixed(mean, digits)
    return figure(said, mean, between(low, high, digits, percent=percent))


def papers(row: Mapping[str, Any] | None, stem: str, digits: int, *, percent: bool = False) -> Cell:
    """The paper's figure beside ours, with the mark that says whether it may be compared."""
    value = None if row is None else row.get(f"{stem}paper")
    if value is None:
        return Cell("", kind="paper")
    told = number(row, f"{stem}paper")
    said = str(value) if told is None else share(told) if percent else fixed(told, digits)
    note = str((row or {}).get(f"{stem}paper_note") or "")
    return Cell(said, kind="paper", note="" if comparable(note) else note, value=told)
