"""One report of everything that is wrong with a data set, before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from molyneux.ground.errors import SettingError
from molyneux.ground.printable import inert

__all__ = ["PROBLEMS", "DataReport", "Findings", "Problem"]

_EXAMPLES = 5

PROBLEMS: dict[str, tuple[str, str]] = {
    # The data set cannot be used at all.
    "no-folder": ("fatal", "the folder is not there or cannot be read"),
    "no-annotations": ("fatal", "neither an instances nor a captions file of this split is there"),
    "not-json": ("fatal", "an annotation file that is no JSON, or cannot be read"),
    "not-coco": ("fatal", "an annotation file whose root is no object with the lists that COCO has"),
    "no-images": ("fatal", "not one image that can be used"),
    # Entries that are wrong; each is left out if the rest is to be used.
    "image-entry": ("error", "an image without id, file name or size, or with others than COCO's"),
    "image-id-twice": ("error", "an image id that another image has"),
    "image-name-twice": ("error", "a file name that another image has"),
    "outside": ("error", "a file name that leads out of the images' folder"),
    "category-entry": ("error", "a category without id or name"),
    "category-id-twice": ("error", "a category id that another category has"),
    "annotation-entry": ("error", "an annotation with keys missing or of other types than COCO's"),
    "annotation-id-twice": ("error", "an annotation id that another annotation has"),
    "unknown-image": ("error", "an annotation or caption of an image that is not listed"),
    "unknown-category": ("error", "an annotation of a category that is not listed"),
    "mask-size": ("error", "run lengths for an image of another size"),
    "mask-counts": ("error", "run lengths that do not add up to the image, or do not read"),
    "polygon": ("error", "a polygon of fewer than three points, of no numbers, or outside the image"),
    "id-twice": ("error", "two files whose names look the same once printed"),
    # What is normal, and counted.
    "missing-file": ("note", "images listed but not there: a subset"),
    "unlisted-file": ("note", "images there but not listed"),
    "crowd": ("note", "crowds, which are left out of overlaps"),
    "no-captions": ("note", "images without a caption"),
    "no-objects": ("note", "images without an object"),
    "no-instances-file": ("note", "no instances file: no objects"),
    "no-captions-file": ("note", "no captions file"),
    "other-file": ("note", "files that are no images by their names, left out"),
    "other-folder": ("note", "folders that are not looked into"),
    "empty-class": ("note", "class folders without images"),
}
"""Kind -> how bad it is, and what it means."""


@dataclass(frozen=True)
class Problem:
    """One kind of finding."""

    kind: str
    """A key of PROBLEMS; stable."""
    severity: str
    """fatal, error or note."""
    meaning: str
    count: int
    examples: tuple[str, ...]
    """The first few, made inert."""

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.examples) else ""
        return f"{self.count} x {self.kind}: {self.meaning} ({', '.join(self.examples)}{more})"


@dataclass(frozen=True)
class DataReport:
    """All findings about a data set; a value that prints and goes into JSON as it is."""

    folder: str
    given: int
    """Images that the data set speaks of."""
    usable: int
    problems: tuple[Problem, ...] = ()

    def of(self, severity: str) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == severity)

    def require(self, *, lenient: bool = False) -> None:
        """Refuse data with errors, naming all of them at once.

        Args:
            lenient: leave wrong entries out and use the rest; what is fatal stays so.

        Raises:
            SettingError: there are errors.
        """
        wrong = self.of("fatal") + (() if lenient else self.of("error"))
        if wrong:
            fix = "" if self.of("fatal") else "Mend the files, or leave the wrong entries out (lenient)."
            listed = "; ".join(map(str, wrong))
            raise SettingError("data set", value=self.folder, expected=f"none of: {listed}", fix=fix)


@dataclass
class Findings:
    """Collects findings while a data set is read."""

    _counts: dict[str, int] = field(default_factory=dict)
    _examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, example: object) -> None:
        assert kind in PROBLEMS
        self._counts[kind] = self._counts.get(kind, 0) + 1
        seen = self._examples.setdefault(kind, [])
        if len(seen) < _EXAMPLES:
            seen.append(inert(str(example))[:120])

    def add_all(self, kind: str, examples: Iterable[object]) -> None:
        for example in examples:
            self.add(kind, example)

    def report(self, folder: object, *, given: int, usable: int) -> DataReport:
        """The report; a data set without a usable image is fatal, if nothing else was."""
        if not usable and not any(PROBLEMS[kind][0] == "fatal" for kind in self._counts):
            self.add("no-images", folder)
        found = [
            Problem(kind, *PROBLEMS[kind], self._counts[kind], tuple(self._examples[kind]))
            for kind in PROBLEMS
            if kind in self._counts
        ]
        return DataReport(inert(str(folder)), given, usable, tuple(found))
