"""What a neuron says: its output vector read through the unembedding (Eq. 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import torch
from jaxtyping import Float, Int
from torch import Tensor

from molyneux.data.dictionary import is_interpretable
from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.notebook import Shown, Told
from molyneux.models.captioner import Captioner
from molyneux.models.faults import check_scores
from molyneux.models.placement import weight_of
from molyneux.neurons.ranking import top_in_order
from molyneux.neurons.told import decodings_told

__all__ = ["Decoding", "Decodings", "decode", "token_logits"]

_CHUNK = 256  # neurons whose logits over the vocabulary are in memory at once
_JUDGED = 10  # tokens that the dictionary test looks at, whatever k is


@dataclass(frozen=True)
class Decoding(Shown):
    """The tokens that a neuron's output vector raises most."""

    neuron: NeuronId
    tokens: tuple[str, ...]
    token_ids: tuple[int, ...]
    logits: tuple[float, ...]
    probabilities: tuple[float, ...]
    """softmax over the whole vocabulary; nearly uniform, since one unit's vector is short."""
    interpretable: bool
    """At least 7 of its top 10 tokens are English words of three letters or more."""

    @property
    def _plain(self) -> tuple[NeuronId, tuple[str, ...], tuple[float, ...], bool]:
        return self.neuron, self.tokens, self.logits, self.interpretable

    def _told(self) -> Told:
        return decodings_told([self._plain])

    def __str__(self) -> str:
        return f"{self.neuron}: {', '.join(token.strip() for token in self.tokens)}"


class Decodings(list[Decoding], Shown):
    """Several of them: a list that a notebook shows as one table."""

    def _told(self) -> Told:
        return decodings_told([one._plain for one in self])


def _unembedding(captioner: Captioner) -> Float[Tensor, "token width"]:
    """W_d in float32, real tokens only; a copy where the model is in another dtype (0.8 GB for GPT-J 6B)."""
    weight = weight_of(captioner.layout.unembedding)
    assert weight is not None, "an unembedding without a weight"
    return weight[: captioner.vocabulary].float()


def token_logits(
    captioner: Captioner,
    layer: int,
    units: Sequence[int],
    *,
    unembedding: Float[Tensor, "token width"] | None = None,
    final_norm: bool = False,
    bias: bool = False,
) -> Float[Tensor, "unit token"]:
    """W_d W_out[:, u] for units of one layer, in float32, over the real tokens only.

    Args:
        unembedding: W_d in float32, for callers with many layers; None converts it here.
        final_norm: pass the vector through the decoder's last norm first (the paper does not).
        bias: add the unembedding's bias (the paper does not).

    Raises:
        NonFiniteError: a weight is NaN or infinite.
    """
    layout = captioner.layout
    vectors = layout.mlps[layer].directions[:, list(units)].T
    if final_norm:
        if layout.final_norm is None:
            raise SettingError("final_norm", value=True, expected="a decoder whose last norm was found")
        own = weight_of(layout.final_norm)
        vectors = layout.final_norm(vectors if own is None else vectors.to(own.device))
    weight = _unembedding(captioner) if unembedding is None else unembedding
    logits = vectors.to(weight.device).float() @ weight.T  # the head may lie on another device than the layer
    offset = weight_of(layout.unembedding, "bias") if bias else None
    if offset is not None:
        logits = logits + offset[: captioner.vocabulary].float()
    check_scores(logits, layer)
    return logits


def _top_tokens(
    captioner: Captioner, logits: Float[Tensor, "unit token"], count: int
) -> tuple[Float[Tensor, "unit best"], Float[Tensor, "unit best"], Int[Tensor, "unit best"]]:
    logits = logits.index_fill(1, captioner.unsayable.to(logits.device), -torch.inf)
    best, ids = top_in_order(logits, count)
    return best, (best - logits.logsumexp(1, keepdim=True)).exp(), ids


@overload
def decode(  # type: ignore[overload-overlap]  # a str is a sequence of str, and means one neuron here
    captioner: Captioner, neurons: NeuronId | str, *, k: int = ..., final_norm: bool = ..., bias: bool = ...
) -> Decoding: ...


@overload
def decode(
    captioner: Captioner,
    neurons: Sequence[NeuronId | str],
    *,
    k: int = ...,
    final_norm: bool = ...,
    bias: bool = ...,
) -> list[Decoding]: ...


@torch.no_grad()
def decode(
    captioner: Captioner,
    neurons: NeuronId | str | Sequence[NeuronId | str],
    *,
    k: int = 10,
    final_norm: bool = False,
    bias: bool = False,
) -> Decoding | list[Decoding]:
    """The top k tokens of softmax(W_d W_out[:, u]) for each neuron, in the order given.

    Reads weights only; no image is needed. Source: Sec. 2.2, Eq. 3.

    Args:
        neurons: a neuron or its name, or a sequence of them.
        k: tokens listed; the dictionary test always looks at ten.

    Raises:
        NeuronNameError: a name does not parse or is not in this model.
    """
    if k < 1:
        raise SettingError("k", value=k, expected="at least 1")
    single = isinstance(neurons, str | NeuronId)
    many: list[NeuronId | str] = [neurons] if isinstance(neurons, str | NeuronId) else list(neurons)
    wanted = [captioner.layout.resolve(one) for one in many]
    found: dict[NeuronId, Decoding] = {}
    weight = _unembedding(captioner)
    for layer, units in captioner.layout.by_layer(list(dict.fromkeys(wanted))).items():
        for start in range(0, len(units), _CHUNK):
            some = units[start : start + _CHUNK]
            logits = token_logits(
                captioner, layer, some, unembedding=weight, final_norm=final_norm, bias=bias
            )
            best, chances, ids = _top_tokens(captioner, logits, max(k, _JUDGED))
            for row, unit in enumerate(some):
                neuron = NeuronId(layer, unit)
                found[neuron] = _decoding(captioner, neuron, best[row], chances[row], ids[row], k)
    listed = Decodings(found[neuron] for neuron in wanted)
    return listed[0] if single else listed


def _decoding(
    captioner: Captioner, neuron: NeuronId, best: Tensor, chances: Tensor, ids: Tensor, k: int
) -> Decoding:
    tokens = tuple(captioner.tokenizer.decode([token]) for token in ids.tolist())
    return Decoding(
        neuron=neuron,
        tokens=tokens[:k],
        token_ids=tuple(ids.tolist()[:k]),
        logits=tuple(best.tolist()[:k]),
        probabilities=tuple(chances.tolist()[:k]),
        interpretable=is_interpretable(tokens[:_JUDGED]),
    )
