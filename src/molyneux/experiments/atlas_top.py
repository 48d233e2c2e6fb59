"""The largest and smallest logits of many neurons over a vocabulary that is met one block at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Block", "Extremes", "extremes", "top_exact"]

_UNITS = 1024  # neurons whose logits over a block are in memory at once: 16 MB for a block of 4096 tokens


class Block(NamedTuple):
    """Some rows of the unembedding, of tokens whose ids rise from block to block."""

    ids: Int[Tensor, " token"]
    weight: Float[Tensor, "token width"]
    bias: Float[Tensor, " token"] | None = None


class Extremes(NamedTuple):
    """What each neuron raises and lowers most, ordered by (-logit, id) and (logit, id)."""

    boosted: Int[Tensor, "neuron best"]
    boosted_logits: Float[Tensor, "neuron best"]
    suppressed: Int[Tensor, "neuron best"]
    suppressed_logits: Float[Tensor, "neuron best"]
    log_total: Float[Tensor, " neuron"]
    """log of the sum of exp(logit) over all tokens, so that exp(logit - log_total) is Eq. 3's softmax."""


class _List(NamedTuple):
    values: Float[Tensor, "neuron best"]
    ids: Int[Tensor, "neuron best"]


class _State(NamedTuple):
    high: _List
    low: _List
    """With negated values."""
    log_total: Float[Tensor, " neuron"]


def top_exact(
    values: Float[Tensor, "row item"], count: int
) -> tuple[Float[Tensor, "row best"], Int[Tensor, "row best"]]:
    """The ``count`` largest of each row and their places, ordered by (-value, place).

    ``torch.topk`` orders ties as it likes. One value more than asked for tells which rows have any that matter;
    only those are sorted.
    """
    kept, seen = min(count, values.shape[1]), min(count + 1, values.shape[1])
    best, where = torch.topk(values, seen, dim=1)
    tied = (best[:, 1:] == best[:, :-1]).any(dim=1).nonzero()[:, 0]
    if len(tied):
        ordered, places = torch.sort(values[tied], dim=1, descending=True, stable=True)
        best[tied], where[tied] = ordered[:, :seen], places[:, :seen]
    return best[:, :kept], where[:, :kept]


@torch.no_grad()
def extremes(vectors: Float[Tensor, "neuron width"], blocks: Iterable[Block], count: int) -> Extremes:
    """The ``count`` largest and smallest of W_d v for every vector v, exactly, ties by rising id.

    Memory holds one block, its products with 1024 vectors, and the lists so far: it does not grow with the
    vocabulary.

    Args:
        vectors: finite; Eq. 3's W_out[:, u].
        blocks: at least one; ids rise within and between them.
    """
    spans = [slice(start, start + _UNITS) for start in range(0, len(vectors), _UNITS)]
    states: list[_State | None] = [None] * len(spans)
    for block in blocks:
        for number, span in enumerate(spans):
            logits = vectors[span] @ block.weight.T
            if block.bias is not None:
                logits = logits + block.bias
            states[number] = _joined(states[number], _of_block(logits, block.ids, count), count)
    return _gathered([state for state in states if state is not None])


def _of_block(logits: Float[Tensor, "neuron token"], ids: Int[Tensor, " token"], count: int) -> _State:
    total = logits.logsumexp(dim=1)
    high, places = top_exact(logits, count)
    low, others = top_exact(logits.neg_(), count)
    return _State(_List(high, ids[places]), _List(low, ids[others]), total)


def _joined(before: _State | None, later: _State, count: int) -> _State:
    if before is None:
        return later
    return _State(
        _merged(before.high, later.high, count),
        _merged(before.low, later.low, count),
        torch.logaddexp(before.log_total, later.log_total),
    )


def _merged(before: _List, later: _List, count: int) -> _List:
    """``later`` has the larger ids and comes behind, so that equal values stay in the order of their ids."""
    values, places = top_exact(torch.cat([before.values, later.values], dim=1), count)
    return _List(values, torch.cat([before.ids, later.ids], dim=1).gather(1, places))


def _gathered(states: Sequence[_State]) -> Extremes:
    return Extremes(
        torch.cat([state.high.ids for state in states]),
        torch.cat([state.high.values for state in states]),
        torch.cat([state.low.ids for state in states]),
        torch.cat([state.low.values for state in states]).neg(),
        torch.cat([state.log_total for state in states]),
    )
