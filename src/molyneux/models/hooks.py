"""Hooks as ``with`` blocks: every hook set inside is gone when the block ends, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

__all__ = ["before", "frozen", "on_input", "on_output"]


@contextmanager
def on_output(module: nn.Module, edit: Callable[[Tensor], Tensor | None]) -> Iterator[None]:
    """Call ``edit(output)`` after each forward of ``module``; a tensor it returns replaces the output."""

    def hook(_module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> Tensor | None:
        return edit(output)

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def on_input(module: nn.Module, edit: Callable[[Tensor], Tensor | None]) -> Iterator[None]:
    """Call ``edit(input)`` before each forward of ``module``; a tensor it returns replaces the input."""

    def hook(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        edited = edit(inputs[0])
        return None if edited is None else (edited, *inputs[1:])

    handle = module.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def before(
    module: nn.Module,
    look: Callable[[dict[str, Any]], None],
    *,
    after: Callable[[Any], None] | None = None,
) -> Iterator[None]:
    """Call ``look(keyword arguments)`` before and ``after(output)`` after each forward; nothing changes."""
    handles: list[RemovableHandle] = []

    def first(_module: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        look(dict(keywords, input_ids=inputs[0]) if inputs else keywords)

    handles.append(module.register_forward_pre_hook(first, with_kwargs=True))
    if after is not None:
        handles.append(module.register_forward_hook(lambda _m, _i, output: after(output)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Inside, no parameter asks for a gradient, so that graphs begin where a hook begins them."""
    asking = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in asking:
        parameter.requires_grad_(False)
    try:
        with torch.enable_grad():
            yield
    finally:
        for parameter in asking:
            parameter.requires_grad_(True)
