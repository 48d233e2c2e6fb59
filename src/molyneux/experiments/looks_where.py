"""On which images neurons fire most, on which they were drawn at random, and where on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from molyneux.data.gate import Picture
from molyneux.data.sources import Source
from molyneux.experiments.bench import Bench, in_batches, opened
from molyneux.experiments.gallery import Firing
from molyneux.experiments.looks_image import encoded, place_of
from molyneux.experiments.looks_rows import Mapped
from molyneux.ground.neuron import NeuronId
from molyneux.ground.rows import Skipped
from molyneux.ground.seeds import generator_of
from molyneux.neurons.fields import patch_activations

__all__ = ["choose_images", "fire_rows", "fired_most", "map_rows", "random_images"]

_SMALL = 224  # longest side of a picture on a neuron's page


def fired_most(fired: Mapping[str, Firing], place: int, count: int) -> list[str]:
    """The images with the largest activation of the neuron at a place of the list, ties by id."""
    return sorted(fired, key=lambda image: (-fired[image].activations[place], image))[:count]


def random_images(fired: Mapping[str, Firing], neuron: NeuronId, count: int, *, seed: int) -> list[str]:
    """Images drawn for a neuron from all, without repeats.

    Those that it fires on most are not left out: the draw stands for what it does on any image, and without its
    strongest images it would look weaker, and the strongest more apart, than they are. Pages mark the repeated ones.
    """
    rng = generator_of(seed, str(neuron), purpose="looks random images")
    order = rng.permutation(len(fired))[:count]
    names = sorted(fired)
    return [names[place] for place in order.tolist()]


def choose_images(
    fired: Mapping[str, Firing], neurons: Sequence[NeuronId], count: int, *, seed: int
) -> dict[str, list[NeuronId]]:
    """Image -> the neurons whose map of it a page shows."""
    wanted: dict[str, dict[NeuronId, None]] = {}
    for place, neuron in enumerate(neurons):
        images = [*fired_most(fired, place, count), *random_images(fired, neuron, count, seed=seed)]
        for image in images:
            wanted.setdefault(image, {})[neuron] = None
    return {image: list(some) for image, some in wanted.items()}


def fire_rows(
    bench: Bench, neurons: Sequence[NeuronId]
) -> Callable[[Sequence[Source]], list[Firing | Skipped]]:
    """What makes the rows of ``looks-firing``."""

    def compute(pictures: Sequence[Picture]) -> list[Firing]:
        values = patch_activations(bench.captioner, bench.captioner.prepare(pictures), neurons)
        best = values.masked_fill(values.isnan(), -torch.inf).max(dim=2)  # shorter rows end in NaN
        return [
            Firing(tuple(row.tolist()), tuple(where.tolist()))
            for row, where in zip(best.values, best.indices, strict=True)
        ]

    return lambda some: in_batches(opened(some), compute, size=bench.at_once)


def map_rows(
    bench: Bench, wanted: Mapping[str, Sequence[NeuronId]]
) -> Callable[[Sequence[Source]], list[Mapped | Skipped]]:
    """What makes the rows of ``looks-maps``."""
    captions = bench.run.results("captions").rows

    def compute(ready: Sequence[tuple[Source, Picture]]) -> list[Mapped]:
        (source, picture), captioner = ready[0], bench.captioner
        inputs = captioner.prepare([picture])
        neurons = tuple(wanted[source.id])
        values = patch_activations(captioner, inputs, neurons)[0]
        grid, _ = place_of(captioner.grid(picture, inputs))
        said = captions.get(source.id)
        return [
            Mapped(
                width=picture.image.width,
                height=picture.image.height,
                picture=encoded(picture.image, _SMALL),
                caption=None if said is None else said["caption"],
                grid=grid,
                patches=values.shape[1],
                neurons=neurons,
                maps=np.asarray(values.numpy(), dtype="<f4").tobytes(),
            )
        ]

    def make_rows(some: Sequence[Source]) -> list[Mapped | Skipped]:
        ready = [
            picture if isinstance(picture, Skipped) else (source, picture)
            for source, picture in zip(some, opened(some), strict=True)
        ]
        return in_batches(ready, compute, size=1)

    return make_rows
