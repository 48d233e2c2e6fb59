"""From the results of one image to the plain Story that figures and screens are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from molyneux.data.gate import Picture
from molyneux.data.nouns import words
from molyneux.ground.neuron import NeuronId
from molyneux.ground.story import AblationView, ArmCurve, NeuronView, Story
from molyneux.models.caption import Caption
from molyneux.models.captioner import Captioner
from molyneux.models.geometry import PatchGrid
from molyneux.neurons.attribute import Attribution, NeuronScore
from molyneux.neurons.compare import Comparison
from molyneux.neurons.decode import Decoding, decode
from molyneux.neurons.fields import patch_activations

if TYPE_CHECKING:
    from molyneux.neurons.ablate import Ablation

__all__ = ["is_miniature", "score_words", "tell", "tell_caption"]

#: Longest side of the image that a Story holds: figures and screens show no more.
SHOWN_SIDE = 768

#: What the recipe lays beside the weights that it makes.
_MAKING = "making.json"

_SITES = {
    "pre": "pre-activation \u00d7 gradient (Eq. 2)",
    "post": "activation \u00d7 gradient",
    "gate": "gate's activation \u00d7 gradient",
}
_REDUCED = {"max": "its best patch", "sum": "the sum over patches"}


def is_miniature(captioner: Captioner) -> bool:
    """Whether this is the shipped miniature, or a folder that ``molyneux miniature build`` wrote."""
    return captioner.name == "miniature" or (Path(captioner.name) / _MAKING).is_file()


def score_words(site: str, reduce: str) -> str:
    """How scores are made, in words; ``site`` and ``reduce`` as in ``AttributionSettings``."""
    return f"{_SITES[site]}, {_REDUCED[reduce]}"


def shown_image(picture: Picture) -> UInt8[np.ndarray, "height width 3"]:
    """The image, reduced to SHOWN_SIDE, as an array."""
    small = picture.image.copy()
    small.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    return np.asarray(small)


def tell_caption(captioner: Captioner, picture: Picture, caption: Caption) -> Story:
    """A Story that ends with the caption: its first noun marked, no neurons."""
    noun = caption.noun
    return Story(
        name=picture.name,
        image=shown_image(picture),
        size=picture.image.size,
        caption=caption.text,
        word=None if noun is None else noun.word,
        span=None if noun is None else _span(caption, noun.word, noun.token),
        probability=None if noun is None else caption.probabilities[noun.token],
        tokens=caption.tokens,
        probabilities=caption.probabilities,
        model=captioner.name if not Path(captioner.name).is_dir() else Path(captioner.name).resolve().name,
        miniature=is_miniature(captioner),
        score="",
        neurons=(),
    )


def tell(
    captioner: Captioner,
    picture: Picture,
    found: Attribution,
    *,
    views: int | Sequence[NeuronId] = 4,
    ablation: Ablation | Comparison | None = None,
    decodings: Sequence[Decoding] | None = None,
) -> Story:
    """The Story of one image's neurons with tokens and heat maps.

    Args:
        views: how many of the best, or which.
        decodings: of these neurons, in order, where they are there already.
    """
    best = found.ranked(views) if isinstance(views, int) else found.of(views)
    if decodings is None:
        decodings = decode(captioner, [entry.neuron for entry in best])
    target, settings = found.target, found.settings
    plain = tell_caption(captioner, picture, found.caption)
    heats = _heats(captioner, picture, found.grid, best, plain.image.shape[:2])
    return replace(
        plain,
        word=target.word,
        span=_span(found.caption, target.word, target.token),
        probability=found.caption.probabilities[target.token],
        score=score_words(settings.site, settings.reduce),
        neurons=tuple(
            NeuronView(
                name=str(entry.neuron),
                score=entry.score,
                patch=entry.patch,
                box=None if found.grid is None else found.grid.patch_box(entry.patch),
                tokens=decoding.tokens,
                interpretable=decoding.interpretable,
                heat=heat,
            )
            for entry, decoding, heat in zip(best, decodings, heats, strict=False)
        ),
        ablation=None if ablation is None else _view(ablation),
    )


def _span(caption: Caption, word: str, token: int) -> tuple[int, int] | None:
    """Where the word whose first token is ``token`` stands in the text."""
    for known, place in zip(caption.words, words(caption.text), strict=True):
        if known.token == token and known.word == word:
            return place.start, place.end
    return None


def _heats(
    captioner: Captioner,
    picture: Picture,
    grid: PatchGrid | None,
    best: Sequence[NeuronScore],
    shown: tuple[int, int],
) -> list[np.ndarray | None]:
    """A heat map a neuron at the size that is shown: the same geometry as the original's, on fewer pixels."""
    if grid is None or not best:
        return [None] * len(best)
    height, width = shown
    across, down = width / grid.width, height / grid.height
    left, top, right, bottom = grid.box
    box = (left * across, top * down, right * across, bottom * down)
    small = replace(grid, width=width, height=height, box=box)
    activations = patch_activations(captioner, captioner.prepare([picture]), [entry.neuron for entry in best])
    return [small.upsample(values).numpy() for values in activations[0]]


def _view(ablation: Ablation | Comparison) -> AblationView:
    if isinstance(ablation, Comparison):
        return _compared(ablation)
    curves = []
    for arm in ablation.settings.arms:
        counts = tuple(sorted(set(ablation.settings.counts)))
        changes = [ablation.change(arm, count) for count in counts]
        rows = [ablation.of(arm, count) for count in counts]
        curves.append(
            ArmCurve(
                arm=arm,
                counts=counts,
                mean=tuple(change.mean for change in changes),
                low=tuple(change.low for change in changes),
                high=tuple(change.high for change in changes),
                captions=tuple(tuple(row.caption for row in some) for some in rows),
                units=tuple(max(row.units for row in some) for some in rows),
            )
        )
    return AblationView(ablation.probability, tuple(curves), float(ablation.settings.scale))


def _compared(made: Comparison) -> AblationView:
    """Named neurons beside random ones: from none edited to all of them."""
    many = len(made.neurons)
    arms = [("named", made.change, [made.edited]), ("random", made.random_change, made.random)]
    curves = [
        ArmCurve(
            arm=arm,
            counts=(0, many),
            mean=(0.0, change.mean),
            low=(0.0, change.low),
            high=(0.0, change.high),
            captions=((made.plain.caption.text,), tuple(one.caption.text for one in some)),
            units=(0, many),
        )
        for arm, change, some in arms
        if some
    ]
    return AblationView(made.plain.probability, tuple(curves), made.scale)
