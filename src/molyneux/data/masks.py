"""Objects and their masks as COCO writes them: polygons, run lengths, compressed run lengths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from molyneux.ground.errors import AssetError

__all__ = ["CocoObject", "mask_problem", "run_lengths_of"]

_LONGEST = 4_000_000  # characters of compressed counts; no image within the gate's limits needs as many


@dataclass(frozen=True)
class CocoObject:
    """One annotated object."""

    category: str
    segmentation: Any
    """As in the file: run lengths, compressed or not, or polygons."""
    size: tuple[int, int]
    """height, width of its image."""
    crowd: bool

    def mask(self) -> Bool[np.ndarray, "height width"]:
        """The object's pixels.

        Raises:
            AssetError: polygons, and pycocotools is not installed.
            ValueError: run lengths that do not add up to the image.
        """
        encoded = self.segmentation
        if isinstance(encoded, dict):
            runs = np.asarray(run_lengths_of(encoded["counts"]), dtype=np.int64)
            flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
            return flat.reshape(self.size, order="F")
        try:
            from pycocotools import mask as coco
        except ImportError as error:
            raise AssetError(
                "mask", expected="pycocotools, for polygons", fix="pip install 'molyneux[coco]'"
            ) from error
        return np.asarray(coco.decode(coco.merge(coco.frPyObjects(encoded, *self.size))), dtype=bool)


def run_lengths_of(counts: Sequence[Any] | str | bytes) -> list[int]:
    """Run lengths, 0 and 1 in turn, from COCO's two ways of writing them.

    Compressed: each number is groups of 5 bits, lowest first, as characters from ``0`` on; bit 6 says that
    more follow, the last group's top bit is the sign. From the third number on it is the difference from the
    one two before.

    Raises:
        ValueError: it does not read, or a length is negative.
    """
    if isinstance(counts, bytes):
        counts = counts.decode("ascii")
    lengths = _decompressed(counts) if isinstance(counts, str) else list(counts)
    if any(type(length) is not int or length < 0 for length in lengths):
        raise ValueError("a length that is no whole number from 0")
    return lengths


def mask_problem(segmentation: object, size: tuple[int, int]) -> tuple[str, str] | None:
    """What is wrong with a segmentation, as a kind of problem and its details; None if nothing is.

    pycocotools would take all of these, and make other masks of them.
    """
    if isinstance(segmentation, dict):
        return _run_length_problem(segmentation, size)
    if not isinstance(segmentation, list) or not segmentation:
        return "polygon", "no polygon"
    for polygon in segmentation:
        if why := _polygon_problem(polygon, size):
            return "polygon", why
    return None


def _run_length_problem(encoded: dict[str, Any], size: tuple[int, int]) -> tuple[str, str] | None:
    if encoded.get("size") != list(size):
        return "mask-size", f"size {encoded.get('size')}, the image has {list(size)}"
    counts = encoded.get("counts")
    if not isinstance(counts, list | str):
        return "mask-counts", "no counts"
    try:
        total = sum(run_lengths_of(counts))
    except ValueError as error:
        return "mask-counts", str(error)
    pixels = size[0] * size[1]
    return None if total == pixels else ("mask-counts", f"{total} of {pixels} pixels")


def _polygon_problem(polygon: object, size: tuple[int, int]) -> str | None:
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        return "fewer than three points, or half a point"
    if any(type(number) not in (int, float) or not math.isfinite(number) for number in polygon):
        return "points that are no numbers"
    height, width = size
    # A pixel of grace: COCO's own polygons touch, and by rounding cross, the border.
    across, down = polygon[::2], polygon[1::2]
    if min(across) < -1 or min(down) < -1 or max(across) > width + 1 or max(down) > height + 1:
        return f"points outside {width} x {height}"
    return None


def _decompressed(text: str) -> list[int]:
    if len(text) > _LONGEST:
        raise ValueError(f"{len(text)} characters of counts")
    lengths: list[int] = []
    value, shift = 0, 0
    for character in text:
        group = ord(character) - 48
        if not 0 <= group < 64 or shift > 60:
            raise ValueError(f"counts with {character!r}")
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value, shift = 0, 0
    if shift:
        raise ValueError("counts that end within a number")
    return lengths
