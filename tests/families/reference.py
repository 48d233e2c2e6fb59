"""Slow, obvious references for any family, on an unhooked copy whose MLP modules are wrapped in plain ones."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from molyneux.models.captioner import Captioner
from molyneux.models.layout import find_layout


class Tap(nn.Module):
    """A module that remembers its last input and output, and may scale its input."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside, self.weight = inside, inside.weight
        self.scale: Tensor | float = 1.0

    def forward(self, value: Tensor) -> Tensor:
        self.given = value * self.scale
        self.made = self.inside(self.given)
        for tensor in (self.given, self.made):
            if tensor.requires_grad:
                tensor.retain_grad()
        return self.made


def tapped(machine: Captioner) -> tuple[Any, list[Tap], list[Tap]]:
    """A copy of the model, and the taps on its input projections and on its output matrices, a pair a layer."""
    model = copy.deepcopy(machine.model).requires_grad_(True)
    names = {module: name for name, module in model.named_modules()}
    pre, out = [], []
    for mlp in find_layout(model).mlps:
        for module, taps in ((mlp.pre, pre), (mlp.out, out)):
            taps.append(Tap(module))
            model.set_submodule(names[module], taps[-1])
    return model, pre, out


def without_casts(model: Any) -> Any:
    """The same model with norms that keep float64: transformers' compute in float32 whatever the dtype."""
    for norm in model.modules():
        kind = type(norm).__name__
        if kind.endswith("RMSNorm"):
            eps = getattr(norm, "variance_epsilon", None) or norm.eps
            weight = norm.weight + 1 if kind.startswith("Gemma") else norm.weight
            norm.forward = partial(_norm, weight, eps)
    return model


def _norm(weight: Tensor, eps: float, hidden: Tensor) -> Tensor:
    return weight * hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + eps)


def extended(machine: Captioner, inputs: dict[str, Tensor], tokens: Sequence[int]) -> dict[str, Tensor]:
    """One prompt with tokens behind it, for a full pass."""
    fill = {"input_ids": None, "attention_mask": 1, "token_type_ids": 0, "mm_token_type_ids": 0}
    if machine.model.config.model_type == "paligemma":
        fill["token_type_ids"] = 1
    made = dict(inputs)
    for name in fill.keys() & inputs.keys():
        more = [list(tokens)] if fill[name] is None else [[fill[name]] * len(tokens)]
        made[name] = torch.cat([inputs[name], inputs[name].new_tensor(more)], dim=1)
    if "cross_attention_mask" in inputs:
        seen = inputs["cross_attention_mask"]
        made["cross_attention_mask"] = torch.cat([seen, *[seen[:, -1:]] * len(tokens)], dim=1)
    return made
