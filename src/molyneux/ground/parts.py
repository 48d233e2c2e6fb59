"""A stage of a run: one row an item, in Parquet parts of a fixed number of items each."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar, runtime_checkable

import pyarrow as pa
import pyarrow.parquet as pq

from molyneux.ground.files import hash_of, keep, kept, side_of
from molyneux.ground.rows import Skipped, from_table, to_table
from molyneux.ground.run_errors import DamagedError

__all__ = ["HasId", "Parts", "Tally", "ids_hash", "part_name", "read_part", "tally_of", "to_parquet"]

Row = TypeVar("Row")

_TALLY = b"molyneux.skipped"


@runtime_checkable
class HasId(Protocol):
    """Whatever a stage goes over: an image, as a rule."""

    @property
    def id(self) -> str:
        """Different for every item of the stage."""


@dataclass(frozen=True)
class Tally:
    """Rows counted by outcome."""

    given: int
    skipped: dict[str, int]
    """Reason -> count."""

    @property
    def used(self) -> int:
        return self.given - sum(self.skipped.values())

    def __add__(self, other: Tally) -> Tally:
        reasons = sorted(self.skipped.keys() | other.skipped.keys())
        both = {reason: self.skipped.get(reason, 0) + other.skipped.get(reason, 0) for reason in reasons}
        return Tally(self.given + other.given, both)


def part_name(index: int) -> str:
    return f"part-{index:05d}.parquet"


def to_parquet(table: pa.Table) -> bytes:
    """A table as Parquet, zstd: the same bytes for the same rows and version of pyarrow."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def read_part(path: Path) -> pa.Table:
    """The table of a part whose hash is right.

    Raises:
        DamagedError: its hash is wrong or missing, or it is no Parquet file.
    """
    return _opened(path).read(use_threads=False)  # Arrow's own threads sometimes abort a process that ends


def tally_of(path: Path) -> Tally:
    """The outcomes of a part, from its footer; its hash is checked.

    Raises:
        DamagedError: as ``read_part``.
    """
    part = _opened(path)
    told = part.schema_arrow.metadata or {}
    try:
        return Tally(part.metadata.num_rows, json.loads(told[_TALLY]))
    except (KeyError, ValueError):
        raise DamagedError(path, "it holds no count of skips") from None


def _opened(path: Path) -> pq.ParquetFile:
    content = kept(path)
    try:
        return pq.ParquetFile(pa.BufferReader(content))
    except pa.ArrowException as error:
        raise DamagedError(path, f"it is no Parquet file: {error}") from error


@dataclass(frozen=True)
class Parts(Generic[Row]):
    """The files of one stage."""

    folder: Path
    row: type[Row]
    ids: tuple[str, ...]
    """Of all items, in order."""
    size: int
    """Items a part."""

    @property
    def count(self) -> int:
        """How many parts there are when all is done."""
        return math.ceil(len(self.ids) / self.size)

    def path(self, index: int) -> Path:
        return self.folder / part_name(index)

    def slice(self, index: int) -> slice:
        """Which items, by position, part ``index`` holds."""
        return slice(index * self.size, min((index + 1) * self.size, len(self.ids)))

    def missing(self) -> list[int]:
        """The parts that are not there: a part that is there is done."""
        there = {path.name for path in self.folder.glob("part-*.parquet")}
        return [index for index in range(self.count) if part_name(index) not in there]

    def commit(self, index: int, results: Sequence[Row | Skipped]) -> Tally:
        """Write a part, whole or not at all.

        Args:
            results: one for each item of the part, in order.

        Raises:
            TypeError: a result of another type, or a field that is None and may not be.
            ValueError: not as many results as items.
            StorageError: no room or no access; other parts are intact.
        """
        reasons = sorted(result.reason for result in results if isinstance(result, Skipped))
        tally = Tally(len(results), {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)})
        table = to_table(self.ids[self.slice(index)], results, self.row)
        table = table.replace_schema_metadata({_TALLY: json.dumps(tally.skipped)})
        keep(self.path(index), to_parquet(table))
        return tally

    def read(self, index: int) -> list[tuple[str, Row | Skipped]]:
        """The rows of a part, each with its item's id.

        Raises:
            DamagedError: its hash is wrong, or it holds other items than it should.
        """
        found = from_table(read_part(self.path(index)), self.row)
        if tuple(item for item, _ in found) != self.ids[self.slice(index)]:
            raise DamagedError(self.path(index), "it holds other items")
        return found

    def check(self, index: int) -> Tally:
        """Re-hash a part and count its outcomes.

        Raises:
            DamagedError: it is not what was written.
        """
        tally = tally_of(self.path(index))
        span = self.slice(index)
        if tally.given != span.stop - span.start:
            raise DamagedError(self.path(index), f"it holds {tally.given} items")
        return tally

    def put_aside(self, index: int) -> Path:
        """Move a damaged part out of the way, beside itself; it counts as missing then."""
        path = self.path(index)
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        side_of(path).unlink(missing_ok=True)
        return aside

    def all(self) -> Iterator[tuple[str, Row | Skipped]]:
        """The rows of every part that is there, in order."""
        absent = set(self.missing())
        for index in range(self.count):
            if index not in absent:
                yield from self.read(index)


def ids_hash(ids: Sequence[str]) -> str:
    """A hash of a list of ids, in order."""
    return hash_of(json.dumps(list(ids)).encode())
