"""Single neurons scaled, beside random units of their layers: p of every word of one image's caption."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from molyneux.experiments.bench import Bench
from molyneux.ground.neuron import NeuronId
from molyneux.ground.seeds import generator_of
from molyneux.neurons.edited import caption_probabilities

__all__ = ["Alone", "alone"]


@dataclass(frozen=True)
class Alone:
    """p of each token of the caption under edits of one unit each, the tokens before it held fixed."""

    base: list[float]
    """Without any edit, by token."""
    scales: tuple[float, ...]
    edited: dict[tuple[NeuronId, float], list[float]]
    """One neuron, its activation multiplied by a scale, by token."""
    drawn: dict[int, list[NeuronId]]
    """The random units of each layer."""

    def own(self, neuron: NeuronId, token: int) -> tuple[float, ...]:
        """p of a token at each scale."""
        return tuple(
            self.base[token] if scale == 1.0 else self.edited[neuron, scale][token] for scale in self.scales
        )

    def random(self, layer: int, token: int) -> tuple[tuple[float, ...], ...]:
        """The same of each random unit of a layer."""
        return tuple(self.own(unit, token) for unit in self.drawn[layer])


def alone(
    bench: Bench,
    image: str,
    inputs: dict[str, Tensor],
    token_ids: Sequence[int],
    *,
    neurons: Collection[NeuronId],
    scales: Sequence[float],
    band: int,
    rows: int = 32,
) -> Alone:
    """Scale each neuron, and each of ``band`` random units of each of their layers, one at a time.

    One pass of an edit tells p of all tokens. Draws depend on the run's seed, the image and the layer: all neurons of
    a layer, and a neuron's page and an image's page, stand beside the same ones. A draw may meet the neuron itself,
    as in ``random_like``; a layer with fewer units than ``band`` gives all of them.

    Args:
        inputs: of the image.
        token_ids: of its caption.
        rows: edits that run as rows of one batch.
    """
    captioner = bench.captioner
    drawn = {layer: _draw(bench, image, layer, band) for layer in sorted({one.layer for one in neurons})}
    units = list(dict.fromkeys([*neurons, *(unit for some in drawn.values() for unit in some)]))
    step = captioner.fitting(rows)

    def tokens(edits: Sequence[Sequence[NeuronId]], scale: float) -> list[list[float]]:
        parts = [
            caption_probabilities(captioner, inputs, token_ids, edits[start : start + step], scale=scale)
            for start in range(0, len(edits), step)
        ]
        return [list(map(float, row)) for row in torch.cat(parts).tolist()]

    (base,) = tokens([[]], 1.0)
    edited = {
        (unit, scale): row
        for scale in scales
        if scale != 1.0
        for unit, row in zip(units, tokens([[unit] for unit in units], scale), strict=True)
    }
    return Alone(base, tuple(scales), edited, drawn)


def _draw(bench: Bench, image: str, layer: int, band: int) -> list[NeuronId]:
    rng = generator_of(bench.seed, image, purpose=f"looks band {layer}")
    units = bench.captioner.layout.units
    return [NeuronId(layer, int(unit)) for unit in rng.choice(units, size=min(band, units), replace=False)]
