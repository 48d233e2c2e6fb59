"""Where visual positions lie on the original image: one regular grid over it, or over a part of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from molyneux.ground.errors import ModelError

__all__ = ["Box", "PatchGrid"]

#: left, top, right, bottom in pixels of the original image.
Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class PatchGrid:
    """A grid of patches over an image; patch p is row ``p // columns``, column ``p % columns``."""

    rows: int
    columns: int
    width: int
    """Of the original image (upright, as EXIF says), in pixels."""
    height: int
    box: Box
    """left, top, right, bottom of what the model saw, in original pixels; the whole image unless cropped."""

    @property
    def patches(self) -> int:
        """Number of visual positions."""
        return self.rows * self.columns

    def patch_box(self, patch: int) -> Box | None:
        """left, top, right, bottom of one patch in original pixels; None where it has no place on the image.

        Raises:
            ModelError: there is no such patch.
        """
        self._check(patch)
        left, top, right, bottom = self.box
        row, column = divmod(patch, self.columns)
        wide, high = (right - left) / self.columns, (bottom - top) / self.rows
        x, y = left + column * wide, top + row * high
        return x, y, x + wide, y + high

    def upsample(self, values: Float[Tensor, " patch"]) -> Float[Tensor, "height width"]:
        """Spread one value a patch over the original's pixels, bilinearly between patch centres.

        Pixels that the model never saw (cut off by a centre crop) are NaN. Values after the image's own, as a
        row of a batch with larger images has them, are not read.
        """
        left, top, right, bottom = (round(side) for side in self.box)
        size = (max(1, bottom - top), max(1, right - left))
        heat = values[: self.patches].detach().float().cpu().reshape(1, 1, self.rows, self.columns)
        seen = F.interpolate(heat, size=size, mode="bilinear", align_corners=False)[0, 0]
        if size == (self.height, self.width):
            return seen
        whole = torch.full((self.height, self.width), math.nan)
        whole[top : top + size[0], left : left + size[1]] = seen
        return whole

    def scaled(self, width: int, height: int) -> PatchGrid:
        """The same places on the image shown at another size."""
        across, down = width / self.width, height / self.height
        left, top, right, bottom = self.box
        box = (left * across, top * down, right * across, bottom * down)
        return replace(self, width=width, height=height, box=box)

    def _check(self, patch: int) -> None:
        if not 0 <= patch < self.patches:
            raise ModelError("patch", value=patch, expected=f"0..{self.patches - 1} on this grid")
