"""What a caption becomes under many edits at once: p(c) and the new caption, from one pass over the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from molyneux.ground.neuron import NeuronId
from molyneux.models.caption import Caption
from molyneux.models.captioner import Captioner
from molyneux.models.faults import check_logits
from molyneux.models.hooks import before
from molyneux.models.prompts import copies, extendable
from molyneux.neurons.edit import edit_rows
from molyneux.neurons.passes import after_prefill, grows, shallow
from molyneux.neurons.target import Target

__all__ = ["Redone", "caption_probabilities", "recaption"]


@dataclass(frozen=True)
class Redone:
    """An image under one edit."""

    probability: float
    """p(c), the caption's tokens before c held fixed."""
    caption: Caption
    """Generated anew, greedily."""


class _Prefill:
    """Last logits and KV cache of the first pass of a ``generate``, before later passes grow it."""

    def __init__(self) -> None:
        self.logits: Tensor | None = None
        self.cache: Any = None

    def look(self, output: Any) -> None:
        if self.logits is None:
            self.logits = output.logits[:, -1].clone()
            cache = getattr(output, "past_key_values", None)
            self.cache = shallow(cache) if grows(cache) else None


@torch.no_grad()
def recaption(
    captioner: Captioner,
    inputs: dict[str, Tensor],
    *,
    target: Target,
    edits: Sequence[Sequence[NeuronId]],
    scale: float | int = 0.0,
    positions: str = "all",
    max_new_tokens: int = 24,
) -> list[Redone]:
    """Scale each edit's neurons (0: off): one batch, a row an edit, and one pass over the prompt for both answers.

    p(c) is read off the prefill of the new caption, its cache continued by the tokens before c. Models whose cache
    cannot be continued run prompt and prefix once more.

    Args:
        inputs: of one image.

    Raises:
        NonFiniteError: a logit is NaN or infinite.
    """
    prefill = _Prefill()
    with edit_rows(captioner, edits, scale, positions):
        with before(captioner.model, lambda _: None, after=prefill.look):
            made = captioner.generate(inputs, rows=len(edits), max_new_tokens=max_new_tokens)
        logits = _logits(captioner, inputs, made.inputs, prefill=prefill, target=target)
    chances = logits[:, : captioner.vocabulary].float().softmax(-1)[:, target.token_id].tolist()
    return [Redone(*pair) for pair in zip(chances, made.captions, strict=True)]


def _logits(
    captioner: Captioner,
    inputs: dict[str, Tensor],
    rows: dict[str, Tensor],
    *,
    prefill: _Prefill,
    target: Target,
) -> Float[Tensor, "edit token"]:
    """Logits at the step that generates the target, within the edits; ``rows`` is the prompt a row an edit."""
    count = len(rows["input_ids"])
    if prefill.logits is None or (target.prefix and (prefill.cache is None or not extendable(inputs))):
        whole = copies(captioner.extend(inputs, [target.prefix]), count)
        logits: Tensor = captioner.forward(whole).logits[:, -1]
    elif not target.prefix:
        logits = prefill.logits
    else:
        logits = after_prefill(
            captioner,
            prefill.cache,
            first=prefill.logits,
            prefixes=[target.prefix] * count,
            mask=rows["attention_mask"],
        )
    check_logits(logits[:, : captioner.vocabulary], captioner.model)
    return logits


@torch.no_grad()
def caption_probabilities(
    captioner: Captioner,
    inputs: dict[str, Tensor],
    token_ids: Sequence[int],
    edits: Sequence[Sequence[NeuronId]],
    *,
    scale: float | int = 0.0,
    positions: str = "all",
) -> Float[Tensor, "edit token"]:
    """p of every token of a caption, those before it held fixed, under each edit: one pass, a row an edit.

    Args:
        inputs: of one image.
        token_ids: of the caption, at least one.

    Raises:
        NonFiniteError: a logit is NaN or infinite.
    """
    count = len(token_ids)
    batch = copies(captioner.extend(inputs, [token_ids[:-1]]), len(edits))
    with edit_rows(captioner, edits, scale, positions):
        logits: Tensor = captioner.forward(batch, keep=count).logits[:, -count:, : captioner.vocabulary]
    check_logits(logits.flatten(0, 1), captioner.model)
    wanted = torch.tensor([list(token_ids)], device=logits.device).expand(len(edits), -1)
    chosen = logits.gather(2, wanted[:, :, None])[:, :, 0].float()
    return (chosen - logits.float().logsumexp(-1)).exp()
