"""What can be wrong with a run: other settings, another writer, a full disk, a damaged file, a stop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from molyneux.ground.errors import MolyneuxError

__all__ = [
    "DamagedError",
    "Difference",
    "RunError",
    "RunLockedError",
    "RunMismatchError",
    "Stopped",
    "StorageError",
]


class RunError(MolyneuxError, ValueError):
    """A folder that is no run, a run of another schema, or one that lacks what is asked of it."""


class Difference(NamedTuple):
    """One field in which a run and what is to be added to it differ."""

    field: str
    """Dotted path, such as ``settings.prompt``."""
    run: object
    """As the run has it; None where it has none."""
    now: object


class RunMismatchError(RunError):
    """Something else than the run was started with: results that differ in kind never share a run."""

    def __init__(self, folder: Path, differences: Sequence[Difference]) -> None:
        self.differences = tuple(differences)
        listed = "; ".join(f"{d.field}: {d.run!r} in the run, {d.now!r} now" for d in self.differences)
        super().__init__(
            "run",
            value=str(folder),
            expected=f"the settings it was started with, but these differ: {listed}",
            fix="Use those of the run, or start a new run in another folder.",
        )


class RunLockedError(RunError):
    """Another job writes this run."""

    exit_code = 4


class StorageError(MolyneuxError, OSError):
    """A file could not be written: the disk is full, or the folder cannot be written to."""

    exit_code = 4

    def __init__(self, path: Path, size: int, reason: str) -> None:
        self.path, self.size = path, size
        super().__init__(
            "file",
            value=str(path),
            expected=f"to write {size:,} bytes, but: {reason}",
            fix="Earlier results are intact. Make room or give access, then resume.",
        )


class DamagedError(MolyneuxError, ValueError):
    """A file whose content is not what was written, or that has gone."""

    exit_code = 4

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        super().__init__(
            "file",
            value=str(path),
            expected=f"what was written there, but {what}",
            fix="Resume the run: damaged parts are put aside and computed again.",
        )


class Stopped(KeyboardInterrupt):
    """A signal asked for a stop; no ``except Exception`` on the way swallows it. Exit status 130."""

    exit_code = 130

    def __init__(self, signal_name: str) -> None:
        self.signal_name = signal_name
        super().__init__(f"stopped by {signal_name}")
