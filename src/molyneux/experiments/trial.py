"""What a whole run would cost, measured on a few of its images: for ``--dry-run``."""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

__all__ = ["Trial", "trial"]

_FEW = 4


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
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder) / "run"
        with writing(here, Identity(settings={"trial": True}, weights={}, data={})) as run:
            bench = make(run, few, lambda state: _longest(took, state))
            for name in names:
                why = unavailable(name, bench, suite)
                if why is None:
                    reproduce(bench, [name], suite)
                else:
                    left_out[name] = why
            total = _total(here, took, len(few), len(sources), bench.batch_size)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    cuda = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    return Trial(len(few), total, memory, cuda, free_bytes(out), left_out)


def _longest(took: dict[str, Progress], state: Progress) -> None:
    """A stage that is done is met again by experiments that read it: what counts is when it was worked off."""
    if state.stage not in took or state.seconds > took[state.stage].seconds:
        took[state.stage] = state


def _total(folder: Path, took: dict[str, Progress], tried: int, images: int, part_size: int) -> Estimate:
    total = Estimate(0, 0, 0, 0.0)
    for name, state in took.items():
        if not state.given:
            continue
        size = sum(path.stat().st_size for path in (folder / name).glob("part-*.parquet"))
        scaled = state.given if name == "interpretable" else round(images * state.given / tried)
        total += estimate(
            scaled,
            row_bytes=size / state.given,
            seconds_each=state.seconds / state.given,
            part_size=1 if name == "interpretable" else part_size,
            world=place_here().world,
        )
    return Estimate(images, total.parts, total.disk, total.seconds)
