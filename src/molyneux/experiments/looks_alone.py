"""One neuron alone, scaled, beside random units of its layer: p of a word of one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from molyneux.experiments.bench import Bench
from molyneux.ground.neuron import NeuronId
from molyneux.ground.seeds import generator_of
from molyneux.models.captioner import Captioner
from molyneux.neurons.ablate import target_probabilities
from molyneux.neurons.target import Target

__all__ = ["Alone", "alone"]


class Alone(NamedTuple):
    """p of the word's first token, the caption's tokens before it held fixed."""

    base: float
    """Without any edit."""
    own: tuple[float, ...]
    """At each scale, the neuron's activation multiplied by it."""
    random: tuple[tuple[float, ...], ...]
    """The same of each random unit of its layer."""


def alone(
    bench: Bench,
    image: str,
    inputs: dict[str, Tensor],
    target: Target,
    *,
    neuron: NeuronId,
    scales: Sequence[float],
    band: int,
) -> Alone:
    """Scale one neuron, then each of ``band`` random units of its layer, one at a time.

    Draws depend on the run's seed, the image, the neuron and the token: a neuron's page and an image's page show
    the same ones.

    Args:
        inputs: of the image.
    """
    captioner = bench.captioner
    rng = generator_of(bench.seed, image, purpose=f"looks band {neuron} {target.token}")
    others = rng.choice(captioner.layout.units, size=band, replace=False)
    rows = [[neuron], *([NeuronId(neuron.layer, int(unit))] for unit in others)]
    (base,) = target_probabilities(captioner, inputs, target, [[]])
    columns = [
        [base] * len(rows) if scale == 1.0 else _chances(captioner, inputs, target, rows, scale=scale)
        for scale in scales
    ]
    own, *random = zip(*columns, strict=True)
    return Alone(base, own, tuple(random))


def _chances(
    captioner: Captioner,
    inputs: dict[str, Tensor],
    target: Target,
    rows: Sequence[list[NeuronId]],
    *,
    scale: float,
) -> list[float]:
    """p of the target under each edit, as many of them at once as fit."""
    step = captioner.fitting(len(rows))
    return [
        chance
        for start in range(0, len(rows), step)
        for chance in target_probabilities(captioner, inputs, target, rows[start : start + step], scale=scale)
    ]
