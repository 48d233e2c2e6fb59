"""Small copies of images, and activations of patches spread over them, in NumPy alone."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from molyneux.ground.neuron import NeuronId
from molyneux.report.record import Record

__all__ = ["Shot", "neuron_of", "pictures_of", "spread", "top_mask"]


@dataclass(frozen=True)
class Shot:
    """An image as the run keeps it for its report."""

    image: str
    jpeg: bytes
    place: Mapping[str, Any] | None
    fields: Mapping[NeuronId, Sequence[float]]
    objects: Mapping[str, bytes]

    def pixels(self) -> UInt8[np.ndarray, "height width 3"]:
        """The small copy."""
        with Image.open(io.BytesIO(self.jpeg), formats=["JPEG"]) as opened:
            return np.asarray(opened.convert("RGB"))

    def mask(self, category: str) -> Bool[np.ndarray, "height width"]:
        """Where the object of a category is on the small copy."""
        with Image.open(io.BytesIO(self.objects[category]), formats=["PNG"]) as opened:
            return np.asarray(opened.convert("1"))

    def heat(
        self, values: Sequence[float], size: tuple[int, int]
    ) -> Float[np.ndarray, "height width"] | None:
        """One value a patch over the small copy of (height, width); NaN where the model saw nothing.

        None where the patches have no place on the image.
        """
        if self.place is None:
            return None
        grid = np.asarray(values, dtype=np.float64)[: self.place["rows"] * self.place["columns"]]
        grid = grid.reshape(self.place["rows"], self.place["columns"])
        across, down = size[1] / self.place["width"], size[0] / self.place["height"]
        left, top, right, bottom = self.place["box"]
        x0, x1 = round(left * across), round(right * across)
        y0, y1 = round(top * down), round(bottom * down)
        whole = np.full(size, np.nan)
        whole[y0:y1, x0:x1] = spread(grid, (max(1, y1 - y0), max(1, x1 - x0)))[: size[0] - y0, : size[1] - x0]
        return whole


def neuron_of(told: Mapping[str, Any]) -> NeuronId:
    """A neuron as rows hold it."""
    return NeuronId(int(told["layer"]), int(told["unit"]))


def pictures_of(record: Record) -> dict[str, Shot]:
    """The images of the stage ``pictures``, by name."""
    found = record.stage("pictures")
    return {
        image: Shot(
            image,
            row["thumbnail"],
            row["place"],
            {neuron_of(one["neuron"]): one["values"] for one in row["fields"]},
            {one["category"]: one["mask"] for one in row["objects"]},
        )
        for image, row in (found.rows if found else {}).items()
    }


def spread(grid: Float[np.ndarray, "row column"], size: tuple[int, int]) -> Float[np.ndarray, "height width"]:
    """A grid over (height, width) pixels, bilinearly between the cells' centres, level beyond the outermost.

    The same as ``torch.nn.functional.interpolate(mode="bilinear", align_corners=False)``.
    """
    rows, across = _places(size[0], grid.shape[0]), _places(size[1], grid.shape[1])
    low, high, part = rows
    down = grid[low] * (1 - part)[:, None] + grid[high] * part[:, None]
    low, high, part = across
    spread: Float[np.ndarray, "height width"] = down[:, low] * (1 - part) + down[:, high] * part
    return spread


def _places(pixels: int, cells: int) -> tuple[Any, Any, Any]:
    """For each pixel the cells before and after it, and how far it is from the first to the second."""
    at = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    low = np.floor(at).astype(int)
    return low, np.minimum(low + 1, cells - 1), at - low


def top_mask(heat: Float[np.ndarray, "height width"], percentile: float) -> Bool[np.ndarray, "height width"]:
    """The pixels above a percentile of those that the model saw."""
    seen = heat[np.isfinite(heat)]
    if not seen.size:
        return np.zeros(heat.shape, dtype=bool)
    mask: Bool[np.ndarray, "height width"] = np.nan_to_num(heat, nan=-np.inf) > np.percentile(
        seen, percentile
    )
    return mask
