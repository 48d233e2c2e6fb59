"""Files that are there whole or not at all, with their SHA-256 beside them."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from molyneux.ground.run_errors import DamagedError, StorageError

__all__ = [
    "TEMPORARY",
    "WORKSHOP",
    "hash_of",
    "keep",
    "kept",
    "kept_hash",
    "read_small",
    "safe_name",
    "sweep",
    "write_whole",
]

TEMPORARY = ".tmp-"
"""How the names of files in the making begin; what a killed process leaves of them is never read."""

WORKSHOP = f"{TEMPORARY}molyneux-"
"""How the names of folders in the making begin: see ``beside``."""

_SIDE = ".sha256"
_SIDE_MOST = 4096  # bytes; a hash and a file's name are far fewer
_HALF = re.compile(re.escape(TEMPORARY) + r"[0-9a-f]{16}")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that whoever looks sees the old content or the new, never a piece.

    Temporary name in the same folder, fsync, rename, fsync of the folder: after the return the content
    survives a power cut as well.

    Raises:
        StorageError: no room or no access; names the path and the bytes. What was there before stays.
    """
    aside = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(aside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
        _sync_folder(path.parent)
    except BaseException as error:  # also a stop: nothing half-made stays behind
        with suppress(OSError):
            aside.unlink()
        if isinstance(error, OSError):
            raise StorageError(path, len(content), error.strerror or str(error)) from error
        raise


def sweep(folder: Path) -> None:
    """Remove files that killed processes left half written; only where nobody else writes.

    Folders in the making stay, with all in them: whoever makes a report writes no other part of a run. A name that
    only begins like ours is somebody else's, and stays too.
    """
    for path in folder.rglob(f"{TEMPORARY}*"):
        if not _HALF.fullmatch(path.name) or any(
            part.startswith(WORKSHOP) for part in path.relative_to(folder).parts
        ):
            continue
        with suppress(OSError):
            path.unlink()


def hash_of(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def keep(path: Path, content: bytes) -> None:
    """Write a file whole, its hash beside it as ``<name>.sha256``, in the format of ``sha256sum --check``.

    The hash comes first, so that the file's own rename is the one moment at which both are there.
    """
    write_whole(side_of(path), f"{hash_of(content)}  {path.name}\n".encode())
    write_whole(path, content)


def kept(path: Path) -> bytes:
    """What ``keep`` wrote.

    Raises:
        DamagedError: the content does not have the hash beside it, or one of the two has gone.
    """
    stated = kept_hash(path)
    try:
        content = _read(path)
    except FileNotFoundError:
        raise DamagedError(path, "it has gone") from None
    except OSError as error:
        raise DamagedError(path, f"it cannot be read: {error.strerror}") from error
    if hash_of(content) != stated:
        raise DamagedError(path, "its SHA-256 is another")
    return content


def kept_hash(path: Path) -> str:
    """The hash that stands beside a file.

    Raises:
        DamagedError: there is none.
    """
    try:
        words = read_small(side_of(path), _SIDE_MOST).decode("utf8").split()
    except (OSError, UnicodeDecodeError):
        words = []
    if not words or not re.fullmatch(r"[0-9a-f]{64}", words[0]):
        raise DamagedError(path, "no SHA-256 stands beside it")
    return words[0]


def side_of(path: Path) -> Path:
    return path.with_name(path.name + _SIDE)


def read_small(path: Path, most: int) -> bytes:
    """What a regular file of at most ``most`` bytes holds: nothing else that stands there is waited for or read.

    Raises:
        OSError: it is larger, or a pipe, device or folder, or a link to one; or it cannot be read.
    """
    return _read(path, most)


def _read(path: Path, most: int | None = None) -> bytes:
    """A run may come from a stranger: a pipe would be waited for, and a device gives bytes, without end."""
    with open(path, "rb", opener=_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        if most is None:
            return file.read()
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes")
    return content


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_PLAIN = re.compile(r"[a-z0-9][a-z0-9_.-]{0,79}")
_HASHED = re.compile(r".*-[0-9a-f]{16}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


def safe_name(text: str) -> str:
    """A file name for any text: short, ASCII, allowed on every system, different for different texts.

    Plain names stay as they are; of others the usable characters are kept and a hash is added. Names that
    differ in case only are told apart too: not every file system does.
    """
    plain = _PLAIN.fullmatch(text) and not _RESERVED.fullmatch(text) and not text.endswith(".")
    if plain and not _HASHED.fullmatch(text):
        return text
    usable = re.sub(r"[^a-z0-9_]+", "-", text.lower(), flags=re.ASCII).strip("-")[:40]
    digest = hash_of(text.encode("utf8", "surrogatepass"))[:16]
    return f"{usable or 'x'}-{digest}"
