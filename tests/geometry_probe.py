"""For tests of geometry: models whose every visual vector comes from its own pixels, and painted images.

The decoder's input embeddings at visual positions are compared. In the encoder the parameters of every attention
are 0, so it adds nothing, and norms change nothing (a norm would blow up the faint change that resizing leaves in
a neighbouring patch to the size of a whole one). Resizing, cropping, tiling, padding, patch order, window order,
merging and packing all stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from molyneux.data.gate import open_image
from molyneux.models.captioner import Captioner
from molyneux.models.geometry import Box, PatchGrid

GREY = 128


def plain_sighted(model: Any) -> Any:
    """The model with random weights, and encoder attentions and norms that do nothing."""
    decoder = {id(module) for module in model.get_decoder().modules()}
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:  # Gemma 3's projection, for one, begins as 0
                weight.normal_(std=0.2)
        for module in model.modules():
            kind = type(module).__name__
            if id(module) in decoder:
                continue
            if "Attention" in kind:
                for weight in module.parameters():
                    weight.zero_()
            elif "Norm" in kind:
                module.forward = lambda vectors: vectors.contiguous()
    return model.eval()


class _Seen(Exception):
    """The decoder's input is known: the rest of the forward pass is not needed."""


@torch.no_grad()
def embeddings(captioner: Captioner, inputs: dict[str, Tensor]) -> Float[Tensor, "batch position dim"]:
    """What goes into the decoder."""
    caught: list[Tensor] = []

    def catch(_module: Any, _given: Any, keywords: dict[str, Any]) -> None:
        caught.append(keywords["inputs_embeds"])
        raise _Seen

    handle = captioner.model.get_decoder().register_forward_pre_hook(catch, with_kwargs=True)
    try:
        captioner.forward(inputs)
    except _Seen:
        pass
    finally:
        handle.remove()
    return caught[0]


@dataclass(frozen=True)
class Look:
    """Images of one size, prepared together: the place and the vectors of every visual position."""

    grid: PatchGrid | None
    vectors: Float[Tensor, "image position dim"]


def look(captioner: Captioner, images: Sequence[Image.Image]) -> Look:
    """Prepare images as every command does, and take the vectors that reach the decoder."""
    pictures = [open_image(image) for image in images]
    inputs = captioner.prepare(pictures)
    visual = captioner.visual(inputs["input_ids"])
    vectors = embeddings(captioner, inputs)[visual].reshape(len(images), int(visual[0].sum()), -1)
    return Look(captioner.grid(pictures[-1], inputs, len(images) - 1), vectors)


def painted(size: tuple[int, int], box: Box | None = None) -> Image.Image:
    """Grey, with the pixels in the box white, at least one."""
    pixels = np.full((size[1], size[0], 3), GREY, dtype=np.uint8)
    if box is not None:
        left, top = (min(round(side), most - 1) for side, most in zip(box[:2], size, strict=True))
        pixels[top : max(round(box[3]), top + 1), left : max(round(box[2]), left + 1)] = 255
    return Image.fromarray(pixels)


def strips(box: Box) -> list[Box]:
    """The outer quarters of a box, one a side: a place that is off by half a cell names another cell for some."""
    left, top, right, bottom = box
    wide, high = (right - left) / 4, (bottom - top) / 4
    if min(wide, high) < 2:
        return []
    return [
        (left, top, left + wide, bottom),
        (right - wide, top, right, bottom),
        (left, top, right, top + high),
        (left, bottom - high, right, bottom),
    ]


def apart(one: Box, other: Box, margin: float) -> bool:
    """Whether two boxes keep at least ``margin`` pixels between them."""
    return (
        one[2] + margin <= other[0]
        or other[2] + margin <= one[0]
        or one[3] + margin <= other[1]
        or other[3] + margin <= one[1]
    )
