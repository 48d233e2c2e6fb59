"""The settings and rows of ``looks``: an image with all its words, and an image's maps of some neurons."""

from __future__ import annotations

from dataclasses import dataclass

from molyneux.experiments.captions import Said, Scored
from molyneux.experiments.pictures import Place as Grid
from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.rows import Float32, Int32

__all__ = [
    "RANKINGS",
    "Grid",
    "Looked",
    "LookedAlone",
    "LookedEdit",
    "LookedObject",
    "LookedWord",
    "LooksSettings",
    "Mapped",
    "Ranked",
]


@dataclass(frozen=True)
class LooksSettings:
    """How much the explorer shows."""

    images: int = 60
    """With a page of their own, at random."""
    words: str = "all"
    """Words of a caption that are explained: ``all``, or the first ``noun``."""
    neurons: int = 12
    """Listed a word, with their maps."""
    counts: tuple[int, ...] = (400, 6400)
    """Units that the strip of captions switches off."""
    draws: int = 3
    """Random draws beside each of them."""
    edits: int = 32
    """Edits that run as rows of one batch."""
    pages: int = 200
    """Neurons with a page of their own: those that most images list, for their first noun above all."""
    fired: int = 8
    """Images that a neuron fires on most, and as many at random."""
    tokens: int = 15
    """Boosted, and suppressed, on a neuron's page."""
    nearest: int = 8
    """Neurons that write in the most similar direction."""
    scales: tuple[float, ...] = (0.0, 1.0, 2.0, 5.0)
    """What one neuron's activation is multiplied by: off, as it is, amplified."""
    places: int = 1
    """Images on which that is tried."""
    band: int = 8
    """Random units of the same layer beside it, and beside each word's first neuron alone."""

    def __post_init__(self) -> None:
        if self.words not in ("all", "noun"):
            raise SettingError("words", value=self.words, expected="'all' or 'noun'")
        for name in ("images", "neurons", "draws", "edits", "pages", "fired", "tokens", "nearest", "band"):
            if getattr(self, name) < 1:
                raise SettingError(name, value=getattr(self, name), expected="at least 1")
        if list(self.counts) != sorted(set(self.counts)) or min(self.counts, default=0) < 1:
            raise SettingError("counts", value=self.counts, expected="rising numbers of units, from 1")
        if 0.0 not in self.scales or 1.0 not in self.scales:
            raise SettingError("scales", value=self.scales, expected="0 (off) and 1 (as it is) among them")


RANKINGS = ("sum", "max")
"""By a unit's score summed over patches, its whole first-order effect; by that of its best patch, as in the paper."""


@dataclass(frozen=True)
class LookedEdit:
    """What is left of a word, and the caption generated anew, with some units off."""

    arm: str
    count: Int32
    draw: Int32
    units: Int32
    """Really switched off."""
    p: float
    caption: str


@dataclass(frozen=True)
class LookedAlone:
    """What is left of a word with one neuron alone off, beside random units of its layer, each alone off."""

    neuron: NeuronId
    base: float
    """p of the word without any edit."""
    p: float
    random: tuple[float, ...]


@dataclass(frozen=True)
class Ranked:
    """The neurons behind a word in one order, and what is left without the first of them."""

    by: str
    """``sum`` or ``max``."""
    neurons: tuple[Scored, ...]
    """Each with the patch where its score is largest, whatever the order."""
    edits: tuple[LookedEdit, ...]
    alone: LookedAlone | None
    """Of the first neuron."""


@dataclass(frozen=True)
class LookedWord:
    """A word of the caption and, where it was explained, its neurons."""

    text: str
    start: Int32
    end: Int32
    """``caption[start:end]``."""
    first: Int32
    last: Int32
    """Its tokens; the first is the one explained."""
    noun: bool
    """The first noun of the caption."""
    logit: Float32 | None
    """Of the explained token; None where the word was not explained."""
    p: float | None
    """Of it, without any edit."""
    rankings: tuple[Ranked, ...]
    """One for each of ``RANKINGS``; none where the word was not explained."""


@dataclass(frozen=True)
class LookedObject:
    """An annotated object: run lengths of its mask in COCO's order (columns first, zeros first)."""

    category: str
    crowd: bool
    runs: tuple[Int32, ...]


@dataclass(frozen=True)
class Looked:
    """An image, its caption's words, and the maps of all neurons that any of them lists."""

    width: Int32
    height: Int32
    picture: bytes
    """The upright original, reduced for showing: PNG or JPEG."""
    view: bytes | None
    """What the encoder got, PNG or JPEG; None where that is no single picture."""
    grid: Grid | None
    """None where patches lie on no single grid."""
    boxes: tuple[tuple[float, ...], ...]
    """left, top, right, bottom of each patch where they lie on no single grid; empty for one without a place."""
    patches: Int32
    caption: str
    tokens: tuple[str, ...]
    token_ids: tuple[Int32, ...]
    probabilities: tuple[Float32, ...]
    words: tuple[LookedWord, ...]
    said: tuple[Said, ...]
    """Decodings of all neurons listed, each once."""
    maps: bytes
    """Of each of them, the activation at every patch: little-endian float32."""
    references: tuple[str, ...]
    """What people said."""
    label: str | None
    objects: tuple[LookedObject, ...]


@dataclass(frozen=True)
class Mapped:
    """An image with the maps of neurons that it fires most, or that it was drawn for."""

    width: Int32
    height: Int32
    picture: bytes
    """Small."""
    caption: str | None
    grid: Grid | None
    patches: Int32
    neurons: tuple[NeuronId, ...]
    maps: bytes
    """Little-endian float32."""
