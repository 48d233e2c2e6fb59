"""A lock on a run's folder: one job at a time, however many processes the job has."""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from molyneux.ground.files import read_small, safe_name
from molyneux.ground.plain import from_json, write_json
from molyneux.ground.run_errors import RunError, RunLockedError, StorageError

__all__ = [
    "LOCKS",
    "Holder",
    "Place",
    "alone",
    "claim",
    "guarded",
    "holders",
    "is_lock_file",
    "job_here",
    "locked",
    "place_here",
]

LOCKS = ".locks"
"""The folder, inside the run's, in which the lock files lie."""

_GUARD = "guard"
_HOLD = re.compile(r"[0-9a-f]{16}\.lock")
_OURS = re.compile(rf"{_GUARD}|[0-9a-f]{{16}}\.(lock|json)|claim-[a-z0-9_.-]+")
_LONGEST = 65536  # bytes of what says who holds a lock
_PATIENCE = 60.0  # seconds that the guard may take; it is held for a few file operations


@dataclass(frozen=True)
class Holder:
    """A process that writes a run."""

    job: str
    pid: int
    host: str
    since: str
    """UTC, ISO 8601."""


@dataclass(frozen=True)
class Place:
    """This process among those of its job."""

    rank: int = 0
    world: int = 1


def place_here(environ: Mapping[str, str] = os.environ) -> Place:
    """Rank and world as ``torchrun`` sets them (RANK, WORLD_SIZE); alone where they are not set or make no sense."""
    try:
        rank, world = int(environ["RANK"]), int(environ["WORLD_SIZE"])
    except (KeyError, ValueError):
        return Place()
    return Place(rank, world) if 0 <= rank < world else Place()


def job_here(environ: Mapping[str, str] = os.environ) -> str:
    """What the processes of one job, and only they, have in common.

    ``MOLYNEUX_JOB`` if it is set (to join processes that know nothing of each other, as in a cluster's array),
    else the rendezvous of torchrun, else something new: a process on its own is a job of its own.
    """
    if own := environ.get("MOLYNEUX_JOB"):
        return f"job {own}"
    place = place_here(environ)
    if "TORCHELASTIC_RUN_ID" in environ and place.world > 1:
        words = [
            environ["TORCHELASTIC_RUN_ID"],
            environ.get("MASTER_ADDR", ""),
            environ.get("MASTER_PORT", ""),
        ]
        if environ.get("LOCAL_WORLD_SIZE") == str(place.world):
            # On one machine the defaults ("none", localhost, 29500) are everybody's; the launcher is not.
            words += [socket.gethostname(), str(os.getppid())]
        return " ".join(["torchrun", *words])
    return f"alone {secrets.token_hex(8)}"


@contextmanager
def locked(folder: Path, *, job: str | None = None) -> Iterator[Holder]:
    """Hold a run's folder for a job, together with the job's other processes.

    Every process holds a lock file of its own; the operating system frees it when the process ends, however it
    ends. A newcomer looks at all of them, and is refused if a living one belongs to another job.

    Raises:
        RunLockedError: another job writes; the message names its process, machine and start.
        RunError: the folder of the lock files is a link.
        StorageError: lock files cannot be written.
    """
    mine = Holder(
        job or job_here(), os.getpid(), socket.gethostname(), datetime.now(UTC).isoformat("T", "seconds")
    )
    own = folder / LOCKS / f"{secrets.token_hex(8)}.lock"
    with ExitStack() as stack:
        with guarded(folder):
            for other in _living(folder):
                if other is None or other.job != mine.job:
                    raise _refusal(folder, other)
            stack.enter_context(FileLock(own, timeout=0, thread_local=False))
            stack.callback(_forget, own)
            write_json(own.with_suffix(".json"), mine)
        yield mine


def holders(folder: Path) -> list[Holder]:
    """The processes that write a run now; those whose names cannot be read are left out.

    Nobody writes a run whose ``.locks`` is a link: a run that somebody sent reaches no other folder by it.

    Raises:
        StorageError: lock files cannot be written, as in a folder that is read-only.
    """
    if not (folder / LOCKS).is_dir() or (folder / LOCKS).is_symlink():
        return []
    with guarded(folder):
        return [holder for holder in _living(folder) if holder is not None]


def alone(folder: Path) -> bool:
    """Whether nobody but this process holds a run; to be asked inside ``locked`` and ``guarded``."""
    return len(_living(folder)) == 1


@contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """Short moments in which one process alone changes what all share (locks, the manifest's status).

    Raises:
        RunLockedError: another process is at it for a minute.
        RunError: the folder of the lock files is a link.
        StorageError: it cannot be written.
    """
    guard = _checked(folder) / _GUARD
    try:
        guard.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(guard, timeout=_PATIENCE, thread_local=False)
        lock.acquire()
    except Timeout:
        raise _refusal(folder, None) from None
    except OSError as error:
        raise StorageError(guard, 0, error.strerror or str(error)) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def claim(folder: Path, name: str) -> Iterator[bool]:
    """Take one piece of work of a run, if no other process has it; it is free again when this one ends.

    Raises:
        RunError: the folder of the lock files is a link.
        StorageError: it cannot be written.
    """
    path = _checked(folder) / f"claim-{safe_name(name)}"
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        yield False
        return
    except OSError as error:
        raise StorageError(path, 0, error.strerror or str(error)) from error
    try:
        yield True
    finally:
        _remove(path)
        lock.release()


def is_lock_file(path: Path) -> bool:
    """Whether a path is one of the files that this module makes, by name and kind."""
    return path.parent.name == LOCKS and bool(_OURS.fullmatch(path.name)) and _is_file(path)


def _checked(folder: Path) -> Path:
    """The folder of a run's lock files, which may not be there yet; what a link leads to is somebody else's."""
    locks = folder / LOCKS
    if locks.is_symlink():
        raise RunError("run", value=str(locks), expected="a folder of the run's own", fix="Remove the link.")
    return locks


def _living(folder: Path) -> list[Holder | None]:
    """Holders of lock files that are locked (None where the name is unreadable); removes those that are not.

    Files of other names, and links, are nobody's lock and stay.
    """
    found: list[Holder | None] = []
    for path in sorted(_checked(folder).glob("*.lock")):
        if not _HOLD.fullmatch(path.name) or not _is_file(path):
            continue
        lock = FileLock(path, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except OSError:  # held (Timeout is one), or not to be opened, so that nobody can say that it is not
            found.append(_named(path.with_suffix(".json")))
            continue
        _forget(path)
        lock.release()
    return found


def _named(path: Path) -> Holder | None:
    try:
        return Holder(**from_json(read_small(path, _LONGEST)))  # type: ignore[arg-type]
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _forget(path: Path) -> None:
    """Remove a lock file of ``locked`` and what says who held it."""
    _remove(path.with_suffix(".json"))
    _remove(path)


def _remove(path: Path) -> None:
    with suppress(OSError):  # a system that cannot remove a file in use; it is removed by the next to look
        path.unlink()


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _refusal(folder: Path, holder: Holder | None) -> RunLockedError:
    who = (
        "another process" if holder is None else f"process {holder.pid} on {holder.host} since {holder.since}"
    )
    return RunLockedError(
        "run",
        value=str(folder),
        expected=f"no other job to write it, but {who} does",
        fix="Wait for it or end it.",
    )
