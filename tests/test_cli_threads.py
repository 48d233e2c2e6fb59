"""How many threads a small model gets: the environment's word is the last, a busy machine's threads are spared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

import machines
from molyneux.cli import threads


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("many", "one", "wanted"), [(1.0, 2.0, 4), (2.0, 1.0, 1), (0.95, 1.0, 1)])
def test_the_faster_is_taken_where_it_pays(
    many: float, one: float, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(threads, "_seconds", lambda _, count: many if count > 1 else one)
    threads.settle(machines.captioner())
    assert torch.get_num_threads() == wanted


def test_passes_are_really_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    captioner = machines.captioner()
    seen: list[tuple[int, int]] = []
    captioner.model.register_forward_pre_hook(
        lambda _, __, given: seen.append((torch.get_num_threads(), len(given["input_ids"]))), with_kwargs=True
    )
    assert threads._seconds(captioner, 1) > 0
    captioner.largest_batch = 2
    assert threads._seconds(captioner, 2) > 0
    assert seen == [(1, 32)] * 4 + [(2, 2)] * 4


def test_what_the_environment_says_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    torch.set_num_threads(2)
    threads.spare(machines.captioner())
    threads.settle(machines.captioner())
    assert torch.get_num_threads() == 2
    monkeypatch.delenv("OMP_NUM_THREADS")
    threads.spare(machines.captioner())
    assert torch.get_num_threads() == 1
