"""One neuron as its page shows it: what it says, who writes alike, and what it alone does to a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from molyneux.data.dictionary import is_interpretable
from molyneux.data.sources import Source
from molyneux.experiments.bench import Bench, opened
from molyneux.experiments.looks_alone import Alone, alone
from molyneux.experiments.looks_rows import LooksSettings
from molyneux.ground.neuron import NeuronId
from molyneux.ground.rows import Float32, Int32, Skipped
from molyneux.models.captioner import Captioner
from molyneux.neurons.decode import decode, token_logits
from molyneux.neurons.ranking import top_in_order

__all__ = ["Effect", "Near", "NeuronItem", "NeuronLook", "Place", "TokenAt", "look_up"]

_JUDGED = 10
_NEAR_TOKENS = 5


@dataclass(frozen=True)
class NeuronItem:
    """A neuron as an item of a stage."""

    id: str
    neuron: NeuronId


@dataclass(frozen=True)
class Place:
    """A word of an image in whose list a neuron stands."""

    image: str
    word: int
    score: float
    noun: bool
    """The word is the caption's first noun."""
    text: str
    first: int
    """Its first token, by index in the caption."""
    token_ids: tuple[int, ...]
    """Of the caption."""


@dataclass(frozen=True)
class TokenAt:
    """A token in a decoding."""

    text: str
    logit: Float32
    p: float
    """softmax over all real tokens."""


@dataclass(frozen=True)
class Near:
    """A neuron with a similar output vector."""

    neuron: NeuronId
    cosine: Float32
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class Effect:
    """p of a word of one image, with one neuron's activation scaled, beside random units of its layer."""

    image: str
    word: Int32
    text: str
    p: float
    """Without any edit."""
    scales: tuple[float, ...]
    own: tuple[float, ...]
    """At each scale."""
    random: tuple[tuple[float, ...], ...]
    """Of each random unit, at each scale."""


@dataclass(frozen=True)
class NeuronLook:
    """A neuron with a page."""

    boosted: tuple[TokenAt, ...]
    suppressed: tuple[TokenAt, ...]
    interpretable: bool
    norm: Float32
    """Length of its output vector."""
    norm_rank: Int32
    """In its layer, from 1."""
    nearest: tuple[Near, ...]
    effects: tuple[Effect, ...]


@torch.no_grad()
def look_up(
    bench: Bench,
    settings: LooksSettings,
    items: Sequence[NeuronItem],
    *,
    places: Mapping[NeuronId, Sequence[Place]],
    sources: Mapping[str, Source],
) -> list[NeuronLook | Skipped]:
    """The rows of some neurons."""
    captioner = bench.captioner
    neurons = [item.neuron for item in items]
    near, norms, ranks = _nearest(captioner, neurons, settings.nearest)
    names = [captioner.tokenizer.decode([token]) for token in range(captioner.vocabulary)]
    tried = _tried(bench, settings, {one: places.get(one, ()) for one in neurons}, sources)
    found: list[NeuronLook | Skipped] = []
    for row, item in enumerate(items):
        boosted, suppressed = _tokens(captioner, item.neuron, names, settings.tokens)
        found.append(
            NeuronLook(
                boosted=boosted[: settings.tokens],
                suppressed=suppressed,
                interpretable=is_interpretable([one.text for one in boosted[:_JUDGED]]),
                norm=norms[row],
                norm_rank=ranks[row],
                nearest=tuple(
                    Near(neuron, cosine, decoding.tokens)
                    for (neuron, cosine), decoding in zip(
                        near[row],
                        decode(captioner, [one for one, _ in near[row]], k=_NEAR_TOKENS),
                        strict=True,
                    )
                ),
                effects=_effects(item.neuron, places.get(item.neuron, ()), tried, settings.scales),
            )
        )
    return found


