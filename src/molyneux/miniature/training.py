"""What every training of the miniature shares: schedules, and files that are whole or not there."""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from molyneux.ground.errors import SettingError
from molyneux.ground.files import write_whole

__all__ = [
    "CHECKPOINT",
    "LATEST",
    "LOG",
    "RECIPE",
    "Pace",
    "capped_cosine",
    "checkpoint_of",
    "claim",
    "clean_slate",
    "export_whole",
    "fast_bfloat16",
    "record",
    "save_checkpoint",
    "warm_cosine",
]

#: Names of what stands in a training's folder: the recipe, a row a checkpoint, what resuming needs, what it made.
RECIPE, LOG, CHECKPOINT, LATEST = "recipe.json", "log.jsonl", "checkpoint.pt", "latest"


def warm_cosine(step: int, steps: int, *, warmup: int, floor: float = 0.0) -> float:
    """The learning rate's share of its peak: linear warm-up, then a cosine from 1 down to ``floor``."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(steps - warmup, 1)
    return floor + 0.5 * (1 - floor) * (1 + math.cos(math.pi * done))


def capped_cosine(step: int, steps: int, *, warmup: int) -> float:
    """The same under a cosine that begins at step 0: the smaller of linear warm-up and cosine to zero."""
    ramp = (step + 1) / max(1, warmup)
    return min(ramp, 0.5 * (1 + math.cos(math.pi * step / steps)))


def fast_bfloat16(device: torch.device | str) -> bool:
    """Whether the device multiplies bfloat16 quickly: GPUs that know it, and CPUs with AVX-512 bf16."""
    kind = torch.device(device).type
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # getattr: a private name that may move; without it all is float32, which is slower and as good.
    ask = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return kind == "cpu" and ask is not None and bool(ask())


def claim(out: Path, mine: Mapping[str, Any]) -> None:
    """Make ``out`` the folder of this recipe.

    Raises:
        SettingError: it was begun with another one, or its ``recipe.json`` cannot be read.
    """
    path, mine = out / RECIPE, json.loads(json.dumps(mine))
    if path.exists():
        try:
            theirs = json.loads(path.read_text())
        except ValueError as error:
            raise SettingError("recipe", value=str(path), expected=f"JSON, but: {error}") from error
        if theirs == mine:
            return
        changed = sorted(key for key in mine.keys() | theirs.keys() if theirs.get(key) != mine.get(key))
        raise SettingError(
            "training folder",
            value=str(out),
            expected=f"what it was begun with; {', '.join(changed)} differ",
            fix="Use another folder.",
        )
    write_whole(path, (json.dumps(mine, indent=1) + "\n").encode())


def checkpoint_of(out: Path, *, device: str = "cpu") -> dict[str, Any] | None:
    """What the newest checkpoint holds; None where there is none yet."""
    path = out / CHECKPOINT
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


def save_checkpoint(out: Path, state: Mapping[str, Any]) -> None:
    """Replace the checkpoint; a reader sees the old one or the new one."""
    fresh = out / f"{CHECKPOINT}.new"
    torch.save(dict(state), fresh)
    fresh.replace(out / CHECKPOINT)


def clean_slate(out: Path) -> None:
    """Begin the log anew: rows of a training that was stopped before its first checkpoint go."""
    write_whole(out / LOG, b"")


def record(out: Path, row: Mapping[str, int | float]) -> None:
    """Add a row to the log, without those that an interrupted training wrote beyond its checkpoint."""
    path = out / LOG
    rows = path.read_text().splitlines() if path.exists() else []
    rows = [line for line in rows if json.loads(line)["step"] < row["step"]]
    write_whole(path, ("\n".join([*rows, json.dumps(row)]) + "\n").encode())


def export_whole(out: Path, write: Callable[[Path], Any]) -> None:
    """Replace ``out/latest`` by what ``write`` puts into a fresh folder."""
    fresh, latest = out / f"{LATEST}.new", out / LATEST
    shutil.rmtree(fresh, ignore_errors=True)
    write(fresh)
    shutil.rmtree(latest, ignore_errors=True)
    fresh.rename(latest)


@dataclass
class Pace:
    """Tells on stderr how far a training is, how fast, and how long it will take."""

    name: str
    steps: int
    begun: int
    """Step at which this process began."""
    clock: float = field(default_factory=time.monotonic)

    def tell(self, step: int, losses: Iterable[torch.Tensor] | float, *, extra: str = "") -> None:
        """One line; losses are averaged."""
        loss = losses if isinstance(losses, float) else float(torch.stack(list(losses)).mean())
        pace = (time.monotonic() - self.clock) / max(step - self.begun, 1)
        left = (self.steps - step) * pace / 60
        told = f"{self.name} {step}/{self.steps} loss {loss:.3f} {extra}{pace:.2f} s/step {left:.1f} min left"
        print(told, file=sys.stderr, flush=True)
