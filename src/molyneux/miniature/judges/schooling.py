"""How either judge is trained: steps, checkpoints, a log; what is taught is a ``Course``."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from molyneux.ground.errors import SettingError
from molyneux.miniature.training import (
    Pace,
    capped_cosine,
    checkpoint_of,
    claim,
    export_whole,
    fast_bfloat16,
    record,
    save_checkpoint,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["JUDGE_SEEDS", "Course", "Schooling", "refuse_other_seeds", "teach"]

#: Seeds of the scenes that judges learn from. They lie above every seed that the captioner's parts may be
#: trained on, held out from or tuned on, so that a judge never marks what it has learnt by heart.
JUDGE_SEEDS = range(2**32, 2**33)


@dataclass(frozen=True, kw_only=True)
class Schooling:
    """How a judge is trained, whatever it learns."""

    steps: int
    """Optimiser steps."""
    batch: int
    """Examples a step."""
    peak: float
    """Learning rate after warm-up; half a cosine to zero follows."""
    warmup: int
    """Steps of linear warm-up."""
    decay: float
    """Weight decay of matrices."""
    seed: int
    """Of the weights and of every draw."""
    every: int
    """Steps between checkpoints, each with an export and a row of the log."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    bfloat16: bool = True
    """Multiply in bfloat16 where the machine does so quickly; else all is float32."""

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.every) < 1 or self.warmup < 0:
            raise SettingError(
                "judge's recipe",
                value=self,
                expected="steps, batch and every of at least 1, and a warmup of at least 0",
            )


@dataclass(frozen=True)
class Course:
    """What one judge is taught."""

    name: str
    """For progress."""
    model: PreTrainedModel
    """Whose weights change; float32."""
    loss: Callable[[int], Tensor]
    """Of a step; its batch depends on the step's number alone, so resuming needs no state of the data."""
    check: Callable[[], dict[str, float]]
    """Figures for the log, on development scenes."""
    export: Callable[[PreTrainedModel, Path], None]
    """Writes the folder that is used later, of a copy of the model in float16."""


def refuse_other_seeds(first: int, count: int) -> None:
    """Refuse scenes that do not all have seeds of ``JUDGE_SEEDS``.

    Raises:
        SettingError: some have not.
    """
    if count < 1 or first not in JUDGE_SEEDS or first + count - 1 not in JUDGE_SEEDS:
        raise SettingError(
            "judge's scenes",
            value=(first, count),
            expected=f"one or more seeds of {JUDGE_SEEDS.start}..{JUDGE_SEEDS.stop - 1}",
            fix="Leave first_seed as it is.",
        )


def teach(
    out: Path,
    recipe: Schooling,
    prepare: Callable[[], Course],
    *,
    device: str = "cpu",
    stop: int | None = None,
) -> Path:
    """Train a judge, or go on where an earlier call was stopped, and return its folder.

    ``out/latest`` is the folder of the newest checkpoint and of the finished judge in the end;
    ``out/log.jsonl`` is the log, ``out/checkpoint.pt`` what resuming needs.

    Args:
        out: folder to write; made where it is not there.
        recipe: an ``out`` that was begun with another one is refused.
        prepare: makes the course, fresh weights included; not called where nothing is left to do.
        device: a torch device.
        stop: stop after this many steps with a checkpoint, as an interruption would; None trains to the end.

    Raises:
        SettingError: ``out`` holds a training of another recipe.
    """
    out.mkdir(parents=True, exist_ok=True)
    claim(out, asdict(recipe))
    last = recipe.steps if stop is None else min(stop, recipe.steps)
    state = checkpoint_of(out)
    step = 0 if state is None else int(state["step"])
    if step >= last:
        return out / "latest"
    course = prepare()
    nn.Module.to(course.model, torch.device(device))  # transformers' own .to() has no usable type
    optimiser = _optimiser(course.model, recipe)
    if state is not None:
        course.model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
    pace, losses = Pace(course.name, recipe.steps, step), list[Tensor]()
    while step < last:
        losses.append(_advance(course, optimiser, step, recipe))
        step += 1
        if step % 25 == 0 or step == last:
            pace.tell(step, losses[-25:])
        if step % recipe.every == 0 or step == last:
            course.model.train(False)
            row = {"step": step, "loss": float(torch.stack(losses).mean())} | course.check()
            _save(out, course, optimiser, row)
            losses = []
    return out / "latest"


def _advance(course: Course, optimiser: torch.optim.Optimizer, step: int, recipe: Schooling) -> Tensor:
    """One update; the loss before it."""
    for group in optimiser.param_groups:
        group["lr"] = recipe.peak * capped_cosine(step, recipe.steps, warmup=recipe.warmup)
    course.model.train()
    kind = next(course.model.parameters()).device.type
    with torch.autocast(kind, torch.bfloat16, enabled=recipe.bfloat16 and fast_bfloat16(kind)):
        loss = course.loss(step)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(course.model.parameters(), recipe.clip)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return loss.detach()


def _optimiser(model: nn.Module, recipe: Schooling) -> torch.optim.AdamW:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": recipe.decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.peak, betas=(0.9, 0.98))


def _save(out: Path, course: Course, optimiser: torch.optim.Optimizer, row: dict[str, int | float]) -> None:
    """Log, export and checkpoint; each is whole or not there, whenever the process is ended."""

    def write(folder: Path) -> None:
        finished = copy.deepcopy(course.model)
        nn.Module.half(finished)
        course.export(finished, folder)

    record(out, row)
    export_whole(out, write)
    state = {"model": course.model.state_dict(), "optimiser": optimiser.state_dict(), "step": row["step"]}
    save_checkpoint(out, state)
