"""Families that show the model an image in tiles and once more as a whole."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from molyneux.models.geometry.frames import WHOLE, Frame, Size, cells, placed, tiled, within
from molyneux.models.geometry.grid import PatchGrid
from molyneux.models.geometry.sight import Sight
from molyneux.models.geometry.views import View, patch_map, view

__all__ = ["canvas", "pan_and_scan", "split"]


def raster(start: int, columns: int, rows: int) -> Int[Tensor, "row column"]:
    """Positions of a grid that is read row by row."""
    return start + torch.arange(rows * columns).reshape(rows, columns)


def by_tile(start: int, tiles: Size, each: Size) -> Int[Tensor, "row column"]:
    """Positions of a grid that is read tile by tile, each tile row by row."""
    (across, down), (columns, rows) = tiles, each
    order = raster(start, columns * rows, across * down).reshape(down, across, rows, columns)
    return order.transpose(1, 2).reshape(down * rows, across * columns)


def whole(start: int, each: Size, covered: Frame) -> View:
    """The image as a whole, stretched."""
    columns, rows = each
    return view(covered, cells(0.0, 1.0, rows), cells(0.0, 1.0, columns), raster(start, columns, rows))


def tiles_of(start: int, tiles: Size, each: Size, covered: Frame) -> View:
    """Tiles that together cover the image, stretched."""
    across = tiled(tiles[0], each[0], covered[2])
    return View(tiled(tiles[1], each[1], covered[3]), across, by_tile(start, tiles, each))


def _merged(sight: Sight, factor: int) -> tuple[Size, Frame] | None:
    """Positions a tile, across and down, after ``factor`` x ``factor`` patches became one; what they cover."""
    found = sight.cells()
    if found is None:
        return None
    (columns, rows), covered = found
    if columns % factor or rows % factor:
        return None
    return (columns // factor, rows // factor), covered


def _together(sight: Sight, tiles: Size, each: Size, covered: Frame) -> PatchGrid | None:
    """Tiles first, then the whole; None where the prompt holds another number of positions."""
    before = tiles[0] * tiles[1] * each[0] * each[1]
    if before + each[0] * each[1] != sight.positions:
        return None
    views = [tiles_of(0, tiles, each, covered), whole(before, each, covered)]
    return patch_map(*sight.size, views, sight.positions)


def split(sight: Sight) -> PatchGrid | None:
    """Idefics3, SmolVLM: stretched to whole tiles, tile by tile, then the whole; blocks of patches merged.

    The tokens that name a tile's row and column are tokens of the text, no visual positions.
    """
    found = _merged(sight, int(sight.config.scale_factor))
    if found is None or sight.images is None:
        return None
    each, covered = found
    if sight.positions == each[0] * each[1]:
        return sight.grid(each, covered)
    return _together(sight, _tiles_of_split(sight), each, covered)


def _tiles_of_split(sight: Sight) -> Size:
    """Tiles across and down: the longer side to its setting, then both sides up to whole tiles."""
    wide, high = sight.size
    tile = int(sight.setting("max_image_size")["longest_edge"])
    size, resizes = sight.setting("size"), bool(sight.setting("do_resize"))
    longest = size.get("longest_edge")
    if resizes and longest:
        wide, high = _longest(wide, high, int(longest))
        if max(wide, high) > 4096:  # the processor's own bound
            wide, high = (4096, int(4096 * high / wide)) if wide >= high else (int(4096 * wide / high), 4096)
    elif resizes:
        wide, high = int(size["width"]), int(size["height"])
    aspect = wide / high
    if wide >= high:
        wide = math.ceil(wide / tile) * tile
        high = int(wide / aspect)
    else:
        high = math.ceil(high / tile) * tile
        wide = int(high * aspect)
    return math.ceil(wide / tile), math.ceil(high / tile)


def _longest(wide: int, high: int, longest: int) -> Size:
    """The longer side at ``longest``, the other in proportion and made even."""
    aspect = wide / high
    if wide >= high:
        short = int(longest / aspect)
        return longest, max(short + short % 2, 1)
    short = int(longest * aspect)
    return max(short + short % 2, 1), longest


def canvas(sight: Sight) -> PatchGrid | None:
    """InternVL: stretched to the canvas of tiles of nearest shape, tile by tile, then the whole; blocks merged."""
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import get_optimal_tiled_canvas

    found = _merged(sight, round(1 / sight.config.downsample_ratio))
    if found is None:
        return None
    each, covered = found
    if sight.positions == each[0] * each[1]:
        return sight.grid(each, covered)
    wide, high = sight.size
    least, most = sight.setting("min_patches") or 1, sight.setting("max_patches") or 12
    tiles = get_optimal_tiled_canvas((high, wide), (sight.pixels[1], sight.pixels[0]), least, most)
    return _together(sight, tiles, each, covered)


def pan_and_scan(sight: Sight) -> PatchGrid | None:
    """Gemma 3: the whole, stretched; then, if the processor pans, crops along the longer side, each stretched."""
    found = sight.cells()
    side = math.isqrt(sight.config.mm_tokens_per_image)
    if found is None or side == 0 or sight.positions % (side * side):
        return None
    (columns, rows), covered = found
    pooled = ((columns // side) * side / columns, (rows // side) * side / rows)  # pooling drops a remainder
    covered = within(covered, (0.0, 0.0, *pooled))
    crops = sight.positions // (side * side) - 1
    if crops == 0:
        return sight.grid((side, side), covered)
    frames = _crops(sight)
    if len(frames) != crops:
        return None
    views = [
        whole(n * side * side, (side, side), within(frame, covered))
        for n, frame in enumerate([WHOLE, *frames])
    ]
    return patch_map(*sight.size, views, sight.positions)


def _crops(sight: Sight) -> list[Frame]:
    """The crops that the processor itself takes of a blank image of this size, side by side."""
    wide, high = sight.size
    names = ("pan_and_scan_min_crop_size", "pan_and_scan_max_num_crops", "pan_and_scan_min_ratio_to_activate")
    settings = {name: sight.setting(name) for name in names}
    if None in settings.values():
        return []
    blank = np.broadcast_to(np.uint8(0), (1, high, wide))
    frames, at = [], 0
    for crop in sight.images.pan_and_scan(blank, **settings):
        down, across = crop.shape[-2:]
        corner = (-at, 0) if wide >= high else (0, -at)
        frames.append(placed(sight.size, (across, down), corner))
        at += across if wide >= high else down
    return frames
