"""What is known about one image in a prompt when its positions are placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from molyneux.models.geometry.frames import WHOLE, Frame, Size, cells, inside, within
from molyneux.models.geometry.grid import PatchGrid
from molyneux.models.geometry.views import patch_map, view

__all__ = ["Sight"]


@dataclass(frozen=True)
class Sight:
    """One image of a prepared batch, with the settings that brought it there."""

    config: Any
    """Of the whole model."""
    processor: Any
    """Of the model; where it has no image processor, images count as stretched."""
    size: Size
    """Width and height of the original."""
    positions: int
    """Visual positions that the prompt holds for it."""
    inputs: Mapping[str, Tensor]
    row: int
    """Of the batch; a row holds one image."""

    @property
    def images(self) -> Any:
        """The image processor, or None."""
        return getattr(self.processor, "image_processor", None)

    def setting(self, name: str) -> Any:
        """How images are prepared: as the whole processor says, else as its image processor does, else None."""
        said = getattr(self.processor, "images_kwargs", None) or {}
        return said.get(name, getattr(self.images, name, None))

    @property
    def pixels(self) -> Size:
        """Width and height in pixels of what the encoder gets, a tile where it gets tiles."""
        given = self.inputs.get("pixel_values")
        if given is not None and given.ndim >= 4:
            return int(given.shape[-1]), int(given.shape[-2])
        return _pair(self.config.vision_config.image_size)

    @property
    def patch(self) -> Size | None:
        """Width and height of the encoder's patches; None where it has none (convolutional)."""
        given = getattr(self.config.vision_config, "patch_size", None)
        return None if given is None else _pair(given)

    def cells(self) -> tuple[Size, Frame] | None:
        """Columns and rows of whole patches in what the encoder gets, and the part of it that they cover.

        A 384-pixel side has 27 patches of 14 pixels, which end at pixel 378.
        """
        if self.patch is None:
            return None
        (wide, high), (across, down) = self.pixels, self.patch
        columns, rows = wide // across, high // down
        return (columns, rows), (0.0, 0.0, columns * across / wide, rows * down / high)

    def grid(self, grid: Size, frame: Frame = WHOLE, *, lead: int = 0) -> PatchGrid | None:
        """``grid`` = columns by rows over a frame, in raster order after ``lead`` positions without a place.

        None where the prompt holds another number of positions.
        """
        columns, rows = grid
        if columns * rows + lead != self.positions or min(grid) < 1:
            return None
        width, height = self.size
        if inside(frame) and lead == 0:
            left, top, right, bottom = frame
            box = (left * width, top * height, right * width, bottom * height)
            return PatchGrid(rows, columns, width, height, box)
        order = lead + torch.arange(rows * columns).reshape(rows, columns)
        one = view(frame, cells(0.0, 1.0, rows), cells(0.0, 1.0, columns), order)
        return patch_map(width, height, [one], self.positions)

    def covered(self, frame: Frame) -> Frame:
        """The part of a frame that whole patches cover."""
        found = self.cells()
        return frame if found is None else within(frame, found[1])


def _pair(given: Any) -> Size:
    """A side, or (height, width), as width and height."""
    if isinstance(given, int):
        return given, given
    return int(given[1]), int(given[0])
