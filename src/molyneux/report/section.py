"""The parts of a report's page: sections of figures and tables, and what each stands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from molyneux.ground.plain import Json
from molyneux.report.drawing import Drawing
from molyneux.report.record import Record, TableRecord, comparable
from molyneux.report.view import View

__all__ = ["Figured", "Section", "Stand", "Tabled", "absent", "paper_note", "reasoned", "stand_on"]


@dataclass(frozen=True)
class Figured:
    """A figure with its number and caption."""

    number: str
    drawing: Drawing
    caption: str
    table: str
    """The table whose CSV and JSON hold its numbers; empty where there is none."""


@dataclass(frozen=True)
class Tabled:
    """A table with its number and caption."""

    number: str
    view: View
    caption: str
    table: str
    folded: bool = False
    """Shown when it is asked for: the numbers behind a figure."""
    note: str = ""
    """Why the paper's figures in it may not be compared."""


@dataclass(frozen=True)
class Stand:
    """What a table stands on."""

    used: int
    given: int
    skipped: Mapping[str, int]
    judges: tuple[str, ...]
    notes: tuple[str, ...]
    settings: Json


@dataclass(frozen=True)
class Section:
    """One question of the paper."""

    id: str
    title: str
    lead: str
    experiment: str
    blocks: tuple[Figured | Tabled, ...]
    stand: Stand | None = None
    missing: tuple[str, ...] = field(default=())
    """What the run does not hold."""


def stand_on(record: Record, names: Sequence[str]) -> Stand | None:
    """What the first of these tables stands on, with the notes of all."""
    there = [record.tables[name] for name in names if name in record.tables]
    if not there:
        return None
    first = there[0]
    notes = tuple(dict.fromkeys(note for one in there for note in one.notes))
    judges = tuple(dict.fromkeys(judge for one in there for judge in one.judges))
    return Stand(first.used, first.given, first.skipped, judges, notes, first.settings)


def paper_note(table: TableRecord) -> str:
    """Why the paper's figures of a table may not be compared; empty where they may."""
    notes = (str(value) for row in table.rows for name, value in row.items() if name.endswith("paper_note"))
    return next((note for note in notes if not comparable(note)), "")


def reasoned(section: Section, left_out: Mapping[str, str]) -> Section:
    """A section whose experiment was left out, with the reason that the run keeps."""
    why = left_out.get(section.experiment)
    if why is None or not section.missing:
        return section
    said = f"“{section.experiment}” was left out: {why}."
    return replace(section, missing=(*section.missing, said))


def absent(experiment: str, what: str) -> tuple[str, ...]:
    """That a figure or table has nothing to be made from."""
    return (f"{what}: this run does not hold the experiment “{experiment}”.",)
