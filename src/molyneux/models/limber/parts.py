"""The two models that LiMBeR joins, and the linear layer between them: loading, widths and patch vectors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForCausalLM, PreTrainedModel

from molyneux.ground.errors import ModelError
from molyneux.models.checkpoint import SAFE, check_weights, read_config, reading
from molyneux.models.limber.configuration import patch_grid
from molyneux.models.presence import TEXT, VISION
from molyneux.models.projection_file import check_fits, check_projection, read_projection
from molyneux.models.source import Source, find_source

__all__ = [
    "leading_vectors",
    "load_projection",
    "patch_vectors",
    "pooled_vector",
    "projection_of",
    "text_model",
    "text_width",
    "vision_model",
    "vision_width",
]


def vision_model(source: PreTrainedModel | str | Path, revision: str = "main", **options: Any) -> Any:
    """An image encoder: the loaded one, or that of a folder or hub id (of CLIP, the image half).

    Args:
        revision: of an id that names none.
        **options: of ``from_pretrained``, such as ``dtype``.

    Raises:
        ModelError: the checkpoint cannot be read, or lacks weights.
    """
    if not isinstance(source, (str, Path)):
        return source
    found = find_source(source, revision)
    if "config" not in options:
        config = read_config(found)
        options["config"] = getattr(config, "vision_config", config)
    return _part(AutoModel, found, VISION, **options)


def text_model(source: PreTrainedModel | str | Path, revision: str = "main", **options: Any) -> Any:
    """A causal language model: the loaded one, or that of a folder or hub id; arguments as above."""
    if not isinstance(source, (str, Path)):
        return source
    return _part(AutoModelForCausalLM, find_source(source, revision), TEXT, **options)


def _part(auto: Any, source: Source, needed: Any, **options: Any) -> Any:
    with reading(source, needed):
        model, loaded = auto.from_pretrained(
            source.where, revision=source.revision, output_loading_info=True, **SAFE, **options
        )
    check_weights(model, loaded, source, part=True)
    return model


def vision_width(config: Any) -> int:
    """Length of an encoder's patch vectors (of CLIP's configuration, of its image half's)."""
    config = getattr(config, "vision_config", None) or config
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


def text_width(config: Any) -> int:
    """Length of a language model's token embeddings."""
    return int(getattr(config, "word_embed_proj_dim", None) or config.hidden_size)


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


def pooled_vector(
    model: Any, pixel_values: Float[Tensor, "image channel height width"]
) -> Float[Tensor, "image 1 vision"]:
    """The encoder's pooled vector as the one visual token, whatever empty sides it comes with."""
    pooled: Tensor = model(pixel_values=pixel_values.to(model.dtype)).pooler_output
    return pooled.flatten(1).unsqueeze(1)


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


def projection_of(
    given: Tensor | Mapping[str, Tensor] | str | Path | None,
    vision: PreTrainedModel | str | Path,
    text: PreTrainedModel | str | Path,
    revision: str = "main",
) -> dict[str, Tensor] | None:
    """``weight`` and ``bias`` of a projection, which fits between two models that need not be loaded yet.

    Args:
        given: a weight (the bias is 0), a state, or the path of a file; None stays None.
        vision, text: the models, or where they are: their configurations only are read.
        revision: of hub ids that name none.

    Raises:
        ModelError: keys, shapes or dtypes are wrong, or a number is not finite.
    """
    if given is None:
        return None
    if isinstance(given, (str, Path)):
        state = read_projection(given)
    else:
        whole = (
            {"weight": given, "bias": given.new_zeros(given.shape[:1])}
            if isinstance(given, Tensor)
            else given
        )
        state = check_projection(whole, "given")
    eyes, writer = (
        read_config(find_source(one, revision)) if isinstance(one, (str, Path)) else one.config
        for one in (vision, text)
    )
    check_fits(state, text_width(writer), vision_width(eyes))
    return state


@torch.no_grad()
def load_projection(layer: nn.Linear, state: Mapping[str, Tensor]) -> None:
    """Copy ``weight`` [text dim, vision dim] and ``bias`` into the layer, which takes the wider of both dtypes.

    Raises:
        ModelError: the shapes are others.
    """
    check_fits(state, *layer.weight.shape)
    layer.to(torch.promote_types(state["weight"].dtype, layer.weight.dtype))
    layer.weight.copy_(state["weight"])
    layer.bias.copy_(state["bias"])
