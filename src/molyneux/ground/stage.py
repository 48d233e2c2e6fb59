"""A stage with its items: what is to be done, what is done, and any row of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from molyneux.ground.errors import SettingError
from molyneux.ground.files import keep, kept
from molyneux.ground.manifest import SCHEMA, differences, migrated, settled
from molyneux.ground.parts import HasId, Parts, ids_hash
from molyneux.ground.plain import Json, from_json, to_json
from molyneux.ground.rows import Skipped, columns
from molyneux.ground.run_errors import DamagedError, RunError, RunMismatchError

__all__ = ["STAGE", "Stage", "described", "open_stage", "read_description"]

Item = TypeVar("Item", bound=HasId)
Row = TypeVar("Row")

STAGE = "stage.json"
_CACHED_PARTS = 4


class Stage(Generic[Item, Row]):
    """One folder of parts in a run, and the items that it goes over.

    A stage that costs much (captions with their attributions) is worked off once; experiments read its rows
    with ``row_of`` and ``rows_of``.
    """

    def __init__(self, run_folder: Path, parts: Parts[Row], items: Sequence[Item]) -> None:
        self.run_folder = run_folder
        self.name = parts.folder.name
        self.parts = parts
        self.items = tuple(items)
        self._read: dict[int, dict[str, Row | Skipped]] = {}

    def slice(self, index: int) -> tuple[Item, ...]:
        """The items of part ``index``."""
        return self.items[self.parts.slice(index)]

    def row_of(self, item: str) -> Row | Skipped:
        """The row of an item, or why it has none.

        Raises:
            RunError: the stage has no such item, or has not come to it yet.
            DamagedError: its part is not what was written.
        """
        if item not in self._positions:
            raise RunError(f"stage {self.name}", value=item, expected="one of its items")
        index = self._positions[item] // self.parts.size
        if index not in self._read:
            if not self.parts.path(index).exists():
                raise RunError(
                    f"stage {self.name}", value=item, expected="its row to be there", fix="Work it off first."
                )
            if len(self._read) >= _CACHED_PARTS:
                del self._read[next(iter(self._read))]
            self._read[index] = dict(self.parts.read(index))
        return self._read[index][item]

    def rows_of(self, items: Sequence[HasId]) -> list[Row | Skipped]:
        """The rows of some items, such as a slice that another stage is at."""
        return [self.row_of(item.id) for item in items]

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        return {item: position for position, item in enumerate(self.parts.ids)}


def open_stage(
    run_folder: Path, name: str, items: Sequence[Item], *, row: type[Row], settings: object, part_size: int
) -> Stage[Item, Row]:
    """Begin a stage, or take it up.

    Raises:
        RunMismatchError: it is there with other items, settings, columns or part size.
        SettingError: an id twice, or settings that JSON cannot hold.
    """
    ids = tuple(item.id for item in items)
    if len(set(ids)) != len(ids):
        twice = next(item for item in ids if ids.count(item) > 1)
        raise SettingError("item", value=twice, expected="ids that differ", fix="Leave out the second.")
    if part_size < 1:
        raise SettingError("part_size", value=part_size, expected="at least 1")
    mine = described(ids, row, settings=settings, part_size=part_size)
    folder = run_folder / name
    if (folder / STAGE).exists():
        there = read_description(folder)
        if found := differences(there, mine):
            raise RunMismatchError(folder, found)
    else:
        keep(folder / STAGE, to_json(mine).encode())
    return Stage(run_folder, Parts(folder, row, ids, part_size), items)


def described(ids: Sequence[str], row: type, *, settings: object, part_size: int) -> dict[str, Any]:
    """What has to be equal when a stage is taken up: the content of its ``stage.json``."""
    schema = columns(row)
    return {
        "schema": SCHEMA,
        "settings": settled(settings, "settings"),
        "given": len(ids),
        "ids": ids_hash(ids),
        "part_size": part_size,
        "columns": {name: str(kind) for name, kind in zip(schema.names, schema.types, strict=True)},
    }


def read_description(folder: Path) -> dict[str, Json]:
    """The content of a stage's ``stage.json``.

    Raises:
        DamagedError: it is not what was written.
        RunError: it is of a newer schema.
    """
    path = folder / STAGE
    try:
        told = from_json(kept(path))
    except DamagedError:
        raise
    except ValueError as error:
        raise DamagedError(path, f"it does not read: {error}") from error
    if not isinstance(told, dict):
        raise DamagedError(path, "it holds no object")
    return migrated(told, folder)
