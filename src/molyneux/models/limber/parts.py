"""The two models that LiMBeR joins, and the linear layer between them: loading, widths and patch vectors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, PreTrainedModel

from molyneux.ground.errors import ModelError
from molyneux.models.limber.configuration import patch_grid

__all__ = [
    "leading_vectors",
    "load_projection",
    "patch_vectors",
    "text_model",
    "vision_model",
    "vision_width",
]


def vision_model(source: PreTrainedModel | str | Path) -> Any:
    """An image encoder: the loaded one, or that of a folder or hub name (of CLIP, the image half)."""
    if not isinstance(source, (str, Path)):
        return source
    config = AutoConfig.from_pretrained(str(source), trust_remote_code=False)
    return AutoModel.from_pretrained(
        str(source), config=getattr(config, "vision_config", config), trust_remote_code=False
    )


def text_model(source: PreTrainedModel | str | Path) -> Any:
    """A causal language model: the loaded one, or that of a folder or hub name."""
    return (
        AutoModelForCausalLM.from_pretrained(str(source), trust_remote_code=False)
        if isinstance(source, (str, Path))
        else source
    )


def vision_width(config: Any) -> int:
    """Length of an encoder's patch vectors."""
    width = getattr(config, "hidden_size", None)
    if width is None and getattr(config, "hidden_sizes", None):
        width = config.hidden_sizes[-1]  # convolutional encoders: the last stage's
    if width is None:
        raise ModelError(
            "vision_config",
            value=type(config).__name__,
            expected="hidden_size or hidden_sizes, the patch vectors' length",
        )
    return int(width)


def _last_hidden_state(model: Any, pixel_values: Tensor) -> Tensor:
    """``[image, vector, dim]``; a map ``[image, dim, height, width]`` is read row by row."""
    hidden: Tensor = model(pixel_values=pixel_values.to(model.dtype)).last_hidden_state
    return hidden.flatten(2).transpose(1, 2) if hidden.ndim == 4 else hidden


def _skip_by_shape(model: Any, height: int, width: int, found: int) -> int:
    grid = patch_grid(model.config, (height, width))
    if grid is None:
        return 0  # no patch size: a convolutional map, which has no class token
    skip = found - grid[0] * grid[1]
    if skip < 0:
        raise ModelError(
            "vectors of the image encoder",
            value=found,
            expected=f"{grid[0] * grid[1]} or more, one for each of {grid[0]} x {grid[1]} patches",
            fix="Set vision_skip_tokens in LimberConfig if the encoder merges patches.",
        )
    return skip


def patch_vectors(
    model: Any, pixel_values: Float[Tensor, "image channel height width"], skip: int | None
) -> Float[Tensor, "image patch vision"]:
    """The encoder's last hidden state without its ``skip`` leading vectors (None: one a patch stays)."""
    hidden = _last_hidden_state(model, pixel_values)
    if skip is None:
        skip = _skip_by_shape(model, pixel_values.shape[2], pixel_values.shape[3], hidden.shape[1])
    return hidden[:, skip:]


@torch.no_grad()
def leading_vectors(model: Any) -> int:
    """How many vectors an encoder puts before those of its patches, counted on an empty image."""
    side = getattr(model.config, "image_size", None)
    if side is None or patch_grid(model.config) is None:
        return 0
    height, width = side if isinstance(side, (tuple, list)) else (side, side)
    channels = getattr(model.config, "num_channels", 3)
    empty = torch.zeros(1, channels, height, width, device=model.device, dtype=model.dtype)
    return _skip_by_shape(model, height, width, _last_hidden_state(model, empty).shape[1])


@torch.no_grad()
def load_projection(layer: nn.Linear, state: Tensor | Mapping[str, Tensor]) -> None:
    """Copy a weight ``[text dim, vision dim]`` (then bias is 0), or ``weight`` and ``bias``, into the layer.

    Raises:
        ModelError: keys or shapes are others.
    """
    named = (
        {"weight": state, "bias": torch.zeros_like(layer.bias)} if isinstance(state, Tensor) else dict(state)
    )
    wanted = {"weight": tuple(layer.weight.shape), "bias": tuple(layer.bias.shape)}
    found = {name: tuple(value.shape) for name, value in named.items()}
    if found != wanted:
        raise ModelError(
            "projection",
            value=found,
            expected=f"{wanted}: [text dim, vision dim] and [text dim]",
            fix="Take the projection that was trained for this pair of encoder and language model.",
        )
    for name, value in named.items():
        getattr(layer, name).copy_(value)
