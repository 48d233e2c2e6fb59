"""What part of an image an image processor shows to the model: stretched, cropped, padded, or in cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = [
    "WHOLE",
    "Frame",
    "Setting",
    "Size",
    "cells",
    "inside",
    "placed",
    "resized",
    "seen",
    "tiled",
    "within",
]

#: left, top, right, bottom in fractions of the image's width and height; beyond 0..1 lies padding.
Frame: TypeAlias = tuple[float, float, float, float]

#: Width and height in pixels.
Size: TypeAlias = tuple[int, int]

#: What a processor's setting of a name is, None where it has none.
Setting: TypeAlias = Callable[[str], Any]

WHOLE: Frame = (0.0, 0.0, 1.0, 1.0)


def placed(image: Size, canvas: Size, at: tuple[int, int] = (0, 0)) -> Frame:
    """What a canvas holds of an image whose left top corner lies ``at`` on it: a crop, padding, or both."""
    (width, height), (across, down), (x, y) = image, canvas, at
    return -x / width, -y / height, (across - x) / width, (down - y) / height


def within(outer: Frame, inner: Frame) -> Frame:
    """The frame that is ``inner`` of what ``outer`` shows, in fractions of the image."""
    left, top, right, bottom = outer
    wide, high = right - left, bottom - top
    return left + inner[0] * wide, top + inner[1] * high, left + inner[2] * wide, top + inner[3] * high


def inside(frame: Frame) -> bool:
    """Whether a frame holds no padding."""
    slack = 1e-9
    return min(frame[:2]) >= -slack and max(frame[2:]) <= 1 + slack


def resized(setting: Setting, image: Size) -> Size:
    """The size that a processor brings an image to: fixed, or by its shorter side."""
    size: Mapping[str, int] | None = setting("size")
    if size is None or setting("do_resize") is False:
        return image
    shortest = size.get("shortest_edge")
    if not shortest:
        return (size["width"], size["height"])
    longer = int(shortest * max(image) / min(image))  # floor, as transformers does
    return (shortest, longer) if image[0] <= image[1] else (longer, shortest)


def seen(setting: Setting, image: Size, *, pad: bool = False) -> Frame:
    """What a processor shows of an image: padded to a square if ``pad``, resized, cut to its centre if it says so.

    Where the crop is larger than the resized image, the frame reaches beyond it.
    """
    frame = WHOLE
    if pad:
        square = (max(image), max(image))
        frame = placed(image, square, ((square[0] - image[0]) // 2, (square[1] - image[1]) // 2))
        image = square
    crop: Mapping[str, int] | None = setting("crop_size")
    if crop is None or not setting("do_center_crop"):
        return frame
    image, canvas = resized(setting, image), (crop["width"], crop["height"])
    at = (-((image[0] - canvas[0]) // 2), -((image[1] - canvas[1]) // 2))
    return within(frame, placed(image, canvas, at))


def cells(start: float, stop: float, count: int) -> Float[Tensor, "cell 2"]:
    """``count`` equal cells from ``start`` to ``stop`` along one axis: where each begins and ends."""
    edges = torch.linspace(start, stop, count + 1, dtype=torch.float64)
    return torch.stack([edges[:-1], edges[1:]], dim=1)


def tiled(tiles: int, count: int, covered: float) -> Float[Tensor, "cell 2"]:
    """Cells of ``tiles`` equal tiles along an axis from 0 to 1, ``count`` in each.

    Args:
        covered: the part of a tile that its cells cover; encoders drop the pixels that fill no patch.
    """
    return torch.cat([cells(tile / tiles, (tile + covered) / tiles, count) for tile in range(tiles)])
