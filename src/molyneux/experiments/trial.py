"""What a whole run would cost, measured on a few of its images: for ``--dry-run``."""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from molyneux.data.sources import Source
from molyneux.experiments.bench import Bench
from molyneux.experiments.suite import Suite, reproduce, unavailable
from molyneux.ground.errors import SettingError
from molyneux.ground.estimate import Estimate, estimate, free_bytes
from molyneux.ground.lock import place_here
from molyneux.ground.manifest import Identity
from molyneux.ground.run import Run, writing
from molyneux.ground.work import Progress

__all__ = ["Trial", "items_of", "trial"]

_FEW = 4
_FEW_NEURONS = 16  # with a page: each takes as long, and tells as much, as an image


@dataclass(frozen=True)
class Trial:
    """What a run would take; all but the number of images is measured on ``tried`` of them and scaled."""

    tried: int
    total: Estimate
    memory: int
    """Bytes: the largest that this process took, with the model in it."""
    device_memory: int
    """Bytes on the accelerator; 0 without one."""
    free: int
    """Bytes on the disk where the run would lie."""
    left_out: dict[str, str]
    """Experiments that the few images could not tell about -> why."""
    pages: Estimate | None
    """What of the total the explorer's pages are; its images are those with a page. None without ``looks``."""


def trial(
    make: Callable[[Run, tuple[Source, ...], Callable[[Progress], None]], Bench],
    sources: Sequence[Source],
    names: Sequence[str],
    suite: Suite,
    *,
    out: Path,
) -> Trial:
    """Run the experiments on a few images in a folder that goes away, and scale what they took.

    Args:
        make: a run, its images and whom to tell of progress -> the bench.
        out: where the run would lie.

    Raises:
        SettingError: no images.
    """
    if not sources:
        raise SettingError("images", value=0, expected="at least one")
    few = tuple(sources[:_FEW])
    took: dict[str, Progress] = {}
    left_out: dict[str, str] = {}
    tried = replace(suite, looks=replace(suite.looks, pages=min(suite.looks.pages, _FEW_NEURONS)))
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder) / "run"
        with writing(here, Identity(settings={"trial": True}, weights={}, data={})) as run:
            bench = make(run, few, lambda state: _longest(took, state))
            for name in names:
                why = unavailable(name, bench, tried)
                if why is None:
                    reproduce(bench, [name], tried)
                else:
                    left_out[name] = why
            items = items_of(took, suite, len(few), len(sources))
            sizes = {stage: _size(here / stage) for stage in items}
            parts = {stage: 1 if stage == "interpretable" else bench.batch_size for stage in items}
            each = {stage: _cost(took[stage], items[stage], sizes[stage], parts[stage]) for stage in items}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    cuda = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    ours = [one for stage, one in each.items() if stage.startswith("looks")]
    shown = min(suite.looks.images, len(sources))
    pages = _sum(shown, ours) if ours else None
    return Trial(len(few), _sum(len(sources), each.values()), memory, cuda, free_bytes(out), left_out, pages)


def _longest(took: dict[str, Progress], state: Progress) -> None:
    """A stage that is done is met again by experiments that read it: what counts is when it was worked off."""
    if state.stage not in took or state.seconds > took[state.stage].seconds:
        took[state.stage] = state


def items_of(took: Mapping[str, Progress], suite: Suite, tried: int, images: int) -> dict[str, int]:
    """Stage -> its items in the whole run. Those that the settings bound do not grow with the images."""
    looks = suite.looks
    bounds = {
        "looks": looks.images,
        "looks-maps": looks.pages * 2 * looks.fired,  # an image may be shown for several neurons
    }
    fixed = {"interpretable": None, "looks-neurons": looks.pages}
    return {
        stage: (fixed[stage] or state.given)
        if stage in fixed
        else min(round(images * state.given / tried), bounds.get(stage, images * state.given))
        for stage, state in took.items()
        if state.given
    }


def _size(stage: Path) -> int:
    """Bytes of a stage's parts."""
    return sum(path.stat().st_size for path in stage.glob("part-*.parquet"))


def _cost(state: Progress, items: int, size: int, part_size: int) -> Estimate:
    """What a stage takes with so many items, from what it took with a few."""
    return estimate(
        items,
        row_bytes=size / state.given,
        seconds_each=state.seconds / state.given,
        part_size=part_size,
        world=place_here().world,
    )


def _sum(images: int, some: Iterable[Estimate]) -> Estimate:
    total = sum(some, Estimate(0, 0, 0, 0.0))
    return Estimate(images, total.parts, total.disk, total.seconds)
