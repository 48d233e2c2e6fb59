"""Which scheme places the visual positions of each family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from molyneux.models.geometry.frames import Size
from molyneux.models.geometry.grid import PatchGrid
from molyneux.models.geometry.sight import Sight
from molyneux.models.geometry.single import limber, llava, merged, plain, raw, rows_of_sizes
from molyneux.models.geometry.tiles import canvas, pan_and_scan, split
from molyneux.models.geometry.unpadded import unpadded

__all__ = ["FAMILIES", "grid_of"]


def nowhere(_sight: Sight) -> None:
    """Each position looks at all of the image (learned queries, cross attention)."""


FAMILIES: dict[str, Callable[[Sight], PatchGrid | None]] = {
    "blip-2": nowhere,
    "fuyu": raw,
    "gemma3": pan_and_scan,
    "idefics3": split,
    "internvl": canvas,
    "limber": limber,
    "llava": llava,
    "llava_next": unpadded,
    "llava_onevision": unpadded,
    "mistral3": rows_of_sizes,
    "mllama": nowhere,
    "paligemma": plain,
    "qwen2_5_vl": merged,
    "qwen2_vl": merged,
    "qwen3_vl": merged,
    "smolvlm": split,
}
"""``model_type`` of a model's configuration -> its scheme. Other families have no geometry: a guess would lie."""


def grid_of(
    model: Any,
    processor: Any,
    *,
    size: Size,
    positions: int,
    inputs: Mapping[str, Tensor],
    row: int = 0,
) -> PatchGrid | None:
    """Where the visual positions of one image lie on it, or None where they have no place or none is known.

    Args:
        processor: of the inputs; its ``image_processor`` says how images are resized, cropped and padded.
        size: width and height of the original image, upright.
        positions: number of visual positions that the prompt holds for this image.
        inputs: the prepared batch, one image a row.
        row: the image's row of it.
    """
    scheme = FAMILIES.get(model.config.model_type, nowhere)
    return scheme(Sight(model.config, processor, size, positions, inputs, row))
