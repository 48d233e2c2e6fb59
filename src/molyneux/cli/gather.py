"""One image after another: each ends as a result or as a skip with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import typer

from molyneux.cli.console import counting, note
from molyneux.cli.frame import SKIPS, complain
from molyneux.ground.errors import ImageError, MolyneuxError, NonFiniteError, NoNounError, TargetError

__all__ = ["Gathering", "Skip", "reason_of"]

T = TypeVar("T")


@dataclass(frozen=True)
class Skip:
    """An image that gave no result."""

    image: str
    reason: str
    """A short stable code, for counting."""
    error: MolyneuxError

    def to_json(self) -> dict[str, Any]:
        return {"image": self.image, "skipped": self.reason, "error": str(self.error)}


def reason_of(error: MolyneuxError) -> str:
    """Why an image was skipped, as a short stable code."""
    if isinstance(error, ImageError):
        return error.reason
    if isinstance(error, NoNounError):
        return "no_noun"
    return "no_word" if isinstance(error, TargetError) else "non_finite"


class Gathering(Generic[T]):
    """Results and skips of a list of images, in their order.

    Args:
        images: as the user wrote them.
        work: from an image to its result.
        label: of the progress bar.
        silent: nothing is printed between the images.
    """

    def __init__(self, images: list[str], work: Callable[[str], T], *, label: str, silent: bool) -> None:
        self.images, self.work, self.label, self.silent = images, work, label, silent
        self.skips: list[Skip] = []

    def __iter__(self) -> Iterator[T | Skip]:
        with counting(self.label, alone=self.silent, wanted=len(self.images) > 1) as progress:
            for place, image in enumerate(self.images):
                if progress is not None:
                    progress(place, len(self.images))
                yield self._one(image)

    def _one(self, image: str) -> T | Skip:
        try:
            return self.work(image)
        except (ImageError, TargetError, NonFiniteError) as error:
            skip = Skip(image, reason_of(error), error)
            self.skips.append(skip)
            if len(self.images) > 1:
                note(f"skipped ({skip.reason}): {error}")
            return skip

    def close(self) -> None:
        """Say how many were used; exit with 2 for a single bad image, with 3 for skips among several."""
        if not self.skips:
            return
        if len(self.images) == 1:
            complain(str(self.skips[0].error))
            raise typer.Exit(self.skips[0].error.exit_code)
        reasons = ", ".join(
            f"{reason} {n}" for reason, n in Counter(s.reason for s in self.skips).most_common()
        )
        given = len(self.images)
        note(f"{given - len(self.skips)} of {given} images used; skipped {len(self.skips)}: {reasons}")
        raise typer.Exit(SKIPS)
