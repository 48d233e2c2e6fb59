"""How many threads a small model runs on."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from molyneux.models.captioner import Captioner

__all__ = ["settle", "spare"]

#: Weights of a model whose products may be too small to share.
_SMALL = 20_000_000
_ROWS = 32
_TIMES = 3


def spare(captioner: Captioner) -> None:
    """One thread for a small model on the CPU, unless OMP_NUM_THREADS says otherwise.

    Its products are too small to share; where cores are busy, or rationed by a container, threads that wait for
    each other made the demo ten times slower.
    """
    import torch

    if _chosen_here(captioner):
        torch.set_num_threads(1)


def settle(captioner: Captioner) -> None:
    """For work of minutes: all threads or one, whichever is faster here and now for a batch of many rows.

    Where cores are busy or rationed one is; OMP_NUM_THREADS has the last word.
    """
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores < 2 or not _chosen_here(captioner):
        return
    taken = {threads: _seconds(captioner, threads) for threads in (cores, 1)}
    torch.set_num_threads(cores if taken[cores] < 0.9 * taken[1] else 1)


def _chosen_here(captioner: Captioner) -> bool:
    weights = sum(parameter.numel() for parameter in captioner.model.parameters())
    return captioner.device.type == "cpu" and weights < _SMALL and "OMP_NUM_THREADS" not in os.environ


def _seconds(captioner: Captioner, threads: int) -> float:
    """The middle of a few passes over a batch, after one that warms up: a core that is taken now and then counts."""
    import torch
    from PIL import Image

    from molyneux.data.gate import open_image
    from molyneux.models.prompts import copies

    torch.set_num_threads(threads)
    picture = open_image(Image.new("RGB", (64, 64)))
    inputs = copies(captioner.prepare([picture]), captioner.fitting(_ROWS))
    taken = []
    for _ in range(1 + _TIMES):
        start = time.perf_counter()
        with torch.no_grad():
            captioner.forward(inputs)
        taken.append(time.perf_counter() - start)
    return sorted(taken[1:])[_TIMES // 2]
