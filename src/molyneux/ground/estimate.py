"""What a run would cost, before it is begun: for ``--dry-run``."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from molyneux.ground.errors import SettingError
from molyneux.ground.parts import to_parquet
from molyneux.ground.rows import to_table

__all__ = ["Estimate", "bytes_per_row", "estimate", "free_bytes"]


@dataclass(frozen=True)
class Estimate:
    """What a stage, or several, would take."""

    images: int
    parts: int
    disk: int
    """Bytes."""
    seconds: float
    """Of wall clock, with all processes."""

    def __add__(self, other: Estimate) -> Estimate:
        """Two stages one after the other, over the same images or others: the larger number of images."""
        return Estimate(
            max(self.images, other.images),
            self.parts + other.parts,
            self.disk + other.disk,
            self.seconds + other.seconds,
        )


def estimate(
    images: int,
    *,
    row_bytes: int | float,
    seconds_each: int | float,
    part_size: int = 16,
    world: int = 1,
    done: int = 0,
) -> Estimate:
    """Parts, disk and time of a stage.

    Args:
        images: items in all.
        row_bytes: disk a row, as ``bytes_per_row`` measures it.
        seconds_each: time an image takes one process, measured on a few.
        world: processes that share the work, each with its own device.
        done: items that a run to be resumed has already.

    Raises:
        SettingError: a negative number, or no process at all.
    """
    if min(images, row_bytes, seconds_each, done) < 0 or min(part_size, world) < 1:
        raise SettingError(
            "estimate", value=(images, part_size, world), expected="numbers that are not negative"
        )
    left = max(0, images - done)
    parts = math.ceil(left / part_size)
    busiest = math.ceil(parts / world) * part_size
    return Estimate(left, parts, math.ceil(left * row_bytes), float(min(left, busiest) * seconds_each))


def bytes_per_row(ids: Sequence[str], results: Sequence[object], row: type) -> float:
    """Bytes that a row takes in a part, measured on some: the more, the closer (a part has a fixed foot)."""
    if not ids:
        raise SettingError("rows", value=0, expected="one or more to measure")
    return len(to_parquet(to_table(ids, results, row))) / len(ids)


def free_bytes(folder: Path) -> int:
    """Room on the disk on which a folder lies, or will lie."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free
