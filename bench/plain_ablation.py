"""The ablation sweep as one writes it down first: a level at a time, with plain PyTorch hooks, a batch of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from molyneux.ground.neuron import NeuronId
from molyneux.models.captioner import GREEDY, Captioner
from molyneux.neurons.target import Target

__all__ = ["plain_sweep"]


def _off(units: list[int]) -> Any:
    def hook(_module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        edited = inputs[0].clone()
        edited[..., units] = 0.0
        return (edited,)

    return hook


@torch.no_grad()
def plain_sweep(
    captioner: Captioner,
    inputs: dict[str, Tensor],
    target: Target,
    *,
    edits: Sequence[Sequence[NeuronId]],
    max_new_tokens: int,
) -> list[tuple[float, str]]:
    """p(c) and the new caption under each edit; the model and its ``generate`` as transformers have them.

    The image's inputs are prepared once, the model runs as frugally as its own options let it: logits of the last
    position only, and ``generate`` with its cache.
    """
    model = captioner.model
    ids = inputs["input_ids"]
    prefix = ids.new_tensor([list(target.prefix)])
    whole = inputs | {
        "input_ids": torch.cat([ids, prefix], dim=1),
        "attention_mask": torch.cat([inputs["attention_mask"], torch.ones_like(prefix)], dim=1),
    }
    stops = {model.generation_config.eos_token_id, model.generation_config.pad_token_id}
    found = []
    for neurons in edits:
        hooks = [
            captioner.layout.mlps[layer].out.register_forward_pre_hook(_off(units))
            for layer, units in captioner.layout.by_layer(neurons).items()
        ]
        logits = model(**whole, logits_to_keep=1, use_cache=False).logits[0, -1, : captioner.vocabulary]
        chance = float(logits.softmax(-1)[target.token_id])
        written = model.generate(**inputs, **GREEDY, max_new_tokens=max_new_tokens)[0, ids.shape[1] :]
        for hook in hooks:
            hook.remove()
        said = [token for token in written.tolist() if token not in stops]
        found.append((chance, captioner.tokenizer.decode(said).strip()))
    return found
