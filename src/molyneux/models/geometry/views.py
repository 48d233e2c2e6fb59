"""Visual positions on several grids of one image: tiles and a thumbnail, grids that reach into padding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from molyneux.models.geometry.frames import Frame
from molyneux.models.geometry.grid import Box, PatchGrid

__all__ = ["PatchMap", "View", "patch_map", "view"]


@dataclass(frozen=True, eq=False)
class View:
    """One look of the model at the image: rows by columns of cells, and the visual position of each.

    Cells may leave gaps, and may lie beyond the image, in padding.
    """

    down: Float[Tensor, "row 2"]
    """Top and bottom of each row, in fractions of the image's height."""
    across: Float[Tensor, "column 2"]
    """Left and right of each column, in fractions of its width."""
    positions: Int[Tensor, "row column"]

    def boxes(self) -> Float[Tensor, "cell 4"]:
        """left, top, right, bottom of each cell in raster order, cut at the image's edges; NaN if wholly outside."""
        rows, columns = self.positions.shape
        down, across = self.down.clamp(0, 1), self.across.clamp(0, 1)
        down = down[:, None].expand(rows, columns, 2)
        across = across[None].expand(rows, columns, 2)
        found = torch.stack([across[..., 0], down[..., 0], across[..., 1], down[..., 1]], dim=-1)
        empty = (found[..., 2] - found[..., 0] <= 1e-9) | (found[..., 3] - found[..., 1] <= 1e-9)
        return found.masked_fill(empty[..., None], torch.nan).reshape(-1, 4)

    def spread(
        self, values: Float[Tensor, " position"], height: int, width: int
    ) -> Float[Tensor, "height width"]:
        """Values of its cells over the image's pixels, bilinear between centres; NaN where it did not look."""
        grid = values[self.positions]
        return _weights(self.down, height) @ grid @ _weights(self.across, width).T


def _weights(axis: Float[Tensor, "cell 2"], pixels: int) -> Float[Tensor, "pixel cell"]:
    """Share of each cell in each pixel: linear between cell centres, constant beyond the outer ones."""
    centres = axis.mean(dim=1)
    at = (torch.arange(pixels, dtype=torch.float64) + 0.5) / pixels
    last = len(axis) - 1
    after = torch.searchsorted(centres, at).clamp(1, max(last, 1)).clamp(max=last)
    before = (after - 1).clamp(min=0)
    gap = (centres[after] - centres[before]).clamp(min=1e-12)
    share = ((at - centres[before]) / gap).clamp(0, 1)
    weights = torch.zeros(pixels, len(axis), dtype=torch.float64)
    pixel = torch.arange(pixels)
    weights[pixel, before] += 1 - share
    weights[pixel, after] += share
    unseen = (at < axis[0, 0]) | (at > axis[-1, 1])
    return weights.masked_fill(unseen[:, None], torch.nan)


@dataclass(frozen=True, eq=False)
class PatchMap(PatchGrid):
    """Patches on one or more views of an image. ``rows`` and ``columns`` are those of the view with most cells.

    Some positions have no place: newline tokens, class tokens, patches wholly in padding.
    """

    views: tuple[View, ...] = ()
    positions: int = 0

    @property
    def patches(self) -> int:
        """Number of visual positions, those without a place included."""
        return self.positions

    @cached_property
    def boxes(self) -> Float[Tensor, "position 4"]:
        """left, top, right, bottom of each position in fractions of the image; NaN without a place."""
        table = torch.full((self.positions, 4), torch.nan, dtype=torch.float64)
        for one in self.views:
            table[one.positions.flatten()] = one.boxes()
        return table

    def patch_box(self, patch: int) -> Box | None:
        """left, top, right, bottom of one patch in original pixels; None where it has no place on the image.

        Raises:
            ModelError: there is no such patch.
        """
        self._check(patch)
        left, top, right, bottom = self.boxes[patch].tolist()
        if left != left:
            return None
        return left * self.width, top * self.height, right * self.width, bottom * self.height

    def upsample(self, values: Float[Tensor, " patch"]) -> Float[Tensor, "height width"]:
        """Spread values over the original's pixels: bilinearly in each view, then the mean of the views there.

        Each scale counts once, however many cells it has, so maps stay in the range of the activations.
        Positions without a place show nowhere; pixels that no view holds are NaN.
        """
        plain = values.detach().double().cpu()
        maps = [one.spread(plain, self.height, self.width) for one in self.views]
        return torch.stack(maps).nanmean(dim=0).float()


def view(frame: Frame, down: Tensor, across: Tensor, positions: Tensor) -> View:
    """A view whose cells are given in fractions of a frame."""
    left, top, right, bottom = frame
    return View(top + down * (bottom - top), left + across * (right - left), positions)


def patch_map(width: int, height: int, views: list[View], positions: int) -> PatchMap:
    """The map of an image of ``width`` by ``height`` pixels from its views."""
    finest = max(views, key=lambda one: one.positions.numel())
    edges = torch.stack(
        [torch.stack([v.across[0, 0], v.down[0, 0], v.across[-1, 1], v.down[-1, 1]]) for v in views]
    )
    left, top = edges[:, :2].amin(dim=0).clamp(0, 1).tolist()
    right, bottom = edges[:, 2:].amax(dim=0).clamp(0, 1).tolist()
    rows, columns = finest.positions.shape
    box = (left * width, top * height, right * width, bottom * height)
    return PatchMap(rows, columns, width, height, box, views=tuple(views), positions=positions)
