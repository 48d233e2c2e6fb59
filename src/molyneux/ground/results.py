"""The rows of a stage for those who look: no items, no model, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import pyarrow as pa

from molyneux.ground.parts import Tally, part_name, read_part
from molyneux.ground.plain import Json
from molyneux.ground.rows import Skipped, from_table
from molyneux.ground.run_errors import RunError
from molyneux.ground.stage import read_description

__all__ = ["Results", "read_results", "read_table"]

Row = TypeVar("Row")


@dataclass(frozen=True)
class Results(Generic[Row]):
    """What a stage found."""

    name: str
    given: int
    """Items of the stage, also those that it has not come to."""
    rows: Mapping[str, Row]
    """Item -> row, in the stage's order."""
    skipped: Mapping[str, Skipped]
    settings: Json = field(default=None)

    @property
    def used(self) -> int:
        return len(self.rows)

    @property
    def missing(self) -> int:
        """Items that no part holds yet."""
        return self.given - len(self.rows) - len(self.skipped)

    @property
    def tally(self) -> Tally:
        """n used, n given and the reasons between, of the items that were come to."""
        tally = Tally(0, {})
        for one in self.skipped.values():
            tally += Tally(1, {one.reason: 1})
        return tally + Tally(len(self.rows), {})


@overload
def read_results(folder: Path, row: type[Row], *, partial: bool = ...) -> Results[Row]: ...
@overload
def read_results(folder: Path, row: None = ..., *, partial: bool = ...) -> Results[dict[str, Any]]: ...
def read_results(folder: Path, row: type[Any] | None = None, *, partial: bool = False) -> Results[Any]:
    """All rows of a stage's folder.

    Args:
        row: their type; None gives each row as a dict, for those who do not know the experiment.
        partial: take what is there, if parts are missing.

    Raises:
        RunError: parts are missing and ``partial`` is False; no such stage.
        DamagedError: a part is not what was written.
    """
    told, table = read_description(folder), read_table(folder, partial=partial)
    if not table.num_rows:  # no part yet, so no columns either
        pairs = []
    elif row is not None:
        pairs = from_table(table, row)
    else:
        pairs = [(record.pop("id"), _untyped(record)) for record in table.to_pylist()]
    given = told["given"]
    assert isinstance(given, int)
    return Results(
        name=folder.name,
        given=given,
        rows={item: one for item, one in pairs if not isinstance(one, Skipped)},
        skipped={item: one for item, one in pairs if isinstance(one, Skipped)},
        settings=told["settings"],
    )


def read_table(folder: Path, *, partial: bool = False) -> pa.Table:
    """All parts of a stage as one table, their hashes checked; see ``read_results``."""
    told = read_description(folder)
    given, size = told["given"], told["part_size"]
    assert isinstance(given, int)
    assert isinstance(size, int)
    wanted = [folder / part_name(index) for index in range(-(-given // size))]
    there = [path for path in wanted if path.exists()]
    if len(there) < len(wanted) and not partial:
        raise RunError(
            f"stage {folder.name}",
            value=f"{len(there)} of {len(wanted)} parts",
            expected="all of them",
            fix="Resume the run, or ask for what is there.",
        )
    tables = [read_part(path) for path in there]
    return (
        pa.concat_tables(table.replace_schema_metadata(None) for table in tables) if tables else pa.table({})
    )


def _untyped(record: dict[str, Any]) -> dict[str, Any] | Skipped:
    outcome, reason, detail = (record.pop(name) for name in ("outcome", "reason", "detail"))
    return Skipped(reason, detail or "") if outcome == "skipped" else record
