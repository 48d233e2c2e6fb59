"""What a run is: settings, hashes, seed, versions, command; equal at every resume, or refused."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from molyneux.ground.errors import SettingError
from molyneux.ground.files import hash_of, write_whole
from molyneux.ground.plain import Json, from_json, plain, to_json
from molyneux.ground.run_errors import DamagedError, Difference, RunError

__all__ = [
    "MANIFEST",
    "SCHEMA",
    "Identity",
    "Manifest",
    "differences",
    "migrated",
    "now",
    "read_manifest",
    "source_hash",
    "versions_here",
    "write_manifest",
]

MANIFEST = "manifest.json"

SCHEMA = 1
"""Number of the layout of runs; it goes up when a reader of the old one would misread the new one."""

MIGRATIONS: Mapping[int, Callable[[dict[str, Json]], dict[str, Json]]] = MappingProxyType({})
"""Schema number -> what turns a manifest of it into one of the next."""

_PACKAGES = ("molyneux", "torch", "transformers", "tokenizers", "safetensors", "numpy", "pillow", "HanTa")
_LOOKING = ("report", "explorer", "cli")  # floors that change no result


@dataclass(frozen=True)
class Identity:
    """All that decides what a run's rows will be. Two things of different identity never share a run."""

    settings: Mapping[str, Any]
    """Whatever all stages have in common: model, prompt, precision,
    batch size, selection of images; anything that JSON can hold."""
    weights: Mapping[str, str]
    """File or part of the model -> SHA-256."""
    data: Mapping[str, str]
    """Part of the data (images, annotation files) -> hash."""
    seed: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package -> version; ``source`` is the hash of molyneux's own code. Empty: those that are here."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "versions", self.versions or versions_here())
        for name in ("settings", "weights", "data", "versions"):
            object.__setattr__(self, name, settled(getattr(self, name), name))


@dataclass(frozen=True)
class Manifest:
    """The content of ``manifest.json``."""

    identity: Identity
    command: tuple[str, ...]
    """What was typed when the run was started; typed again, it resumes."""
    job: str
    """The job that created it: see ``molyneux.ground.lock.job_here``."""
    created: str
    updated: str
    status: str = "running"
    """running, finished, interrupted or failed: how the last command on it ended."""
    error: str = ""
    """Of a run that failed: what it said."""
    schema: int = SCHEMA


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat("T", "seconds")


def settled(settings: object, name: str) -> dict[str, Json]:
    """Settings as they will be read back, so that a tuple equals the list that JSON makes of it.

    Raises:
        SettingError: NaN or an infinity, or a value that JSON cannot say.
    """
    try:
        told = from_json(to_json(plain(settings)))
    except TypeError as error:
        raise SettingError(
            name, value=settings, expected=f"values that JSON can hold, but: {error}"
        ) from error
    if not isinstance(told, dict) or "non_finite" in told:
        raise SettingError(name, value=settings, expected="names and finite values")
    return told


@cache
def versions_here() -> dict[str, str]:
    """The versions of everything that numbers depend on, without importing any of it."""
    found = {"python": platform.python_version(), "source": source_hash()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


@cache
def source_hash() -> str:
    """SHA-256 over molyneux's own code but for the floors that only look (report, cli)."""
    root = Path(str(files("molyneux")))
    named = {path.relative_to(root): path for path in root.rglob("*.py")}
    lines = [
        f"{name.as_posix()} {hash_of(path.read_bytes())}"
        for name, path in sorted(named.items())
        if name.parts[0] not in _LOOKING
    ]
    return hash_of("\n".join(lines).encode())


def differences(run: object, current: object) -> list[Difference]:
    """The fields in which two identities, or any two nested settings, differ, by dotted path."""
    before, after = _flat(plain(run), ""), _flat(plain(current), "")
    return [
        Difference(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if name not in before or name not in after or _unlike(before[name], after[name])
    ]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``manifest.json``, whole or not at all, with a digest of itself in it."""
    told = plain(manifest)
    assert isinstance(told, dict)
    write_whole(folder / MANIFEST, to_json(told | {"digest": _digest(told)}).encode())


def read_manifest(folder: Path) -> Manifest:
    """Read a run's manifest, brought up from an older schema where that is possible.

    Raises:
        RunError: no run, a newer schema, or an older one that nothing brings up.
        DamagedError: the manifest is not what was written.
    """
    path = folder / MANIFEST
    try:
        told = from_json(path.read_bytes())
    except FileNotFoundError:
        raise RunError("run", value=str(folder), expected=f"a folder with a {MANIFEST} in it") from None
    except (OSError, ValueError) as error:
        raise DamagedError(path, f"it does not read: {error}") from error
    if not isinstance(told, dict) or told.pop("digest", None) != _digest(told):
        raise DamagedError(path, "its digest is another")
    told = migrated(told, folder)
    try:
        identity = Identity(**told.pop("identity"))  # type: ignore[arg-type]
        command = tuple(told.pop("command"))  # type: ignore[arg-type]
        return _checked(Manifest(identity=identity, command=command, **told))  # type: ignore[arg-type]
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(
            "manifest", value=str(path), expected=f"the fields of schema {SCHEMA}, but: {error}"
        ) from error


def _checked(manifest: Manifest) -> Manifest:
    """The same; numbers and texts are what they should be, as they end up in commands, code and pages.

    Raises:
        TypeError: one is not.
    """
    seed = manifest.identity.seed
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise TypeError(f"the seed is {seed!r}, no whole number")
    for name in ("job", "created", "updated", "status", "error"):
        if not isinstance(getattr(manifest, name), str):
            raise TypeError(f"{name} is {getattr(manifest, name)!r}, no text")
    if not all(isinstance(word, str) for word in manifest.command):
        raise TypeError(f"the command is {manifest.command!r}, no words")
    return manifest


def migrated(
    told: dict[str, Json],
    folder: Path,
    *,
    schema: int = SCHEMA,
    steps: Mapping[int, Callable[[dict[str, Json]], dict[str, Json]]] = MIGRATIONS,
) -> dict[str, Json]:
    """A manifest's content in the schema of this version.

    Raises:
        RunError: it is newer, or older without a way up.
    """
    found = told.get("schema")
    if not isinstance(found, int) or isinstance(found, bool) or found > schema:
        fix = "Read it with the version of molyneux that wrote it, or a later one."
        raise RunError("schema of the run", value=found, expected=f"at most {schema} ({folder})", fix=fix)
    while found < schema:
        if found not in steps:
            fix = "Read it with the version of molyneux that wrote it, or compute it again."
            raise RunError("schema of the run", value=found, expected=f"{schema} ({folder})", fix=fix)
        told, found = steps[found](dict(told)) | {"schema": found + 1}, found + 1
    return told


def restarted(manifest: Manifest, command: Sequence[str], status: str, error: str = "") -> Manifest:
    """The manifest of a run that is taken up, or that has ended."""
    kept = tuple(command) or manifest.command
    return replace(manifest, command=kept, status=status, error=error, updated=now())


def _digest(told: Mapping[str, Json]) -> str:
    return hash_of(to_json(dict(sorted(told.items())), indent=None).encode())


def _flat(value: Json, place: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        return {place: value}
    found: dict[str, Any] = {}
    for key, one in value.items():
        found |= _flat(one, f"{place}.{key}" if place else key)
    return found


def _unlike(one: object, other: object) -> bool:
    """1, 1.0 and True are equal in Python, and different settings."""
    return type(one) is not type(other) or one != other
