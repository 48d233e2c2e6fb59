"""Captions, attributions and decodings of every image, computed once; the experiments read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int

from molyneux.data.gate import Picture
from molyneux.data.sources import Source
from molyneux.experiments.bench import Bench, in_batches, opened
from molyneux.experiments.vocabulary import interpretable_units
from molyneux.ground.errors import NoNounError, SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.rows import Float32, Int32, Skipped
from molyneux.ground.stage import Stage
from molyneux.models.caption import Caption
from molyneux.models.captioner import Captioner
from molyneux.neurons.attribute import Attribution, AttributionSettings, attribute_batch
from molyneux.neurons.decode import Decoding, decode
from molyneux.neurons.target import Target

__all__ = [
    "Captioned",
    "CaptionsSettings",
    "Said",
    "Scored",
    "caption_stage",
    "ranking",
    "target_of",
    "with_noun",
]


@dataclass(frozen=True)
class CaptionsSettings:
    """How captions and scores are made and how much of them is kept."""

    site: str = "pre"
    """``pre``: Eq. 2 as written; ``post``: the first-order effect of setting the activation to zero."""
    reduce: str = "max"
    """A unit's score over patches: ``max`` (the paper's tables) or ``sum``."""
    top: int = 100
    """Neurons kept with score and patch."""
    ranked: int = 6400
    """Units kept in order, all and interpretable ones: as many as the largest ablation switches off."""
    pairs: int = 20
    """(neuron, patch) pairs kept (Table S.1)."""
    decoded: int = 20
    """Top neurons, and top interpretable neurons, whose tokens are kept."""
    tokens: int = 10
    """Tokens a decoding."""
    max_new_tokens: int = 24

    def __post_init__(self) -> None:
        AttributionSettings(site=self.site, reduce=self.reduce)
        for name in ("top", "ranked", "pairs", "decoded", "tokens", "max_new_tokens"):
            if getattr(self, name) < 1:
                raise SettingError(name, value=getattr(self, name), expected="at least 1")


@dataclass(frozen=True)
class Scored:
    """A neuron, its score, and the patch of it."""

    neuron: NeuronId
    score: Float32
    patch: Int32


@dataclass(frozen=True)
class Said:
    """A neuron's decoding."""

    neuron: NeuronId
    tokens: tuple[str, ...]
    logits: tuple[Float32, ...]
    interpretable: bool

    @property
    def text(self) -> str:
        """Its tokens as the judges read them."""
        return ", ".join(token.strip() for token in self.tokens)


@dataclass(frozen=True)
class Captioned:
    """An image's caption and the neurons behind its first noun; without a noun there are none."""

    caption: str
    tokens: tuple[str, ...]
    token_ids: tuple[Int32, ...]
    probabilities: tuple[Float32, ...]
    noun: str | None
    token: Int32 | None
    """Index of the noun's first token in the caption."""
    logit: Float32 | None
    neurons: tuple[Scored, ...]
    """The best, ordered by (-score, layer, unit)."""
    pairs: tuple[Scored, ...]
    ranked: bytes
    """The best units in order, layer * units + unit each, little-endian 32-bit."""
    ranked_interpretable: bytes
    """The best interpretable ones."""
    decodings: tuple[Said, ...]
    """Of the first neurons, the first interpretable ones, and the pairs' neurons, each once."""

    def said(self, neuron: NeuronId) -> Said:
        """The decoding of one of them."""
        return next(one for one in self.decodings if one.neuron == neuron)


def ranking(packed: bytes, units: int, count: int | None = None) -> list[NeuronId]:
    """The neurons of ``ranked`` or ``ranked_interpretable``, the first ``count``."""
    numbers = np.frombuffer(packed, "<i4")[:count]
    return [NeuronId(*divmod(number, units)) for number in numbers.tolist()]


def target_of(row: Captioned) -> Target:
    """The token that was explained.

    Raises:
        NoNounError: the caption has no noun.
    """
    if row.noun is None or row.token is None:
        raise NoNounError("caption", value=row.caption, expected="a noun to explain")
    return Target(row.noun, row.token, row.token_ids[row.token], row.token_ids[: row.token])


