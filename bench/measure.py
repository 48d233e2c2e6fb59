"""Seconds of interleaved repetitions, and peak memory of a contender alone in a process of its own."""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from contenders import BARE, CAPTIONING, OURS, Contender
from memory import Meter
from peers import PEERS
from random_limber import Case, Size

__all__ = ["CONTENDERS", "interleaved", "peak_memory", "ratio"]

CONTENDERS: dict[str, Contender] = {**OURS, **BARE, **PEERS, **CAPTIONING}

SLOW = {"captum, a call a layer": 3}
"""Rounds that a contender takes part in at most, where it is many times slower than all others together."""


def interleaved(
    works: Mapping[str, Callable[[], Any]], rounds: int, *, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each work in each round: A B C, B C A, C A B, ... after one warm-up each.

    Turns hit all works alike when the machine slows down, and no work always follows the same other.

    Args:
        clock: time.process_time counts the processor's seconds, which other processes disturb little.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    names = list(works)
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            if turn >= SLOW.get(name, rounds):
                continue
            gc.collect()
            start = clock()
            works[name]()
            seconds[name].append(clock() - start)
    return seconds


def ratio(one: list[float], other: list[float]) -> float:
    """Median over rounds of one / other within the round."""
    return median(a / b for a, b in zip(one, other, strict=False))


def peak_memory(size: Size, name: str, site: str, threads: int) -> int | None:
    """Bytes by which a second run's resident peak exceeds what the loaded model holds; None: not measurable.

    The first run is a warm-up, after which the heap's free pages go back to the system. Measured in a fresh
    process forked from one that has imported everything and run nothing.
    """
    if not Path("/proc/self/clear_refs").exists():
        return None
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(
        dict.fromkeys(paths)
    )  # Python 3.11's fork server has its own path
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["warm"])
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_measure, args=(theirs, size, name, site, threads))
    child.start()
    theirs.close()
    try:
        found: int = ours.recv()
    except EOFError:
        child.join()
        raise RuntimeError(f"measuring memory: {name!r} ended with exit code {child.exitcode}") from None
    child.join()
    return found


def _measure(pipe: Any, size: Size, name: str, site: str, threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
    meter = Meter(torch.device("cpu"))
    work = CONTENDERS[name](Case(size), site)
    work()
    pipe.send(meter.peak(work)[0])
