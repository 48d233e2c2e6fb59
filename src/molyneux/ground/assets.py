"""Where the files that ship inside the package lie."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from molyneux.ground.errors import AssetError

__all__ = ["asset"]


def asset(name: str) -> Path:
    """Path of a file or folder under ``molyneux/assets``, such as ``"miniature"``.

    Raises:
        AssetError: it is not there, so the installation is incomplete.
    """
    path = Path(str(files("molyneux"))) / "assets" / name
    if not path.exists():
        raise AssetError(
            "package file", value=str(path), expected="it to ship with molyneux", fix="Reinstall molyneux."
        )
    return path
