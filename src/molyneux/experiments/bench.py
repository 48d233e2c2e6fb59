"""What every experiment works with: the run, the model, the images, the judges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from logging import getLogger
from pathlib import Path
from typing import Any, TypeVar

from molyneux.data.gate import Picture, open_image
from molyneux.data.sources import Source
from molyneux.experiments.table import Context
from molyneux.ground.parts import HasId
from molyneux.ground.plain import Json
from molyneux.ground.rows import Skipped
from molyneux.ground.run import Run
from molyneux.ground.seeds import seed_of
from molyneux.ground.stage import Stage
from molyneux.ground.work import Progress, skip_of, work
from molyneux.metrics.batches import is_out_of_memory
from molyneux.metrics.bert import BertJudge
from molyneux.metrics.clip import ClipJudge
from molyneux.models.captioner import Captioner

__all__ = ["BatchSize", "Bench", "in_batches", "opened", "sampled"]

Item = TypeVar("Item", bound=HasId)
Row = TypeVar("Row")

_LOG = getLogger(__name__)


@dataclass(frozen=True)
class Bench:
    """One run's experiments share it."""

    run: Run
    captioner: Captioner
    sources: tuple[Source, ...]
    """The images of the run, ordered by id."""
    classes: tuple[Source, ...] = ()
    """Images in class folders, for ``selectivity``; empty: the classes are the objects of ``sources``."""
    batch_size: int = 16
    """Images of a part; as many go through the model together where they fit, see ``at_once``."""
    judge: str | Path | None = None
    """Both judges: ``miniature`` for its own; None for the defaults, where they can be had."""
    clip_judge: str | Path | None = None
    """CLIPScore's, in place of ``judge``: ``miniature``, a folder, or a hub id in the cache."""
    bert_judge: str | Path | None = None
    """BERTScore's."""
    comparable: bool = False
    """The model and the data are the paper's."""
    progress: Callable[[Progress], None] | None = None

    @cached_property
    def clip(self) -> ClipJudge:
        return ClipJudge.load(self.clip_judge or self.judge, device=self.captioner.device)

    @cached_property
    def bert(self) -> BertJudge:
        return BertJudge.load(self.bert_judge or self.judge, device=self.captioner.device)

    def judged(self) -> dict[str, Json]:
        """Settings of a stage that both judges score: which, and whether the paper's figures may stand beside."""
        cards = (self.clip.card, self.bert.card)
        return {
            "judges": [str(card) for card in cards],
            "default_judges": all(card.default for card in cards),
        }

    @property
    def at_once(self) -> int:
        """Images that go through the model together: ``batch_size``, or fewer where ``load`` found that fewer fit."""
        return self.captioner.fitting(self.batch_size)

    @property
    def seed(self) -> int:
        return self.run.manifest.identity.seed

    @property
    def context(self) -> Context:
        layout = self.captioner.layout
        return Context(self.seed, self.comparable, layout.layers, layout.units)

    def stage(self, name: str, items: Sequence[Item], row: type[Row], settings: object) -> Stage[Item, Row]:
        return self.run.stage(name, items, row=row, settings=settings, part_size=self.batch_size)

    def work(
        self, stage: Stage[Item, Row], make_rows: Callable[[Sequence[Item]], list[Row | Skipped]]
    ) -> Stage[Item, Row]:
        work(stage, make_rows, progress=self.progress)
        return stage


def sampled(seed: int, sources: Sequence[Source], count: int, *, purpose: str) -> tuple[Source, ...]:
    """``count`` images by the seed and their own ids, in the order of ``sources``: all if there are no more."""
    chosen = sorted(sources, key=lambda one: (seed_of(seed, one.id, purpose=purpose), one.id))[:count]
    kept = {one.id for one in chosen}
    return tuple(one for one in sources if one.id in kept)


def opened(sources: Sequence[Source]) -> list[Picture | Skipped]:
    """Each image through the gate, or why it cannot be used."""
    found: list[Picture | Skipped] = []
    for source in sources:
        try:
            found.append(open_image(source.path))
        except Exception as error:
            skipped = skip_of(error)
            if skipped is None:
                raise
            found.append(skipped)
    return found


@dataclass
class BatchSize:
    """How many go through the model together; halved for good when memory runs out."""

    now: int
    what: str = "images"

    def halved(self, tried: int) -> None:
        self.now = max(1, tried // 2)
        _LOG.warning("out of memory: batches of %d %s from here on", self.now, self.what)


def in_batches(
    items: Sequence[Any], compute: Callable[[Sequence[Any]], list[Any]], *, size: int | BatchSize
) -> list[Any]:
    """A result or a Skipped for each item, computed in batches.

    Out of memory halves the batch, down to 1, and then skips the item; what one item alone may be skipped for
    (see ``skip_of``) is looked for in the same way. Items that are Skipped already stay so.

    Args:
        size: a BatchSize is halved for later calls too.
    """
    found: list[Any] = [item if isinstance(item, Skipped) else None for item in items]
    places = [place for place, item in enumerate(items) if not isinstance(item, Skipped)]
    batch = BatchSize(size) if isinstance(size, int) else size
    while places:
        some, rest = places[: batch.now], places[batch.now :]
        try:
            rows = compute([items[place] for place in some])
        except Exception as error:
            skipped = _out_of_memory(error) or skip_of(error)
            if skipped is None:
                raise
            if len(some) > 1:
                if skipped.reason == "out-of-memory":
                    batch.halved(len(some))
                    continue
                rows = [row for place in some for row in in_batches([items[place]], compute, size=1)]
            else:
                rows = [skipped]
        for place, row in zip(some, rows, strict=True):
            found[place] = row
        places = rest
    return found


def _out_of_memory(error: Exception) -> Skipped | None:
    if is_out_of_memory(error):
        return Skipped("out-of-memory", str(error).splitlines()[0] if str(error) else "")
    return None
