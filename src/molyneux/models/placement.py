"""Weights wherever accelerate keeps them: on several devices, or put away until their module runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["all_weights", "home_of", "weight_of"]


def _there(module: nn.Module) -> AbstractContextManager[Any]:
    """Inside, the module's own weights are where it runs, as in its forward pass."""
    if not any(weight.is_meta for weight in module.parameters(recurse=False)):
        return nullcontext()
    from accelerate.utils import align_module_device

    found: AbstractContextManager[Any] = align_module_device(module)
    return found


def weight_of(module: nn.Module, name: str = "weight") -> Tensor | None:
    """A module's weight, or bias, with its values, on the device where the module runs; None if it has none."""
    with _there(module):
        found: Tensor | None = getattr(module, name, None)
    return found


def all_weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every weight by name, with its values; those that are put away are read one module at a time."""
    for path, module in model.named_modules():
        with _there(module):
            for name, weight in module.named_parameters(recurse=False):
                yield f"{path}.{name}" if path else name, weight


def home_of(model: nn.Module) -> torch.device:
    """The device to which a model's inputs go."""
    first: torch.device = next(model.parameters()).device
    if first.type != "meta":
        return first
    told: Any = getattr(getattr(model, "_hf_hook", None), "execution_device", None)
    return torch.device("cpu" if told is None else told)
