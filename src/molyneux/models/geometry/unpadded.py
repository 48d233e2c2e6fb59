"""LLaVA-NeXT and LLaVA-OneVision: the whole first, then tiles of a padded canvas, read across all of them."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from molyneux.models.geometry.frames import Frame, Size, cells, placed, tiled
from molyneux.models.geometry.grid import PatchGrid
from molyneux.models.geometry.sight import Sight
from molyneux.models.geometry.tiles import raster, whole
from molyneux.models.geometry.views import patch_map, view

__all__ = ["unpadded"]


def unpadded(sight: Sight) -> PatchGrid | None:
    """The whole, stretched; then the rows of a canvas of tiles without its padding, a newline after each.

    Newlines have no place on the image. OneVision draws a canvas of many patches together.
    """
    found = sight.cells()
    if found is None:
        return None
    each, covered = found
    best = _canvas(sight)
    tiles = (best[0] // sight.pixels[0], best[1] // sight.pixels[1])
    across, down = tiled(tiles[0], each[0], covered[2]), tiled(tiles[1], each[1], covered[3])
    across, down = _without_padding(sight.size, across, down)
    across, down = _fewer(sight, across, down, each[1])
    start = each[0] * each[1]
    if start + len(down) * (len(across) + 1) != sight.positions:
        return None
    views = [whole(0, each, covered)]
    if len(across) and len(
        down
    ):  # of very long images the model cuts all rows, or all columns, off as padding
        order = raster(start, len(across) + 1, len(down))[:, :-1]
        views.append(view(_on_canvas(sight.size, best), down, across, order))
    return patch_map(*sight.size, views, sight.positions)


def _canvas(sight: Sight) -> Size:
    """Width and height of the canvas, in pixels, that the model's settings allow and suits the image best."""
    from transformers.image_processing_utils import select_best_resolution

    wide, high = sight.size
    down, across = select_best_resolution((high, wide), sight.config.image_grid_pinpoints)
    return int(across), int(down)


def _on_canvas(image: Size, best: Size) -> Frame:
    """What the canvas holds: the image as large as fits, in its middle."""
    (wide, high), (across, down) = image, best
    if across / wide < down / high:
        fitted = (across, min(math.ceil(high * (across / wide)), down))
    else:
        fitted = (min(math.ceil(wide * (down / high)), across), down)
    return placed(fitted, best, ((across - fitted[0]) // 2, (down - fitted[1]) // 2))


def _without_padding(
    image: Size, across: Float[Tensor, "column 2"], down: Float[Tensor, "row 2"]
) -> tuple[Tensor, Tensor]:
    """The columns and rows that the model keeps: as many patches cut from both ends as padding fills."""
    wide, high = image
    columns, rows = len(across), len(down)
    if wide / high > columns / rows:
        cut = (rows - int(round(high * (columns / wide), 7))) // 2
        return across, down[cut : rows - cut]
    cut = (columns - int(round(wide * (rows / high), 7))) // 2
    return across[cut : columns - cut], down


def _fewer(sight: Sight, across: Tensor, down: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """OneVision interpolates a canvas of more than ``anyres_max_N`` tiles of patches to fewer."""
    limit = getattr(sight.config, "vision_aspect_ratio", None)
    if limit is None:
        return across, down
    ratio = math.sqrt(len(across) * len(down) / (int(limit.removeprefix("anyres_max_")) * side**2))
    if ratio <= 1.1:
        return across, down
    return _resampled(across, int(len(across) // ratio)), _resampled(down, int(len(down) // ratio))


def _resampled(axis: Float[Tensor, "cell 2"], count: int) -> Float[Tensor, "fewer 2"]:
    return cells(float(axis[0, 0]), float(axis[-1, 1]), count) if count else torch.empty(0, 2)
