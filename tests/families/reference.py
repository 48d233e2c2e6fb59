"""Slow, obvious references for any family, on an unhooked copy whose MLP modules are wrapped in plain ones."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from molyneux.models.captioner import Captioner

#: Where transformers' own code has z and a, and act(z) of a gated MLP, by the decoder's ``model_type``: read there
#: and written out here, so that a wrong row of molyneux's own table is found.
GATED = ("mlp.gate_proj", "mlp.down_proj", "mlp.act_fn")
NEOX = ("mlp.dense_h_to_4h", "mlp.dense_4h_to_h", None)
MLPS = {
    "bloom": NEOX,
    "falcon": NEOX,
    "gpt2": ("mlp.c_fc", "mlp.c_proj", None),
    "gpt_neo": ("mlp.c_fc", "mlp.c_proj", None),
    "gpt_neox": NEOX,
    "gptj": ("mlp.fc_in", "mlp.fc_out", None),
    "opt": ("fc1", "fc2", None),
    "persimmon": NEOX,
    "phi": ("mlp.fc1", "mlp.fc2", None),
}


class Tap(nn.Module):
    """A module that remembers its last input and output, and may scale its input."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside, self.weight = inside, getattr(inside, "weight", None)
        self.scale: Tensor | float = 1.0

    def forward(self, value: Tensor) -> Tensor:
        self.given = value * self.scale
        self.made = self.inside(self.given)
        for tensor in (self.given, self.made):
            if tensor.requires_grad:
                tensor.retain_grad()
        return self.made


class Tapped(NamedTuple):
    """A copy of a model, and the taps of each layer."""

    model: Any
    pre: list[Tap]
    """On the input projections: they make z."""
    out: list[Tap]
    """On the output matrices: they are given a."""
    gate: list[Tap]
    """On the gates' activation functions: they make act(z). Empty where MLPs have no gate."""

    def sites(self) -> dict[str, list[Tensor]]:
        """The values of each site, a layer each."""
        found = {"pre": [tap.made for tap in self.pre], "post": [tap.given for tap in self.out]}
        return found | ({"gate": [tap.made for tap in self.gate]} if self.gate else {})


def is_gated(machine: Captioner) -> bool:
    return machine.model.config.get_text_config().model_type not in MLPS


def tapped(machine: Captioner) -> Tapped:
    model = copy.deepcopy(machine.model).requires_grad_(True)
    decoder = model.get_decoder()
    taps: list[list[Tap]] = []
    for path in MLPS.get(model.config.get_text_config().model_type, GATED):
        names = [name for name, _ in decoder.named_modules() if path and name.endswith(f".{path}")]
        taps.append([Tap(decoder.get_submodule(name)) for name in names])
        for name, tap in zip(names, taps[-1], strict=True):
            decoder.set_submodule(name, tap)
    return Tapped(model, *taps)


def by_hand(values: Sequence[Tensor], where: Tensor) -> Tensor:
    """[layer, patch, unit]: value * gradient of one prompt at its visual positions, after ``backward()``."""
    scores = []
    for value in values:
        slope = torch.zeros_like(value) if value.grad is None else value.grad
        scores.append((value * slope).reshape(-1, value.shape[-1])[where])
    return torch.stack(scores).detach()


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
