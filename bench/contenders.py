"""Ours and the bare passes. A contender is set up once with a Case and gives a function of no arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from random_limber import TOKENS, Case
from torch import Tensor

from molyneux.models.hooks import on_input, on_output
from molyneux.neurons.attribute import AttributionSettings, attribute_batch
from molyneux.neurons.passes import with_prefix

__all__ = ["BARE", "CAPTIONING", "OURS", "Contender"]

Contender = Callable[[Case, str], Callable[[], Any]]
"""(case, site) -> the work to be timed. What scores everything gives a [patch, unit] tensor a layer."""


def ours(case: Case, site: str) -> Callable[[], Any]:
    """Scores of every unit, its best patch, and the hundred best units and pairs, in order."""
    settings = AttributionSettings(site=site, top=100)

    def work() -> list[Any]:
        (found,) = attribute_batch(
            case.captioner, [case.picture], targets=[case.target], captions=[case.caption], settings=settings
        )
        return [found.neurons, found.pairs]

    return work


def ours_dense(case: Case, site: str) -> Callable[[], list[Tensor]]:
    """The same, and every layer's score at every patch, which is what the peers give."""
    settings = AttributionSettings(site=site, top=100, dense=True)

    def work() -> list[Tensor]:
        (found,) = attribute_batch(
            case.captioner, [case.picture], targets=[case.target], captions=[case.caption], settings=settings
        )
        assert found.dense is not None
        return list(found.dense)

    return work


def _forward(case: Case, inputs: dict[str, Tensor], token: int, site: str) -> tuple[Tensor, Tensor]:
    """The token's logit, from the last position only, and the first layer's value, where its graph begins."""
    roots: list[Tensor] = []

    def begin(value: Tensor) -> Tensor:
        roots.append(value.detach().requires_grad_(True))
        return roots[0]

    first = case.captioner.layout.mlps[0]
    with on_output(first.pre, begin) if site == "pre" else on_input(first.out, begin), torch.enable_grad():
        logits = case.captioner.model(**inputs, logits_to_keep=1, use_cache=False).logits
    return logits[0, -1, token], roots[0]


def _backward(case: Case, inputs: dict[str, Tensor], token: int, site: str) -> list[Tensor]:
    """Forward with the logits of the last position only, and backward to the first layer's units: any
    attribution by gradient has to do this much, and the path leads through every later layer's units."""
    logit, root = _forward(case, inputs, token, site)
    (gradient,) = torch.autograd.grad(logit, root)
    return [root, gradient]


def bare(case: Case, site: str) -> Callable[[], list[Tensor]]:
    """One forward and one backward pass, nothing read off: the floor that ratios refer to."""
    return lambda: _backward(case, case.inputs(), case.target.token_id, site)


def bare_to_embeddings(case: Case, site: str) -> Callable[[], Tensor]:
    """The simplest pair of passes that one would write: the gradient of the logit to the input vectors."""

    def work() -> Tensor:
        embedded = case.embeddings().requires_grad_(True)
        logits = case.language(inputs_embeds=embedded, logits_to_keep=1, use_cache=False).logits
        return torch.autograd.grad(logits[0, -1, case.target.token_id], embedded)[0]

    return work


def caption_only(case: Case, site: str) -> Callable[[], Any]:
    """The caption, by transformers' ``generate``."""
    return lambda: case.captioner.caption(case.picture, max_new_tokens=TOKENS)


def caption_and_backward(case: Case, site: str) -> Callable[[], Any]:
    """The caption, then one backward pass over a graph that is there already: what the bar refers to.

    The graph is made once, beforehand: its memory is not in the peak.
    """
    logit, root = _forward(case, case.inputs(), case.target.token_id, site)

    def work() -> tuple[Tensor, ...]:
        case.captioner.generate([case.picture], max_new_tokens=TOKENS)
        return torch.autograd.grad(logit, root, retain_graph=True)

    return work


def caption_and_bare(case: Case, site: str) -> Callable[[], Any]:
    """The caption, then the bare pair of passes for its third token."""

    def work() -> list[Tensor]:
        made = case.captioner.generate([case.picture], max_new_tokens=TOKENS)
        ids = made.captions[0].token_ids
        return _backward(case, with_prefix(made.inputs, [ids[:2]]), ids[2], site)

    return work


def caption_and_scores(case: Case, site: str, *, token: int) -> Callable[[], Any]:
    """Ours, captioning included: the prefill is the forward pass, and decode steps up to the token follow."""
    settings = AttributionSettings(site=site, top=100)

    def work() -> list[Any]:
        (found,) = attribute_batch(
            case.captioner, [case.picture], wanted=token, max_new_tokens=TOKENS, settings=settings
        )
        return [found.neurons, found.pairs]

    return work


BARE: dict[str, Contender] = {"bare passes": bare, "bare, to the input vectors": bare_to_embeddings}
OURS: dict[str, Contender] = {"molyneux": ours, "molyneux, dense": ours_dense}
CAPTIONING: dict[str, Contender] = {
    "caption + bare backward": caption_and_backward,
    "caption + bare passes": caption_and_bare,
    "caption + scores, 2nd token (molyneux)": partial(caption_and_scores, token=1),
    "caption + scores, 3rd token (molyneux)": partial(caption_and_scores, token=2),
    "caption alone": caption_only,
}
