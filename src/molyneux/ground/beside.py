"""A folder that is made beside its place and put there whole; what killed processes leave of such is cleared away."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from filelock import FileLock, Timeout

from molyneux.ground.files import WORKSHOP, hash_of, read_small, write_whole
from molyneux.ground.run_errors import StorageError

__all__ = ["beside", "clear"]

_LOG = logging.getLogger(__name__)
_NAME = re.compile(re.escape(WORKSHOP) + r"[0-9a-f]{16}")
_NEW, _OLD, _GONE, _PLACE = "new", "old", "gone", "place.txt"
_LONGEST = 4096  # bytes of a file's name, with room to spare
_PATIENCE = 60.0  # seconds that others may take for two renames


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A new, empty folder; at the end of the block it takes the place of ``target``, and what was there is removed.

    It is made in a workshop, ``.tmp-molyneux-<16 hexadecimal digits>`` in the same folder as the target, with a
    lock file ``<workshop>.lock`` that the operating system frees when the process ends, however it ends. Dead
    workshops there are cleared first. If the block raises, the target stays as it was. What was there is removed
    only when the new folder stands in its place; if it can neither be replaced nor put back, it is kept in the
    workshop, and the error names it.

    Several may make one target: each takes its place in turn, under a lock of the place. Lock files are removed
    under their own lock, which is safe where a lock tells that its file has gone: on local disks. Over NFS another
    machine may see a removed file for some seconds, so there only one machine should make a target at a time.

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
        with _kept_on_failure(workshop, target):
            (workshop / _NEW).mkdir(parents=True)
            write_whole(
                workshop / _PLACE, os.fsencode(target.name)
            )  # it survives a power cut that a rename does
            yield workshop / _NEW
            with _turn(target):
                _restore(
                    target
                )  # or what a process that was killed since took from there would never go back
                with suppress(FileNotFoundError):
                    target.rename(workshop / _OLD)
                (workshop / _NEW).rename(target)
    finally:
        _release(lock)


def clear(folder: Path) -> None:
    """Remove dead workshops directly in a folder: those of our name with a lock file that no process holds.

    What such a one took from its place goes back there, or stays where it is: see ``beside``.
    """
    for lock_file in sorted(folder.glob(f"{WORKSHOP}*.lock")):
        workshop = lock_file.with_suffix("")
        if not _NAME.fullmatch(workshop.name) or workshop.is_symlink() or lock_file.is_symlink():
            continue
        lock = _lock_of(workshop)
        try:
            lock.acquire(timeout=0)
        except OSError:  # in use (Timeout is one), or not ours to write
            continue
        try:
            if not _emptied(workshop):
                _LOG.warning("%s could not be put back in its place; it is kept", workshop / _OLD)
        finally:
            _release(lock)


@contextmanager
def _kept_on_failure(workshop: Path, target: Path) -> Iterator[None]:
    """At the end the workshop is removed, or what was taken from the place is there, and the error says where."""
    try:
        yield
    except BaseException as error:
        if not _emptied(workshop):
            where = f"what stood there is kept in {workshop / _OLD}"
            if isinstance(error, OSError):
                reason = f"{error.strerror or error}; {where}"
                raise StorageError(target, 0, reason) from error
            error.add_note(where)
        raise
    _remove(workshop)  # the new one stands in its place


def _emptied(workshop: Path) -> bool:
    """Remove a workshop, unless it holds the only copy of what was taken from a place, which goes back first."""
    if not _put_back(workshop):
        return False
    _remove(workshop)
    return True


def _remove(workshop: Path) -> None:
    """What was replaced is marked first, or a kill in the midst would leave half of it to be put back."""
    with suppress(OSError):
        (workshop / _OLD).rename(workshop / _GONE)
    shutil.rmtree(workshop, ignore_errors=True)


def _put_back(workshop: Path) -> bool:
    """Whether nothing in a workshop is of worth any more: what stood at the place is back there, or was replaced."""
    old, new = workshop / _OLD, workshop / _NEW
    if not os.path.lexists(old):
        return True
    try:
        place = _place_of(workshop)
        with _turn(place):
            if not os.path.lexists(place):
                old.rename(place)
                return True
            return not os.path.lexists(new)  # else somebody else's stands there, and ours never did
    except (OSError, ValueError):
        return False


def _restore(place: Path) -> None:
    """In one's turn nobody is between two renames: what was taken from a place, and not replaced, goes back."""
    for workshop in sorted(place.parent.glob(f"{WORKSHOP}*")):
        if os.path.lexists(place):
            return
        old, new = workshop / _OLD, workshop / _NEW
        if _NAME.fullmatch(workshop.name) and not workshop.is_symlink() and old.exists() and new.exists():
            with suppress(OSError, ValueError):
                if _place_of(workshop) == place:
                    old.rename(place)


def _place_of(workshop: Path) -> Path:
    """Where what a workshop holds belongs: always beside it.

    Raises:
        OSError: the file that says so does not read.
        ValueError: it names nothing that can stand there.
    """
    name = os.fsdecode(read_small(workshop / _PLACE, _LONGEST))
    if not name or name in (".", "..") or "\0" in name or name != Path(name).name:
        raise ValueError(f"{name!r} is no name")
    return workshop.parent / name


@contextmanager
def _turn(place: Path) -> Iterator[None]:
    """One process at a time renames to and from a place. Its lock file is named, and cleared, as a workshop's."""
    name = f"{WORKSHOP}{hash_of(os.fsencode(place.name))[:16]}"
    lock = _lock_of(place.with_name(name))
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        raise StorageError(place, 0, "another process has been putting a folder there for a minute") from None
    try:
        yield
    finally:
        _release(lock)


def _lock_of(workshop: Path) -> FileLock:
    return FileLock(workshop.with_name(f"{workshop.name}.lock"), thread_local=False)


def _release(lock: FileLock) -> None:
    """Free a lock and remove its file, unless its workshop could not be removed: somebody clears that later."""
    path = Path(lock.lock_file)
    if not path.with_suffix("").exists():
        with suppress(OSError):
            path.unlink()
    lock.release()