def with_noun(row: Captioned | Skipped) -> Captioned | Skipped:
    """The row, or why it has no neurons."""
    if isinstance(row, Captioned) and row.noun is None:
        return Skipped("no-noun", f"caption {row.caption!r}")
    return row


def caption_stage(
    bench: Bench,
    settings: CaptionsSettings,
    *,
    name: str = "captions",
    sources: Sequence[Source] | None = None,
) -> Stage[Source, Captioned]:
    """Work the stage off, or find it done."""
    stage = bench.stage(name, bench.sources if sources is None else sources, Captioned, settings)
    words = interpretable_units(bench)

    def compute(pictures: Sequence[Picture]) -> list[Captioned]:
        return _rows(bench.captioner, pictures, settings, words)

    return bench.work(stage, lambda items: in_batches(opened(items), compute, size=bench.at_once))


def _rows(
    captioner: Captioner,
    pictures: Sequence[Picture],
    settings: CaptionsSettings,
    words: Bool[np.ndarray, "layer unit"],
) -> list[Captioned]:
    options = AttributionSettings(settings.site, settings.reduce, max(settings.top, settings.pairs))
    captions, found = _attributed(captioner, pictures, options, settings.max_new_tokens)
    return [
        _row(captioner, caption, one, settings=settings, words=words)
        for caption, one in zip(captions, found, strict=True)
    ]


def _attributed(
    captioner: Captioner, pictures: Sequence[Picture], options: AttributionSettings, longest: int
) -> tuple[list[Caption], list[Attribution | None]]:
    """Captions and attributions of a batch, in one pass if every caption has a noun."""
    try:
        made = attribute_batch(captioner, pictures, settings=options, max_new_tokens=longest)
        return [one.caption for one in made], list(made)
    except NoNounError:
        captions = captioner.generate(pictures, max_new_tokens=longest).captions
    nouns = [place for place, caption in enumerate(captions) if caption.noun is not None]
    found: list[Attribution | None] = [None] * len(captions)
    if nouns:
        chosen, said = [pictures[n] for n in nouns], [captions[n] for n in nouns]
        for place, one in zip(
            nouns, attribute_batch(captioner, chosen, settings=options, captions=said), strict=True
        ):
            found[place] = one
    return captions, found


def _row(
    captioner: Captioner,
    caption: Caption,
    found: Attribution | None,
    *,
    settings: CaptionsSettings,
    words: Bool[np.ndarray, "layer unit"],
) -> Captioned:
    head = (caption.text, caption.tokens, caption.token_ids, caption.probabilities)
    if found is None:
        return Captioned(*head, None, None, None, (), (), b"", b"", ())
    order = _order(found)
    fluent = order[words.reshape(-1)[order]]
    best = found.ranked(settings.top)
    pairs = found.pairs[: settings.pairs]
    units = captioner.layout.units
    some = [entry.neuron for entry in best[: settings.decoded]]
    some += [NeuronId(*divmod(number, units)) for number in fluent[: settings.decoded].tolist()]
    some += [pair.neuron for pair in pairs]
    said = decode(captioner, list(dict.fromkeys(some)), k=settings.tokens)
    return Captioned(
        *head,
        noun=found.target.word,
        token=found.target.token,
        logit=found.logit,
        neurons=tuple(Scored(entry.neuron, entry.score, entry.patch) for entry in best),
        pairs=tuple(Scored(pair.neuron, pair.score, pair.patch) for pair in pairs),
        ranked=order[: settings.ranked].astype("<i4").tobytes(),
        ranked_interpretable=fluent[: settings.ranked].astype("<i4").tobytes(),
        decodings=tuple(map(_said, said)),
    )


def _order(found: Attribution) -> Int[np.ndarray, " unit"]:
    """All units by (-score, layer, unit)."""
    order = torch.sort(found.scores.reshape(-1), descending=True, stable=True).indices
    return np.asarray(order.numpy())


def _said(decoding: Decoding) -> Said:
    return Said(decoding.neuron, decoding.tokens, decoding.logits, decoding.interpretable)
