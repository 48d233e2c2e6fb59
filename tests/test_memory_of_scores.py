"""What attribution holds in memory: a number a unit of each layer, one layer's patches at a time."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from machines import PATCHES, captioner, images
from molyneux.data.gate import open_image
from molyneux.models.captioner import Captioner
from molyneux.models.hooks import frozen, on_output
from molyneux.models.prompts import with_prefix
from molyneux.neurons.attribute import AttributionSettings, attribute_batch
from molyneux.neurons.stream import ScoreStream
from molyneux.neurons.target import Target, choose_target

UNITS = 40


class Storages(TorchDispatchMode):
    """Bytes of every storage that operations make inside, while it lives."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[int, int] = {}
        self.peak = 0
        self._seen: dict[int, int] = {}
        self._made = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        held = {id(t.untyped_storage()) for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and id(tensor.untyped_storage()) not in held:
                self._enter(tensor.untyped_storage())
        self.peak = max(self.peak, sum(self.live.values()))
        return result

    def _enter(self, storage: Any) -> None:
        key = id(storage)
        if key in self._seen:
            return
        self._made += 1
        self._seen[key] = self._made
        self.live[self._made] = storage.nbytes()
        weakref.finalize(storage, self._leave, key, self._made)

    def _leave(self, key: int, number: int) -> None:
        self.live.pop(number)
        if self._seen.get(key) == number:
            del self._seen[key]

    @property
    def made(self) -> int:
        """Storages made so far; those that come have higher numbers."""
        return self._made


def kept_of_each_layer(machine: Captioner, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> list[int]:
    """How many numbers survive of what each layer's scores took, layer after layer of the backward pass."""
    kept: list[int] = []
    plain = ScoreStream._collect
    picture = open_image(images()[0])
    with Storages() as storages:

        def collect(self: ScoreStream, *arguments: Any) -> None:
            before = storages.made
            plain(self, *arguments)
            kept.append(sum(size for number, size in storages.live.items() if number > before) // 4)

        monkeypatch.setattr(ScoreStream, "_collect", collect)
        attribute_batch(machine, [picture], wanted=2, settings=AttributionSettings(top=5, **settings))
    return kept


@pytest.mark.parametrize("site", ["pre", "post"])
def test_no_layers_scores_at_patches_outlive_its_turn(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = kept_of_each_layer(captioner(), monkeypatch, site=site)
    assert len(kept) == 3
    assert all(UNITS <= numbers < PATCHES * UNITS for numbers in kept)


def test_dense_scores_do(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = kept_of_each_layer(captioner(), monkeypatch, dense=True)
    assert all(numbers >= PATCHES * UNITS for numbers in kept)


def bare_passes(machine: Captioner, target: Target) -> None:
    """A forward pass, and a backward pass to the first layer's units."""
    roots: list[torch.Tensor] = []

    def begin(value: torch.Tensor) -> torch.Tensor:
        roots.append(value.detach().requires_grad_(True))
        return roots[0]

    inputs = with_prefix(machine.prepare([open_image(images()[0])]), [target.prefix])
    with frozen(machine.model), on_output(machine.layout.mlps[0].pre, begin):
        logits = machine.model(**inputs, logits_to_keep=1, use_cache=False).logits
    torch.autograd.grad(logits[0, -1, target.token_id], roots)


def test_the_peak_of_attribution_is_that_of_the_bare_passes() -> None:
    machine = captioner()
    caption = machine.generate([open_image(images()[0])]).captions[0]
    target = choose_target(caption, 2)

    def ours() -> None:
        attribute_batch(machine, [open_image(images()[0])], targets=[target], captions=[caption])

    def peak(work: Callable[[], None]) -> int:
        work()
        with Storages() as storages:
            work()
        assert storages.peak > 3 * PATCHES * UNITS * 4  # each layer's activations are held for the backward
        return storages.peak

    assert peak(ours) <= 1.25 * peak(lambda: bare_passes(machine, target))
