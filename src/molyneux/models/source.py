"""Where a model is: a folder, or a hub id with its revision."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from molyneux.ground.errors import ModelError

__all__ = ["Source", "find_source"]


class Source(NamedTuple):
    """A folder or hub id, and the revision of the latter."""

    where: str
    revision: str = "main"

    @property
    def local(self) -> bool:
        """Whether it is a folder."""
        return Path(self.where).is_dir()

    def __str__(self) -> str:
        return self.where if self.local or self.revision == "main" else f"{self.where}@{self.revision}"


def find_source(source: str | Path, revision: str = "main") -> Source:
    """A folder, or a hub id ``OWNER/NAME`` or ``OWNER/NAME@REVISION``, told without asking the network.

    Args:
        revision: of an id that names none.

    Raises:
        ModelError: a file, or no such folder and no text that could be an id.
    """
    name = str(source)
    if name and Path(name).is_dir():
        return Source(name)
    if name and Path(name).is_file():
        raise ModelError(
            "model",
            value=name,
            expected="the folder that holds the model, not a file in it",
            fix=f"Give {str(Path(name).parent)!r}, if it has config.json and the weights.",
        )
    identity, _, told = name.partition("@")
    may_be_id = isinstance(source, str) and identity.count("/") == 1
    if not may_be_id or name.startswith(("/", ".", "~")) or identity.endswith("/"):
        from molyneux.models.presets import PRESETS

        raise ModelError(
            "model",
            value=name,
            expected="'miniature', an existing folder, or a hub id OWNER/NAME[@REVISION]",
            fix=f"Check the path. LiMBeR's presets are {', '.join(PRESETS)}.",
        )
    return Source(identity, told or revision)
