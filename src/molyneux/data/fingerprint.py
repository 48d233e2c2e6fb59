"""What the data are: hashes that a run compares when it is resumed.

The hash of every image's content, remembered by size and time of change, so that only the first look reads
everything. Copied elsewhere the data stay the same; changed in place they do not.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

from molyneux.data.sources import DataSet, Source
from molyneux.ground.files import hash_of
from molyneux.ground.plain import from_json, write_json

__all__ = ["fingerprint"]

_FRESH = 2 * 10**9  # nanoseconds: a file changed as lately could change again without its time showing it


def fingerprint(data: DataSet, sources: Sequence[Source], *, cache: Path | None = None) -> dict[str, str]:
    """Part of the data -> hash, for ``Identity.data``.

    ``images`` covers id and content of every source, in order; each annotation file stands under its name. A
    file that cannot be read counts as such: data from which an image has vanished are other data.

    Args:
        sources: those that the run uses.
        cache: a JSON file that remembers hashes; best outside the data, which are never written to. Made if it
            is not there, and ignored if it is damaged.

    Raises:
        StorageError: the cache cannot be written.
    """
    known = _remembered(cache)
    seen: dict[str, list[str | int]] = {}
    images = hash_of(
        "".join(
            f"{source.id}\n{_content(source.path, source.id, known, seen)}\n" for source in sources
        ).encode()
    )
    told = {"images": images, "count": str(len(sources))}
    for path in data.files:
        told[path.name] = _content(path, path.name, known, seen)
    if cache is not None and seen != known:
        write_json(cache, {"files": known | seen})
    return told


def _content(
    path: Path, key: str, known: dict[str, list[str | int]], seen: dict[str, list[str | int]]
) -> str:
    """The hash of a file, from memory if its size and time are as they were."""
    try:
        there = path.stat()
        stamp = [there.st_size, there.st_mtime_ns]
        if known.get(key, [])[1:] == stamp:
            digest = str(known[key][0])
        else:
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable: {type(error).__name__}"
    if time.time_ns() - there.st_mtime_ns > _FRESH:
        seen[key] = [digest, *stamp]
    return digest


def _remembered(cache: Path | None) -> dict[str, list[str | int]]:
    if cache is None:
        return {}
    try:
        told = from_json(cache.read_bytes())
    except (OSError, ValueError):
        return {}
    files = told.get("files") if isinstance(told, dict) else None
    if not isinstance(files, dict):
        return {}
    return {
        key: list(one)
        for key, one in files.items()
        if isinstance(one, list) and [type(word) for word in one] == [str, int, int]
    }
