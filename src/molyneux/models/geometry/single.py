"""Families that show the model one picture of the image: stretched, cropped, padded, or at its own resolution."""

from __future__ import annotations

import math

from molyneux.models.geometry.frames import Size, placed, resized, seen
from molyneux.models.geometry.grid import PatchGrid
from molyneux.models.geometry.sight import Sight

__all__ = ["limber", "llava", "merged", "plain", "raw", "rows_of_sizes"]


def plain(sight: Sight) -> PatchGrid | None:
    """Every patch is a position, in raster order, of an image that was stretched or cropped (PaliGemma)."""
    found = sight.cells()
    if found is None:
        return None
    return sight.grid(found[0], sight.covered(seen(sight.setting, sight.size)))


def limber(sight: Sight) -> PatchGrid | None:
    """As ``plain``; a convolutional encoder without patches gives a square map, or one vector: no geometry."""
    if sight.positions == 1:
        return None
    if sight.patch is not None:
        return plain(sight)
    side = math.isqrt(sight.positions)
    return sight.grid((side, side), seen(sight.setting, sight.size))


def llava(sight: Sight) -> PatchGrid | None:
    """As ``plain``, or padded to a square first; with the encoder's class token in front if all is selected."""
    if sight.config.vision_config.model_type == "pixtral":
        return rows_of_sizes(sight)
    found = sight.cells()
    if found is None:
        return None
    pads = hasattr(sight.images, "pad_to_square") and bool(sight.setting("do_pad"))
    columns, rows = found[0]
    lead = sight.positions - columns * rows
    if lead and not (lead == 1 and sight.config.vision_feature_select_strategy == "full"):
        return None
    return sight.grid(found[0], sight.covered(seen(sight.setting, sight.size, pad=pads)), lead=lead)


def merged(sight: Sight) -> PatchGrid | None:
    """Any resolution, stretched to whole blocks; a position is a block of merge x merge patches (Qwen-VL).

    The processor orders patches block by block, so the merged vectors stand in raster order of blocks.
    """
    grid = sight.inputs.get("image_grid_thw")
    if grid is None:
        return None
    frames, rows, columns = (int(n) for n in grid[sight.row])
    merge = int(sight.config.vision_config.spatial_merge_size)
    return sight.grid((columns // merge, rows // merge)) if frames == 1 else None


def rows_of_sizes(sight: Sight) -> PatchGrid | None:
    """Any resolution up to a longest side, stretched to whole blocks (Pixtral; Mistral 3 merges blocks).

    The tokens that end its rows are tokens of the text, no visual positions.
    """
    sizes, patch = sight.inputs.get("image_sizes"), sight.patch
    if sizes is None or patch is None:
        return None
    high, wide = (int(n) for n in sizes[sight.row])
    merge = int(getattr(sight.config, "spatial_merge_size", 1))
    across, down = patch[0] * merge, patch[1] * merge
    columns, rows = wide // across, high // down
    return sight.grid((columns, rows), (0.0, 0.0, columns * across / wide, rows * down / high))


def raw(sight: Sight) -> PatchGrid | None:
    """Raw pixels without an encoder (Fuyu): made smaller if too large, padded below and right to whole patches.

    The newline tokens that end its rows are tokens of the text, no visual positions.
    """
    side = int(sight.config.patch_size)
    image = _fitted(sight)
    columns, rows = math.ceil(image[0] / side), math.ceil(image[1] / side)
    return sight.grid((columns, rows), placed(image, (columns * side, rows * side)))


def _fitted(sight: Sight) -> Size:
    """The size at which Fuyu's processor shows an image: its own if that fits."""
    wide, high = sight.size
    most = resized(sight.setting, sight.size)
    if wide <= most[0] and high <= most[1]:
        return sight.size
    scale = min(most[1] / high, most[0] / wide)
    return int(wide * scale), int(high * scale)
