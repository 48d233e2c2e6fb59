"""What an atlas keeps: a row a token, a row a neuron, and from each token back to the neurons that list it."""

from __future__ import annotations

from dataclasses import dataclass

from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.rows import Float32, Int32

__all__ = [
    "NEURONS",
    "PART",
    "SUMMARY",
    "TOKENS",
    "WORDS",
    "AtlasSettings",
    "Listed",
    "NeuronRow",
    "TokenRow",
    "Unit",
    "Vocable",
    "WordRow",
]

TOKENS, NEURONS, WORDS, SUMMARY = "tokens", "neurons", "words", "summary"
PART = 4096
"""Rows of a part: of a GPT-J a quarter of a layer."""


@dataclass(frozen=True)
class AtlasSettings:
    """How neurons are decoded."""

    k: int = 20
    """Tokens kept of each neuron, boosted and suppressed; the dictionary test looks at ten, whatever this is."""
    final_norm: bool = False
    """Output vectors go through the decoder's last norm first; the paper's do not."""
    bias: bool = False
    """The unembedding's bias is added; the paper does not."""

    def __post_init__(self) -> None:
        if self.k < 1:
            raise SettingError("k", value=self.k, expected="at least 1")


@dataclass(frozen=True, slots=True)
class Unit:
    """A neuron as an item of a stage."""

    layer: int
    unit: int

    @property
    def id(self) -> str:
        return str(NeuronId(self.layer, self.unit))


@dataclass(frozen=True, slots=True)
class Vocable:
    """A token as an item of a stage."""

    number: int

    @property
    def id(self) -> str:
        return str(self.number)


@dataclass(frozen=True)
class TokenRow:
    """A row of the unembedding."""

    text: str
    """As the tokenizer decodes it alone."""
    real: bool
    """False for padding and placeholders, which no neuron is decoded to."""


@dataclass(frozen=True)
class NeuronRow:
    """A neuron's decoding; its number in the atlas is layer * units + unit, the place of its row."""

    interpretable: bool
    log_total: Float32
    """log of the sum of exp(logit) over all real tokens."""
    boosted: tuple[Int32, ...]
    """Token ids by (-logit, id)."""
    boosted_logits: tuple[Float32, ...]
    suppressed: tuple[Int32, ...]
    """Token ids by (logit, id)."""
    suppressed_logits: tuple[Float32, ...]


@dataclass(frozen=True)
class Listed:
    """The neurons that have a token among their k, strongest first, ties by layer and unit."""

    neurons: tuple[Int32, ...]
    """Numbers of neurons."""
    logits: tuple[Float32, ...]
    interpretable: tuple[bool, ...]


@dataclass(frozen=True)
class WordRow:
    """A token's neurons."""

    boosted: Listed
    suppressed: Listed