def _tokens(
    captioner: Captioner, neuron: NeuronId, names: Sequence[str], count: int
) -> tuple[tuple[TokenAt, ...], tuple[TokenAt, ...]]:
    """The tokens that a neuron raises most, and those it lowers most."""
    logits = token_logits(captioner, neuron.layer, [neuron.unit])
    hidden = captioner.unsayable.to(logits.device)
    total = logits.index_fill(1, hidden, -torch.inf).logsumexp(1)
    sides = []
    for sign in (1.0, -1.0):
        best, ids = top_in_order((sign * logits).index_fill(1, hidden, -torch.inf), max(count, _JUDGED))
        values = (sign * best[0]).tolist()
        chances = (sign * best[0] - total).exp().tolist()
        sides.append(
            tuple(
                TokenAt(names[token], value, p)
                for token, value, p in zip(ids[0].tolist(), values, chances, strict=True)
            )
        )
    return sides[0], sides[1][:count]


def _nearest(
    captioner: Captioner, neurons: Sequence[NeuronId], count: int
) -> tuple[list[list[tuple[NeuronId, float]]], list[float], list[int]]:
    """The neurons of the whole model with the highest cosine; each one's own norm and its rank in its layer."""
    layout = captioner.layout
    own = torch.stack([layout.mlps[one.layer].directions[:, one.unit].float() for one in neurons])
    unit = torch.nn.functional.normalize(own, dim=1)
    best: Float[Tensor, "neuron best"] = torch.empty(len(neurons), 0, device=own.device)
    which = torch.empty(len(neurons), 0, dtype=torch.long, device=own.device)
    norms, ranks = own.norm(dim=1).tolist(), [0] * len(neurons)
    for layer in range(layout.layers):
        vectors = layout.mlps[layer].directions.detach().T.float()
        lengths = vectors.norm(dim=1)
        for place, one in enumerate(neurons):
            if one.layer == layer:
                ranks[place] = 1 + int((lengths > lengths[one.unit]).sum())
        cosines = unit @ torch.nn.functional.normalize(vectors, dim=1).T
        for place, one in enumerate(neurons):
            if one.layer == layer:
                cosines[place, one.unit] = -torch.inf  # itself
        ids = torch.arange(layout.units, device=own.device).expand_as(cosines) + layer * layout.units
        joined, all_ids = torch.cat([best, cosines], 1), torch.cat([which, ids], 1)
        best, order = top_in_order(joined, count)
        which = all_ids.gather(1, order)
    pairs = [
        [(NeuronId(*divmod(number, layout.units)), value) for number, value in zip(row, values, strict=True)]
        for row, values in zip(which.tolist(), best.tolist(), strict=True)
    ]
    return pairs, norms, ranks


def _tried(
    bench: Bench,
    settings: LooksSettings,
    wanted: Mapping[NeuronId, Sequence[Place]],
    sources: Mapping[str, Source],
) -> dict[str, Alone]:
    """Each image with what scaling single neurons does to its caption: all those of an image together."""
    images: dict[str, dict[NeuronId, Place]] = {}
    for neuron, places in wanted.items():
        for place in places:
            images.setdefault(place.image, {})[neuron] = place
    made = {}
    for image, some in images.items():
        (picture,) = opened([sources[image]])
        if not isinstance(picture, Skipped):
            made[image] = alone(
                bench,
                image,
                bench.captioner.prepare([picture]),
                next(iter(some.values())).token_ids,
                neurons=list(some),
                scales=settings.scales,
                band=settings.band,
                rows=settings.edits,
            )
    return made


def _effects(
    neuron: NeuronId, places: Sequence[Place], tried: Mapping[str, Alone], scales: tuple[float, ...]
) -> tuple[Effect, ...]:
    """What scaling this neuron alone does to the words that list it highest."""
    return tuple(
        Effect(
            image=place.image,
            word=place.word,
            text=place.text,
            p=tried[place.image].base[place.first],
            scales=scales,
            own=tried[place.image].own(neuron, place.first),
            random=tried[place.image].random(neuron.layer, place.first),
        )
        for place in places
        if place.image in tried
    )
