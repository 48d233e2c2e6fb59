"""A table of a run: rows of plain numbers, how many images they stand on, and what the paper printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from molyneux.ground.parts import Tally
from molyneux.ground.plain import Json
from molyneux.ground.tables import write_table
from molyneux.metrics.stats import mean_interval

__all__ = ["NOT_COMPARABLE", "Context", "Table", "interval", "left_out", "of_defaults", "printed", "save"]

NOT_COMPARABLE = "paper: GPT-J on COCO, not comparable"
COMPARABLE = "paper: the same model and data"


@dataclass(frozen=True)
class Context:
    """What every summary needs to know of the run."""

    seed: int
    """Of the bootstrap draws."""
    comparable: bool
    """The model and the data are the paper's."""
    layers: int
    units: int
    """A layer."""


@dataclass(frozen=True)
class Table:
    """One table of the report."""

    name: str
    """Of its files."""
    title: str
    paper: str
    """Which table, figure or section of the paper it answers."""
    rows: tuple[Mapping[str, object], ...]
    given: int
    """Images that it was given."""
    used: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Reason -> images."""
    judges: tuple[str, ...] = ()
    """The models that scored."""
    notes: tuple[str, ...] = ()
    settings: Json = None


def interval(values: ArrayLike, *, seed: int) -> dict[str, float | int | None]:
    """mean, low, high (95% bootstrap over images) and n; None where there are no values."""
    sample = np.asarray(values, dtype=np.float64)
    if not sample.size:
        return {"mean": None, "low": None, "high": None, "n": 0}
    found = mean_interval(sample, seed=seed)
    return {"mean": found.mean, "low": found.low, "high": found.high, "n": found.count}


def printed(value: float | str | None, *, comparable: bool) -> dict[str, float | str | None]:
    """The paper's figure for a row and whether ours may be compared with it."""
    if value is None:
        return {"paper": None, "paper_note": None}
    return {"paper": value, "paper_note": COMPARABLE if comparable else NOT_COMPARABLE}


def of_defaults(context: Context, told: Mapping[str, Json]) -> bool:
    """Whether scores may be compared with the paper's: its model and data, and judges that are the defaults."""
    return context.comparable and told.get("default_judges") is True


def left_out(tally: Tally, *, given: int, reason: str) -> dict[str, int]:
    """Reason -> images, with those that the stage was not given under a reason of their own."""
    left = given - tally.given
    return dict(tally.skipped) | ({reason: left} if left > 0 else {})


def save(folder: Path, tables: Sequence[Table]) -> list[Path]:
    """Write each table as CSV and JSON; the JSON says also what the table stands on.

    Raises:
        StorageError: they cannot be written.
    """
    return [
        write_table(
            folder,
            one.name,
            one.rows,
            title=one.title,
            paper=one.paper,
            given=one.given,
            used=one.used,
            skipped=dict(one.skipped),
            judges=list(one.judges),
            notes=list(one.notes),
            settings=one.settings,
        )
        for one in tables
    ]
