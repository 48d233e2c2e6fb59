"""From visual positions to pixels of the original image: the one geometry that overlays and masks use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from molyneux.ground.errors import ModelError

__all__ = ["PatchGrid", "grid_of"]


@dataclass(frozen=True)
class PatchGrid:
    """A grid of patches over an image; patch p is row ``p // columns``, column ``p % columns``."""

    rows: int
    columns: int
    width: int
    """Of the original image (upright, as EXIF says), in pixels."""
    height: int
    box: tuple[float, float, float, float]
    """left, top, right, bottom of what the model saw, in original pixels; the whole image unless cropped."""

    @property
    def patches(self) -> int:
        return self.rows * self.columns

    def patch_box(self, patch: int) -> tuple[float, float, float, float]:
        """left, top, right, bottom of one patch in original pixels."""
        if not 0 <= patch < self.patches:
            raise ModelError("patch", value=patch, expected=f"0..{self.patches - 1} on this grid")
        left, top, right, bottom = self.box
        row, column = divmod(patch, self.columns)
        wide, high = (right - left) / self.columns, (bottom - top) / self.rows
        x, y = left + column * wide, top + row * high
        return x, y, x + wide, y + high

    def upsample(self, values: Float[Tensor, " patch"]) -> Float[Tensor, "height width"]:
        """Spread one value a patch over the original's pixels, bilinearly between patch centres.

        Pixels that the model never saw (cut off by a centre crop) are NaN.
        """
        left, top, right, bottom = (round(side) for side in self.box)
        size = (max(1, bottom - top), max(1, right - left))
        heat = values.detach().float().cpu().reshape(1, 1, self.rows, self.columns)
        seen = F.interpolate(heat, size=size, mode="bilinear", align_corners=False)[0, 0]
        if size == (self.height, self.width):
            return seen
        whole = torch.full((self.height, self.width), math.nan)
        whole[top : top + size[0], left : left + size[1]] = seen
        return whole


def _seen_box(processor: Any, width: int, height: int) -> tuple[float, float, float, float]:
    """What an image processor keeps: all (plain stretch), or a centre crop after a shorter-side resize."""
    crop = getattr(processor, "crop_size", None)
    if not getattr(processor, "do_center_crop", False) or crop is None:
        return 0.0, 0.0, float(width), float(height)
    size: Mapping[str, int] = processor.size
    shortest = size.get("shortest_edge")
    across, down = (width, height)
    if getattr(processor, "do_resize", True):
        scale = shortest / min(width, height) if shortest else None
        across = round(width * scale) if scale else size["width"]
        down = round(height * scale) if scale else size["height"]
    wide = min(1.0, crop["width"] / across) * width
    high = min(1.0, crop["height"] / down) * height
    left, top = (width - wide) / 2, (height - high) / 2
    return left, top, left + wide, top + high


def grid_of(model: Any, processor: Any, size: tuple[int, int], positions: int) -> PatchGrid | None:
    """The grid of an image of ``size`` (width, height), or None where positions have no place on it.

    Args:
        positions: number of visual positions that the prompt holds for this image.
    """
    vision = getattr(model.config, "vision_config", None)
    side, patch = getattr(vision, "image_size", None), getattr(vision, "patch_size", None)
    if side is None or patch is None:
        return None
    sides = (side, side) if isinstance(side, int) else tuple(side)
    patches = (patch, patch) if isinstance(patch, int) else tuple(patch)
    rows, columns = sides[0] // patches[0], sides[1] // patches[1]
    if rows * columns != positions or positions == 1:
        return None
    width, height = size
    return PatchGrid(rows, columns, width, height, _seen_box(processor.image_processor, width, height))
