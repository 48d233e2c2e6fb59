"""Re-hash a whole run and name every file that is not what was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from molyneux.ground.files import TEMPORARY, kept, side_of
from molyneux.ground.lock import LOCKS
from molyneux.ground.manifest import MANIFEST, read_manifest
from molyneux.ground.parts import part_name, tally_of
from molyneux.ground.run_errors import DamagedError, RunError
from molyneux.ground.stage import STAGE, read_description

__all__ = ["Damage", "Verification", "verify"]


@dataclass(frozen=True)
class Damage:
    """One file that is not what was written."""

    path: Path
    what: str


@dataclass(frozen=True)
class Verification:
    """What ``verify`` found."""

    files: int
    """Whose hashes were right."""
    damaged: tuple[Damage, ...]
    missing: dict[str, int] = field(default_factory=dict)
    """Stage -> parts that are not computed yet, which is no damage."""


def verify(folder: Path) -> Verification:
    """Re-hash every file of a run that has a hash, and look for files without one, and hashes without files.

    Raises:
        RunError: it is no run, or one of a schema that this version cannot read.
    """
    right, damaged, missing = 0, [], {}
    for path in _files(folder):
        try:
            _check(path, folder)
            right += 1
        except DamagedError as error:
            damaged.append(Damage(path, str(error)))
    for stage in sorted(folder.glob(f"*/{STAGE}")):
        try:
            count = _parts(stage.parent)
        except DamagedError:  # named above
            continue
        absent = [n for n in range(count) if not (stage.parent / part_name(n)).exists()]
        if absent:
            missing[stage.parent.name] = len(absent)
    return Verification(right, tuple(damaged), missing)


def _files(folder: Path) -> list[Path]:
    """Every file that is there or that a hash speaks of; not locks, nor what was put aside or left unfinished."""
    found = {folder / MANIFEST}
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if LOCKS in inside.parts or path.name.startswith(TEMPORARY) or path.name.endswith(".damaged"):
            continue
        if path.name.endswith(".sha256"):
            found.add(path.with_name(path.name.removesuffix(".sha256")))
        elif path.is_file() and (side_of(path).exists() or _ours(inside)):
            found.add(path)
    return sorted(found)


def _ours(inside: Path) -> bool:
    """Whether a file must have a hash: all of a stage's, and arrays."""
    return inside.suffix in (".parquet", ".safetensors") or inside.name == STAGE


def _check(path: Path, folder: Path) -> None:
    if path == folder / MANIFEST:
        read_manifest(folder)
        return
    if path.suffix == ".parquet":
        tally_of(path)
        _check_place(path)
    else:
        kept(path)


def _check_place(path: Path) -> None:
    """A part beyond the last, with a right hash, would be another run's."""
    try:
        names = [part_name(index) for index in range(_parts(path.parent))]
    except (DamagedError, RunError):
        return
    if path.name not in names:
        raise DamagedError(path, "the stage has no part of that number")


def _parts(stage: Path) -> int:
    told = read_description(stage)
    given, size = told["given"], told["part_size"]
    assert isinstance(given, int)
    assert isinstance(size, int)
    return -(-given // size)
