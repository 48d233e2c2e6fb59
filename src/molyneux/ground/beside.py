"""A folder that is made beside its place and put there whole; what killed processes leave of such is cleared away."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from filelock import FileLock, Timeout

from molyneux.ground.files import WORKSHOP

__all__ = ["beside", "clear"]

_NAME = re.compile(re.escape(WORKSHOP) + r"[0-9a-f]{16}")
_NEW, _OLD, _PLACE = "new", "old", "place.txt"


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A new, empty folder; at the end of the block it takes the place of ``target``, and what was there is removed.

    It is made in a workshop, ``.tmp-molyneux-<16 hexadecimal digits>`` in the same folder as the target, with a
    lock file ``<workshop>.lock`` that the operating system frees when the process ends, however it ends. Dead
    workshops there are cleared first. If the block raises, the target stays as it was.

    Whether the target may be replaced is the caller's to check.

    Raises:
        OSError: it cannot be written.
    """
    parent = target.parent
    parent.mkdir(parents=True, exist_ok=True)
    clear(parent)
    workshop = parent / f"{WORKSHOP}{token_hex(8)}"
    lock = _lock_of(workshop)
    lock.acquire()  # before the folder is there: a workshop that nobody holds is a dead one
    try:
        (workshop / _NEW).mkdir(parents=True)
        (workshop / _PLACE).write_bytes(os.fsencode(target.name))
        yield workshop / _NEW
        with suppress(FileNotFoundError):
            target.rename(workshop / _OLD)
        (workshop / _NEW).rename(target)
    finally:
        _put_back(workshop)
        shutil.rmtree(workshop, ignore_errors=True)
        _release(lock)


def clear(folder: Path) -> None:
    """Remove dead workshops directly in a folder: those of our name with a lock file that no process holds."""
    for lock_file in sorted(folder.glob(f"{WORKSHOP}*.lock")):
        workshop = lock_file.with_suffix("")
        if not _NAME.fullmatch(workshop.name) or workshop.is_symlink() or lock_file.is_symlink():
            continue
        lock = _lock_of(workshop)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):  # in use, or not ours to write
            continue
        _put_back(workshop)
        shutil.rmtree(workshop, ignore_errors=True)
        _release(lock)


def _put_back(workshop: Path) -> None:
    """If a process ended between its two renames, what stood at the place goes back there."""
    with suppress(OSError):
        name = os.fsdecode((workshop / _PLACE).read_bytes())
        place = workshop.parent / name
        if name == Path(name).name and (workshop / _OLD).exists() and not place.exists():
            (workshop / _OLD).rename(place)


def _lock_of(workshop: Path) -> FileLock:
    return FileLock(workshop.with_name(f"{workshop.name}.lock"), thread_local=False)


def _release(lock: FileLock) -> None:
    """Free a lock and remove its file, unless its workshop could not be removed: somebody clears that later."""
    path = Path(lock.lock_file)
    if not path.with_suffix("").exists():
        with suppress(OSError):
            path.unlink()
    lock.release()
