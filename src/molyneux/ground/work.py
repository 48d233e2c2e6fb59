"""The driver: goes over the parts of a stage that are missing, computes each, commits it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from molyneux.ground.errors import ImageError, MolyneuxError, NonFiniteError, NoNounError
from molyneux.ground.lock import Place, claim, place_here
from molyneux.ground.parts import HasId, Tally
from molyneux.ground.rows import Skipped
from molyneux.ground.run_errors import DamagedError
from molyneux.ground.stage import Stage
from molyneux.ground.stopping import unstopped

__all__ = ["Progress", "each", "skip_of", "work"]

Item = TypeVar("Item", bound=HasId)
Row = TypeVar("Row")

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """How far a stage is."""

    stage: str
    given: int
    """Items in all."""
    done: int
    """Items committed, by whichever process."""
    skipped: dict[str, int]
    """Of these, skipped: reason -> count, as far as this process knows."""
    seconds: float = 0.0
    """Since this process began to work on it."""
    left: float | None = None
    """Seconds until the end at the pace so far; None before there is one."""
    notes: tuple[str, ...] = ()
    """Damaged parts that were put aside."""

    @property
    def used(self) -> int:
        return self.done - sum(self.skipped.values())


def work(
    stage: Stage[Item, Row],
    make_rows: Callable[[Sequence[Item]], Iterable[Row | Skipped]],
    *,
    progress: Callable[[Progress], None] | None = None,
    place: Place | None = None,
    poll: float = 0.2,
) -> Progress:
    """Work a stage off: compute and commit its missing parts, then wait for those of other processes.

    Each process takes the parts whose index modulo the world is its rank, then those of others that nobody
    holds: if a rank dies, the rest do its work. On return every part is there. Damaged parts are put aside
    and computed again, and said so.

    Args:
        make_rows: a slice of items -> for each a row or a Skipped, in order. Called once a part; for one
            item at a time, see ``each``. What it raises ends the work; committed parts stay.
        progress: called at the start and after each part.
        place: rank and world; from the environment of torchrun by default.
        poll: seconds between looks at what other processes do.

    Raises:
        StorageError: a part could not be written; the others are intact.
    """
    place = place or place_here()
    account = _taken_up(stage)
    report = progress or (lambda state: None)
    report(account.now())
    while missing := stage.parts.missing():
        worked = False
        for index in sorted(missing, key=lambda index: ((index - place.rank) % place.world, index)):
            tally = _one_part(stage, index, make_rows)
            if tally is not None:
                worked = True
                account.tallies[index] = tally
                report(account.now())
        if not worked:
            time.sleep(poll)
    for index in set(range(stage.parts.count)) - account.tallies.keys():  # what other processes did
        account.tallies[index] = stage.parts.check(index)
    report(account.now())
    return account.now()


def each(
    make_row: Callable[[Item], Row | Skipped], *, skips: Callable[[Exception], Skipped | None] | None = None
) -> Callable[[Sequence[Item]], list[Row | Skipped]]:
    """A ``make_rows`` that goes item by item, and skips those that cannot be used.

    Args:
        make_row: an item -> its row.
        skips: an exception -> the Skipped that it becomes, or None to let it end the work; ``skip_of`` by
            default.
    """
    judge = skips or skip_of

    def make_rows(items: Sequence[Item]) -> list[Row | Skipped]:
        rows: list[Row | Skipped] = []
        for item in items:
            try:
                rows.append(make_row(item))
            except Exception as error:
                skipped = judge(error)
                if skipped is None:
                    raise
                rows.append(skipped)
        return rows

    return make_rows


def skip_of(error: Exception) -> Skipped | None:
    """What an exception says about one item alone: a bad image, a caption without a noun, values not finite.

    Anything else (a bug, a full disk, a wrong setting) gives None: it would be the same for every item.
    """
    match error:
        case ImageError():
            return Skipped(error.reason, str(error))
        case NoNounError():
            return Skipped("no-noun", str(error))
        case NonFiniteError():
            return Skipped("non-finite", str(error))
    return None


class _Account:
    """What is known of each part, and since when."""

    def __init__(self, stage: Stage[Any, Any]) -> None:
        self.stage = stage
        self.tallies: dict[int, Tally] = {}
        self.notes: list[str] = []
        self.started = time.monotonic()
        self.done_before = 0

    def now(self) -> Progress:
        spans = [self.stage.parts.slice(index) for index in self.stage.parts.missing()]
        missing = sum(span.stop - span.start for span in spans)
        given = len(self.stage.items)
        seconds = time.monotonic() - self.started
        done_here = given - missing - self.done_before
        return Progress(
            stage=self.stage.name,
            given=given,
            done=given - missing,
            skipped=sum(self.tallies.values(), Tally(0, {})).skipped,
            seconds=seconds,
            left=missing * seconds / done_here if done_here > 0 else (None if missing else 0.0),
            notes=tuple(self.notes),
        )


def _taken_up(stage: Stage[Any, Any]) -> _Account:
    """What is there, every part re-hashed; damaged ones are moved aside."""
    account = _Account(stage)
    absent = set(stage.parts.missing())
    for index in range(stage.parts.count):
        if index in absent:
            continue
        try:
            account.tallies[index] = stage.parts.check(index)
        except DamagedError as error:
            if note := _put_aside(stage, index, error):
                _LOG.warning(note)
                account.notes.append(note)
    account.started = time.monotonic()  # the pace is that of computing, not of hashing
    account.done_before = sum(tally.given for tally in account.tallies.values())
    return account


def _put_aside(stage: Stage[Any, Any], index: int, error: MolyneuxError) -> str | None:
    """Looked at again under the claim: another rank may have put it aside, even made it anew."""
    with claim(stage.run_folder, f"{stage.name}-{index}") as mine:
        if not mine or not stage.parts.path(index).exists():
            return None
        try:
            stage.parts.check(index)
        except DamagedError:
            aside = stage.parts.put_aside(index)
            count = len(stage.slice(index))
            return f"{error} Its {count} items are computed again; what was there is now {aside.name}."
    return None


def _one_part(
    stage: Stage[Item, Row], index: int, make_rows: Callable[[Sequence[Item]], Iterable[Row | Skipped]]
) -> Tally | None:
    """Compute and commit a part; None if another process has it or made it."""
    with claim(stage.run_folder, f"{stage.name}-{index}") as mine:
        if not mine or stage.parts.path(index).exists():
            return None
        rows = list(make_rows(stage.slice(index)))
        with unstopped():
            return stage.parts.commit(index, rows)
