"""What tests of runs share: tiny items and rows, and a program that writes a run in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molyneux.ground.manifest import Identity
from molyneux.ground.neuron import NeuronId
from molyneux.ground.rows import Float32, Skipped
from molyneux.ground.seeds import generator_of


@dataclass(frozen=True)
class Thing:
    id: str


@dataclass(frozen=True)
class Found:
    text: str
    neurons: tuple[NeuronId, ...]
    levels: tuple[Float32, ...]
    chance: float | None = None


def things(count: int) -> list[Thing]:
    return [Thing(f"image {number}") for number in range(count)]


def identity(**changes: Any) -> Identity:
    told: dict[str, Any] = {"settings": {"model": "tiny"}, "weights": {"model": "aa"}, "data": {}, "seed": 7}
    return Identity(**(told | {"versions": {"molyneux": "0"}} | changes))


def found(thing: Thing) -> Found | Skipped:
    """A row that depends on the item and the seed alone; every fifth item has none."""
    if int(thing.id.split()[-1]) % 5 == 4:
        return Skipped("no-noun", f"{thing.id} says nothing")
    numbers = generator_of(7, thing.id).random(3)
    return Found(thing.id.upper(), (NeuronId(1, 2), NeuronId(0, 5)), (0.5, float(len(thing.id))), numbers[0])


WRITER = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import runs
from molyneux.ground.run import writing
from molyneux.ground.work import each, work

def slow(thing):
    time.sleep({pause})
    return runs.found(thing)

with writing(Path({folder!r}), runs.identity(), command=["molyneux", "go"]) as run:
    print("holding", flush=True)
    stage = run.stage("found", runs.things({count}), row=runs.Found, part_size=2)
    done = work(stage, each(slow), poll=0.02, progress=lambda state: print(state.done, flush=True))
    print("used", done.used, "of", done.given, flush=True)
"""


def writer(
    folder: Path, *, count: int = 20, pause: float = 0.0, before: str = "", **environ: str
) -> subprocess.Popen[str]:
    """A process that works off one stage of a run; ``before`` is Python that runs first."""
    code = before + WRITER.format(
        tests=str(Path(__file__).parent), pause=pause, folder=str(folder), count=count
    )
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True, env=os.environ | environ
    )


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def parts(folder: Path, stage: str = "found") -> dict[str, bytes]:
    """Name -> bytes of the parts of a stage."""
    return {path.name: path.read_bytes() for path in sorted((folder / stage).glob("part-*.parquet"))}
