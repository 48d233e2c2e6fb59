"""What one image of the miniature tells about the paper's claims: a record of numbers an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from molyneux.data.coco import CocoImage
from molyneux.data.gate import Picture
from molyneux.ground.neuron import NeuronId
from molyneux.metrics.overlap import iou
from molyneux.miniature.topics import topic_words
from molyneux.models.captioner import Captioner
from molyneux.models.placement import weight_of
from molyneux.neurons.ablate import edited_logits, target_probabilities
from molyneux.neurons.arms import random_like
from molyneux.neurons.attribute import Attribution
from molyneux.neurons.decode import decode
from molyneux.neurons.fields import ReceptiveField, patch_activations

__all__ = [
    "EvaluationSettings",
    "Evidence",
    "effects_of_single_units",
    "gather",
    "nearest_words",
    "on_topic",
    "prompt_of",
]

_ROWS = 32  # edits that run as rows of one batch


@dataclass(frozen=True)
class EvaluationSettings:
    """How the miniature is measured; nothing here was chosen on the held-out images."""

    share: float = 0.05
    """Of all units that the ablation switches off."""
    fields: int = 20
    """Units whose receptive fields are compared with the main object's mask."""
    words: int = 3
    """Topic words among ten tokens that make a neuron speak of the topic."""
    exact_images: int = 16
    """Images on which single units are really switched off."""
    exact_units: int = 40
    """Units an image for that: half the top ones, half random ones."""
    prompt_images: int = 100
    """Images whose projected patches are read as tokens."""
    nearest: int = 5
    """Tokens read per patch."""
    shuffles: int = 100
    """Random pairings of images and neurons."""
    batch_size: int = 32
    seed: int = 0
    """Of every random arm, together with the image's id."""


@dataclass(frozen=True)
class Evidence:
    """One image's figures; the arms stand beside each other, top first."""

    image: int
    """Its id: the seed of its scene."""
    category: str
    right: bool
    """The caption's first noun names the main object."""
    top_tokens: tuple[str, ...]
    """Ten tokens of the top neuron by summed score."""
    random_tokens: tuple[str, ...]
    """Of a random unit of its layer."""
    ablation: tuple[float, float]
    """Relative change of p(noun) without the top units, and without random ones of the same layers."""
    iou: tuple[float, float]
    """Mean overlap of the top units' fields with the main object's mask, and of random units' fields."""
    layers: tuple[int, ...]
    """Of the top units by score, how many are in each layer."""


def on_topic(tokens: Sequence[str], category: str) -> int:
    """How many of the tokens are words of the category's topic."""
    words = topic_words(category)
    return sum(token.strip().lower() in words for token in tokens)


def gather(
    captioner: Captioner,
    picture: Picture,
    image: CocoImage,
    found: Attribution,
    *,
    settings: EvaluationSettings,
    rng: np.random.Generator,
) -> Evidence:
    """Measure one image whose caption has a noun.

    Args:
        found: its attribution with ``reduce="sum"``.
        settings: of these ``share`` and ``fields``; the ablation acts at visual positions.
        rng: of the random arms.
    """
    layout = captioner.layout
    ranked = [entry.neuron for entry in found.ranked(round(settings.share * layout.layers * layout.units))]
    shuffled = random_like(ranked, layout.units, rng)
    inputs = captioner.prepare([picture])
    base, without_top, without_random = target_probabilities(
        captioner, inputs, found.target, [[], ranked, shuffled], positions="visual"
    )
    first = ranked[0]
    top, other = decode(captioner, [first, *random_like([first], layout.units, rng)])
    counted = [entry.neuron.layer for entry in found.neurons]
    return Evidence(
        image=image.id,
        category=image.objects[0].category,
        right=found.target.word == image.objects[0].category,
        top_tokens=top.tokens,
        random_tokens=other.tokens,
        ablation=((without_top - base) / base, (without_random - base) / base),
        iou=_overlaps(captioner, inputs, ranked[: settings.fields], found, image.objects[0].mask(), rng),
        layers=tuple(counted.count(layer) for layer in range(layout.layers)),
    )


def _overlaps(
    captioner: Captioner,
    inputs: dict[str, Tensor],
    top: list[NeuronId],
    found: Attribution,
    mask: Bool[np.ndarray, "height width"],
    rng: np.random.Generator,
) -> tuple[float, float]:
    assert found.grid is not None, "the miniature's patches lie on a grid"
    both = []
    for arm in (top, random_like(top, captioner.layout.units, rng)):
        values = patch_activations(captioner, inputs, arm)[0]
        maps = [found.grid.upsample(row).as_subclass(ReceptiveField).mask().numpy() for row in values]
        both.append(float(np.mean([iou(field, mask) for field in maps])))
    return both[0], both[1]


def effects_of_single_units(
    captioner: Captioner, picture: Picture, found: Attribution, units: Sequence[NeuronId]
) -> Float[np.ndarray, " unit"]:
    """y_c - y_c(a_u = 0 at every patch) of each unit alone: what summed post scores approximate."""
    inputs = captioner.prepare([picture])
    rows: list[list[NeuronId]] = [[], *([unit] for unit in units)]
    step = captioner.fitting(_ROWS)
    logits = [
        edited_logits(captioner, inputs, found.target, rows[start : start + step], positions="visual")
        for start in range(0, len(rows), step)
    ]
    values = torch.cat(logits)[:, found.target.token_id].cpu().double()  # some accelerators have no float64
    return (values[0] - values[1:]).numpy()


@torch.no_grad()
def prompt_of(captioner: Captioner, picture: Picture) -> Float[Tensor, "patch width"]:
    """The image's projected patches, as the text model's input has them."""
    vectors: Tensor = captioner.model.get_image_features(captioner.prepare([picture])["pixel_values"])
    return vectors[0].float()


@torch.no_grad()
def nearest_words(captioner: Captioner, vectors: Float[Tensor, "vector width"], count: int) -> list[str]:
    """The ``count`` tokens whose embeddings are nearest, by cosine, to each vector; all in one list."""
    weight = weight_of(captioner.model.get_input_embeddings())
    assert weight is not None, "embeddings without a weight"
    table = weight[: captioner.vocabulary].float()
    unit = torch.nn.functional.normalize(table, dim=1)
    near = (torch.nn.functional.normalize(vectors.to(unit.device), dim=1) @ unit.T).topk(count, dim=1).indices
    return [captioner.tokenizer.decode([token]) for token in near.flatten().tolist()]
