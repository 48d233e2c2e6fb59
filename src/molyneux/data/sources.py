"""The common form of every data set: images with ids, and what people said and drew about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from molyneux.data.masks import CocoObject
from molyneux.data.report import DataReport

__all__ = ["IMAGE_ENDINGS", "DataSet", "Source", "id_of"]

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
"""Names that are taken for images in a folder; what they are is decided by content, at the gate."""


@dataclass(frozen=True)
class Source:
    """One image of a data set; nothing has been opened yet."""

    id: str
    """Its path below the data set's folder, with ``/``: the same wherever the folder lies; seeds come from it."""
    path: Path
    name: str
    """For people: the id, or COCO's number."""
    label: str | None = None
    """Its class, where folders are classes."""
    captions: tuple[str, ...] = ()
    objects: tuple[CocoObject, ...] | None = None
    """Valid objects, crowds among them (marked); None where nobody annotated objects."""


@dataclass(frozen=True)
class DataSet:
    """Images in a fixed order, and the report on what was found with them."""

    kind: str
    """coco, classes or folder."""
    folder: Path
    sources: tuple[Source, ...]
    """Ordered by id."""
    report: DataReport
    files: tuple[Path, ...] = ()
    """Annotation files that were read: part of what the data are."""

    def usable(self, *, lenient: bool = False) -> tuple[Source, ...]:
        """The sources, unless the report refuses them: see ``DataReport.require``."""
        self.report.require(lenient=lenient)
        return self.sources


def id_of(*parts: str) -> str:
    """An id from the parts of a path; bytes that are no text become backslash escapes."""
    return "/".join(parts).encode("utf8", "backslashreplace").decode()
