"""What a run holds for its report: tables and rows, checked, and what is wrong or not there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from molyneux.ground.errors import MolyneuxError
from molyneux.ground.files import kept
from molyneux.ground.left_out import left_out_of
from molyneux.ground.plain import Json, from_json
from molyneux.ground.results import Results
from molyneux.ground.run import Run, open_run
from molyneux.ground.run_errors import DamagedError

__all__ = ["UNREADABLE", "Record", "TableRecord", "comparable", "number", "read_record"]

UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError)
"""What reading a table raises that is none of ours, or was made by hand."""


@dataclass(frozen=True)
class TableRecord:
    """A table as an experiment wrote it: see ``molyneux.experiments.table.Table``."""

    name: str
    title: str
    paper: str
    rows: tuple[Mapping[str, Any], ...]
    given: int
    used: int
    skipped: Mapping[str, int]
    judges: tuple[str, ...]
    notes: tuple[str, ...]
    settings: Json

    def row(self, **wanted: object) -> Mapping[str, Any] | None:
        """The first row with these values."""
        return next((row for row in self.rows if all(row.get(k) == v for k, v in wanted.items())), None)


@dataclass
class Record:
    """An open run, read as far as it goes. What does not read is told in ``problems`` and else treated as absent."""

    run: Run
    tables: Mapping[str, TableRecord]
    problems: list[str] = field(default_factory=list)
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Experiment -> why these data and this model did not allow it."""
    _stages: dict[str, Results[dict[str, Any]] | None] = field(default_factory=dict)

    def stage(self, name: str) -> Results[dict[str, Any]] | None:
        """The rows of a stage, as far as they are there; None of one that was not begun, or is damaged."""
        if name not in self._stages:
            self._stages[name] = self._read(name)
        return self._stages[name]

    def _read(self, name: str) -> Results[dict[str, Any]] | None:
        if name not in self.run.stages():
            return None
        try:
            found = self.run.results(name, partial=True)
        except MolyneuxError as error:
            self.problems.append(str(error))
            return None
        if found.missing:
            self.problems.append(
                f"stage {name}: {found.missing} of {found.given} images are not computed yet"
            )
        return found

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the run as a whole."""
        return self.run.manifest.identity.settings

    @property
    def miniature(self) -> bool:
        """Whether the model is a miniature, so that every page and figure must say so."""
        return bool(self.settings.get("miniature", self.settings.get("model") == "miniature"))


def read_record(folder: Path) -> Record:
    """Open a run and read its tables.

    Raises:
        RunError: no run, or one of a schema that this version cannot read.
        DamagedError: its manifest is not what was written.
    """
    run = open_run(folder)
    tables, problems = {}, []
    for path in sorted(run.tables.glob("*.json")):
        try:
            one = _table(from_json(kept(path)))
            tables[one.name] = one
        except (MolyneuxError, *UNREADABLE) as error:
            problems.append(f"table {path.name} does not read: {error}")
    left_out: dict[str, str] = {}
    try:
        left_out = left_out_of(folder)
    except DamagedError as error:
        problems.append(str(error))
    return Record(run, tables, problems, left_out)


def number(row: Mapping[str, Any] | None, name: str) -> float | None:
    """A number of a row; None where there is none, or none that is finite."""
    value = None if row is None else row.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except OverflowError:  # JSON's whole numbers have any size
        return None
    return found if math.isfinite(found) else None


def comparable(note: object) -> bool:
    """Whether a row's ``paper_note`` lets the paper's figure stand beside ours as an equal."""
    return "not comparable" not in str(note)


def _table(told: Json) -> TableRecord:
    if not isinstance(told, dict) or not _rows(told["rows"]):
        raise ValueError("expected an object with rows")
    return TableRecord(
        name=str(told["name"]),
        title=str(told["title"]),
        paper=str(told["paper"]),
        rows=tuple(told["rows"]),
        given=int(told["given"]),
        used=int(told["used"]),
        skipped={str(reason): int(count) for reason, count in told["skipped"].items()},
        judges=tuple(map(str, told["judges"])),
        notes=tuple(map(str, told["notes"])),
        settings=told["settings"],
    )


def _rows(value: object) -> bool:
    return isinstance(value, Sequence) and all(isinstance(row, Mapping) for row in value)
