"""What the miniature's trainings share: schedules against torch's own, files that survive a failure."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from molyneux.ground.errors import MolyneuxError, SettingError
from molyneux.miniature import training


def rates(scheduler: torch.optim.lr_scheduler.LRScheduler, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_the_schedule_is_torchs_warm_up_and_cosine(floor: float) -> None:
    warmup, steps = 7, 40
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    warm = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: (step + 1) / warmup)
    mine = [training.warm_cosine(step, steps, warmup=warmup, floor=floor) for step in range(steps)]
    assert mine[:warmup] == pytest.approx(rates(warm, warmup))
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps - warmup, eta_min=floor)
    assert mine[warmup:] == pytest.approx(rates(cosine, steps - warmup))


def test_the_capped_schedule_is_the_smaller_of_both() -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    cosine = rates(torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 30), 30)
    expected = [min((step + 1) / 10, value) for step, value in enumerate(cosine)]
    assert [training.capped_cosine(step, 30, warmup=10) for step in range(30)] == pytest.approx(expected)


def test_a_folder_belongs_to_one_recipe(tmp_path: Path) -> None:
    training.claim(tmp_path, {"steps": 3, "sizes": (1, 2)})
    training.claim(tmp_path, {"steps": 3, "sizes": (1, 2)})
    with pytest.raises(SettingError, match="begun with; steps differ"):
        training.claim(tmp_path, {"steps": 4, "sizes": (1, 2)})
    (tmp_path / training.RECIPE).write_text('{"steps": ')
    with pytest.raises(SettingError, match=r"recipe\.json"):
        training.claim(tmp_path, {"steps": 3, "sizes": (1, 2)})


def test_the_log_forgets_rows_beyond_the_checkpoint(tmp_path: Path) -> None:
    for step in (10, 20, 30, 20):
        training.record(tmp_path, {"step": step, "loss": 1 / step})
    rows = [json.loads(line) for line in (tmp_path / training.LOG).read_text().splitlines()]
    assert rows == [{"step": 10, "loss": 0.1}, {"step": 20, "loss": 0.05}]


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training.record(tmp_path, {"step": 10, "loss": 0.5})
    before = (tmp_path / training.LOG).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MolyneuxError, match="No space left"):
        training.record(tmp_path, {"step": 20, "loss": 0.25})
    assert (tmp_path / training.LOG).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [training.LOG]


def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one(tmp_path: Path) -> None:
    training.save_checkpoint(tmp_path, {"step": 10, "weights": torch.arange(3)})
    with pytest.raises((TypeError, AttributeError), match="pickle"):
        training.save_checkpoint(tmp_path, {"step": 20, "weights": (part for part in "ab")})
    state = training.checkpoint_of(tmp_path)
    assert state is not None
    assert state["step"] == 10


def test_an_export_that_fails_leaves_the_last_one(tmp_path: Path) -> None:
    def whole(folder: Path) -> None:
        folder.mkdir()
        (folder / "weights").write_text("old")

    def half(folder: Path) -> None:
        folder.mkdir()
        (folder / "weights").write_text("ne")
        raise KeyboardInterrupt

    training.export_whole(tmp_path, whole)
    with pytest.raises(KeyboardInterrupt):
        training.export_whole(tmp_path, half)
    assert (tmp_path / training.LATEST / "weights").read_text() == "old"
    training.export_whole(tmp_path, whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == [training.LATEST]
