"""Which units an ablation switches off: the top ones, the interpretable ones, or random ones beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.models.captioner import Captioner
from molyneux.neurons.attribute import Attribution
from molyneux.neurons.decode import decode

__all__ = ["ARMS", "choose_arm", "interpretable_first", "random_like"]

ARMS = ("top", "interpretable", "random")


def random_like(neurons: Sequence[NeuronId], units: int, rng: np.random.Generator) -> list[NeuronId]:
    """For each neuron a random unit of its layer, without repeats.

    A draw may meet a chosen neuron, as in the paper; that makes the control stricter, not kinder.
    """
    drawn: list[NeuronId] = []
    for layer, count in sorted(Counter(neuron.layer for neuron in neurons).items()):
        drawn += [NeuronId(layer, int(unit)) for unit in rng.choice(units, size=count, replace=False)]
    return drawn


def interpretable_first(captioner: Captioner, found: Attribution, count: int) -> list[NeuronId]:
    """The first ``count`` interpretable neurons of the whole ranking; fewer where the model has fewer."""
    total = found.scores.numel()
    kept: list[NeuronId] = []
    seen, step = 0, max(count, 64)
    while len(kept) < count and seen < total:
        ranked = [entry.neuron for entry in found.ranked(min(seen + step, total))[seen:]]
        kept += [decoding.neuron for decoding in decode(captioner, ranked) if decoding.interpretable]
        seen, step = seen + len(ranked), step * 2
    return kept[:count]


def choose_arm(
    captioner: Captioner, found: Attribution, arm: str, count: int, *, rng: np.random.Generator
) -> list[NeuronId]:
    """``count`` neurons of an arm, for one image's attribution.

    Raises:
        SettingError: no such arm.
    """
    if arm not in ARMS:
        raise SettingError("arm", value=arm, expected=f"one of {', '.join(ARMS)}")
    if arm == "interpretable":
        return interpretable_first(captioner, found, count)
    top = [entry.neuron for entry in found.ranked(count)]
    return top if arm == "top" else random_like(top, captioner.layout.units, rng)
