"""An atlas is built beside its place and put there when it is whole; until then the old one stays."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from filelock import FileLock

from molyneux.ground.lock import LOCKS, holders
from molyneux.ground.manifest import MANIFEST, Identity, differences, read_manifest
from molyneux.ground.run_errors import DamagedError, RunError, RunLockedError, RunMismatchError, StorageError
from molyneux.ground.stopping import unstopped
from molyneux.ground.verify import verify

__all__ = ["MARK", "aside_of", "found_at", "is_there", "put_in_place", "settle"]

MARK = "atlas.json"
"""A file that atlases have, besides what every run has."""
_POLL = 0.2


def aside_of(out: Path) -> Path:
    """Where the atlas of a place is built; beside it, so that renaming is enough."""
    return _beside(out, "building")


def found_at(out: Path) -> Path:
    """Where the atlas of a place lies now: there, or for the moment between two renames just beside it.

    Raises:
        RunError: no atlas.
    """
    for folder in (out, _beside(out, "ready")):
        if (folder / MARK).is_file() and (folder / MANIFEST).is_file():
            return folder
    fix = "molyneux atlas build MODEL OUT makes one."
    if aside_of(out).is_dir():
        fix = "One is being built, or its build was interrupted: the same molyneux atlas build goes on."
    raise RunError("atlas", value=str(out), expected="a folder that molyneux atlas build wrote", fix=fix)


def settle(out: Path) -> None:
    """Finish what a killed process left between two renames."""
    ready, old = _beside(out, "ready"), _beside(out, "old")
    try:
        with unstopped():
            if ready.exists():
                if out.exists():
                    shutil.rmtree(old, ignore_errors=True)
                    os.rename(out, old)
                os.rename(ready, out)
            if out.exists():
                shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise StorageError(out, 0, error.strerror or str(error)) from error


def is_there(out: Path, identity: Identity, *, replace: bool) -> bool:
    """Whether the atlas to be built is there already; clears the way for it where it is not.

    Raises:
        RunMismatchError: an atlas of something else is there, or a part of one beside it, and ``replace`` is False.
        RunError: something that is no atlas is there.
        RunLockedError: another process builds there.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        if not (out.is_dir() and (out / MARK).is_file()):
            fix = "Name a folder of its own."
            raise RunError("atlas", value=str(out), expected="an atlas, or nothing yet", fix=fix)
        if not _differs(out, identity, replace=replace):
            return not _damaged(out)
    aside = aside_of(out)
    if (aside / MANIFEST).is_file() and _differs(aside, identity, replace=replace):
        if busy := holders(aside):
            raise RunLockedError(
                "atlas", value=str(out), expected=f"no other build, but process {busy[0].pid} does"
            )
        shutil.rmtree(aside)
    return False


def put_in_place(out: Path) -> None:
    """Check the finished build once more and rename it; of several processes, the last to leave it does so.

    Raises:
        DamagedError: a file is not what was written; the old atlas stays.
        StorageError: it cannot be renamed.
    """
    aside = aside_of(out)
    while holders(aside):
        time.sleep(_POLL)
    lock = FileLock(_beside(out, "lock"), thread_local=False)
    try:
        with lock:
            if (aside / MARK).exists():  # else another process of this job was faster
                if found := verify(aside).damaged:
                    raise DamagedError(found[0].path, found[0].what)
                with unstopped():
                    shutil.rmtree(aside / LOCKS, ignore_errors=True)
                    os.rename(aside, _beside(out, "ready"))
            settle(out)
            Path(lock.lock_file).unlink(missing_ok=True)
    except DamagedError:
        raise
    except OSError as error:
        raise StorageError(out, 0, error.strerror or str(error)) from error


def _differs(folder: Path, identity: Identity, *, replace: bool) -> bool:
    try:
        found = differences(read_manifest(folder).identity, identity)
    except DamagedError:
        if not replace:
            raise
        return True
    if found and not replace:
        raise RunMismatchError(folder, found)
    return bool(found)


def _damaged(folder: Path) -> bool:
    found = verify(folder)
    return bool(found.damaged or found.missing)


def _beside(out: Path, what: str) -> Path:
    whole = Path(os.path.abspath(out))
    return whole.with_name(f".{whole.name}.{what}")
