"""Where the demo's run stands: what is there may be replaced only if nothing in it is anybody else's."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from molyneux.cli.console import note
from molyneux.ground.errors import MolyneuxError, SettingError

__all__ = ["check_replaced", "is_demos", "is_only_ours", "put_aside", "refusal", "run_name"]

_NAME = "molyneux-demo"
_PART = re.compile(r"part-[0-9]{5}\.parquet")
_TABLES = ("looks.csv", "looks.json")
_HALF = re.compile(r"\.tmp-[0-9a-f]{16}")
_SIDE = ".sha256"


def run_name(model: str, parts: Mapping[str, str] | None = None) -> str:
    """The folder of a model's demo: that of another model, or of other parts, is never in the way.

    Args:
        model: as ``--model``.
        parts: of the model, and its prompt: option -> value.
    """
    from molyneux.ground.files import hash_of, safe_name
    from molyneux.ground.plain import to_json

    local = model != "miniature" and Path(model).is_dir()
    plain = Path(model).resolve().name if local else model
    name = _NAME if model == "miniature" else f"{_NAME}-{safe_name(plain)}"
    if not local and not parts:
        return name
    told = {"model": model, **(parts or {})}
    places = {option: value if option == "prompt" else _place(value) for option, value in told.items()}
    return f"{name}-{hash_of(to_json(dict(sorted(places.items()))).encode())[:8]}"


def is_demos(folder: Path) -> bool:
    """Whether the demo made what is there: a run by its command, or a folder in which nothing is yet."""
    from molyneux.ground.lock import LOCKS
    from molyneux.ground.manifest import MANIFEST, read_manifest

    if not folder.is_dir() or folder.is_symlink():
        return False
    if not (folder / MANIFEST).is_file():
        return {path.name for path in folder.iterdir()} <= {LOCKS}
    try:
        return read_manifest(folder).command[:2] == ("molyneux", "demo")
    except MolyneuxError:
        return False


def is_only_ours(folder: Path) -> bool:
    """Whether a run of the demo holds nothing but what computing it wrote, every byte of it.

    Files are known by name, place and hash. Whatever else there is (a note, a report, a table that was edited, a
    link, an empty folder) may be somebody's.
    """
    try:
        return is_demos(folder) and all(_is_ours(folder, path) for path in _below(folder))
    except OSError:  # what cannot be looked at
        return False


def check_replaced(folder: Path) -> None:
    """Whether the run that is there may leave its place.

    Raises:
        SettingError: it is no demo's run, or we are in that folder.
        RunLockedError: another process writes it.
    """
    from molyneux.ground.run import open_run
    from molyneux.ground.run_errors import RunLockedError

    if Path.cwd().is_relative_to(folder.resolve()):
        raise SettingError(
            "--save-dir",
            value=str(folder.parent),
            expected=f"an earlier {folder.name} that may be replaced, but you are in it",
            fix="Go to another folder, or name another one.",
        )
    if not is_demos(folder):
        raise refusal(folder)
    if open_run(folder).writers():
        raise RunLockedError("run", value=str(folder), expected="no other job to write it")


def put_aside(folder: Path) -> None:
    """Just before a run is replaced, and with that removed: with anybody's files in it, it is moved to a free name.

    Raises:
        SettingError, RunLockedError: as ``check_replaced``.
        OSError: it cannot be moved.
    """
    if not os.path.lexists(folder):
        return
    check_replaced(folder)
    if is_only_ours(folder):
        return
    names = (folder.with_name(f"{folder.name}.old-{number}") for number in range(1, 1_000_000))
    free = next(name for name in names if not os.path.lexists(name))
    folder.rename(free)
    note(f"the earlier run holds files that no demo wrote, so it is kept: {free}")


def refusal(folder: Path) -> SettingError:
    """What stands there is nothing that the demo may touch."""
    return SettingError(
        "--save-dir",
        value=str(folder.parent),
        expected=f"no {folder.name} in it but an earlier demo's",
        fix="Name another folder; that one stays as it is.",
    )


def _place(value: str) -> str:
    """A file or folder by where it lies, so that two of one name differ; a hub id as it is."""
    return str(Path(value).resolve()) if Path(value).exists() else value


def _below(folder: Path) -> Iterator[Path]:
    """Files, links and empty folders, at any depth; no link is followed."""
    for place, folders, files in os.walk(folder, onerror=_stop):
        here = Path(place)
        yield from (here / name for name in files)
        yield from (here / name for name in folders if (here / name).is_symlink())
        if not folders and not files:
            yield here


def _stop(error: OSError) -> None:
    raise error


def _is_ours(folder: Path, path: Path) -> bool:
    from molyneux.ground.files import hash_of, kept, read_small, side_of
    from molyneux.ground.lock import LOCKS, is_lock_file
    from molyneux.ground.manifest import MANIFEST

    inside = path.relative_to(folder)
    if path.is_symlink() or not path.is_file():
        return path == folder / LOCKS and path.is_dir() and not path.is_symlink()  # and empty
    if inside.parts[0] == LOCKS:
        return len(inside.parts) == 2 and is_lock_file(path)
    if inside.parts == (MANIFEST,) or _HALF.fullmatch(path.name):
        return True  # the manifest holds its own digest, which was checked when it was read
    whole = path.with_name(path.name.removesuffix(_SIDE))
    if not _is_named(whole.relative_to(folder)):
        return False
    try:
        stated = f"{hash_of(kept(whole))}  {whole.name}\n".encode()
    except MolyneuxError:
        return False
    return read_small(side_of(whole), len(stated)) == stated


def _is_named(inside: Path) -> bool:
    """Whether a file is named as a stage's or a table of looks, where such lie."""
    from molyneux.ground.stage import STAGE

    if len(inside.parts) != 2:
        return False
    if inside.parts[0] == "tables":
        return inside.name in _TABLES
    return inside.name == STAGE or bool(_PART.fullmatch(inside.name))
