"""How far masks overlap."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from molyneux.ground.errors import SettingError

__all__ = ["iou", "ious"]


def iou(first: ArrayLike, second: ArrayLike) -> float:
    """Intersection over union, ``|A and B| / |A or B|``, of two masks of one shape.

    Two empty masks overlap by 0, as pycocotools has it. For crowds pycocotools divides by the area of the first
    mask instead; they are left out of these figures.

    Args:
        first: booleans, "height width": an array, nested lists, or a tensor on the CPU.
        second: the other mask.

    Raises:
        SettingError: the shapes differ, or the values are no booleans.
    """
    a, b = _mask(first), _mask(second)
    _check_shapes(a.shape, b.shape)
    return float(_overlaps(a.reshape(1, -1), b.reshape(-1))[0])


def ious(masks: ArrayLike, other: ArrayLike) -> Float[np.ndarray, " mask"]:
    """Intersection over union of each of several masks, "mask height width", with one other, as ``iou`` has it.

    Raises:
        SettingError: the shapes differ, or the values are no booleans.
    """
    several, one = _mask(masks), _mask(other)
    _check_shapes(several.shape[1:], one.shape)
    return _overlaps(several.reshape(len(several), one.size), one.reshape(-1))


def _overlaps(
    masks: Bool[np.ndarray, "mask pixel"], other: Bool[np.ndarray, " pixel"]
) -> Float[np.ndarray, " mask"]:
    common = np.count_nonzero(masks & other, axis=1)
    union = np.count_nonzero(masks | other, axis=1)
    found: Float[np.ndarray, " mask"] = np.divide(common, union, out=np.zeros(len(masks)), where=union > 0)
    return found


def _check_shapes(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    if first != second:
        raise SettingError(
            "masks of shapes",
            value=(first, second),
            expected="one shape",
            fix="Carry both through the same resize.",
        )


def _mask(values: ArrayLike) -> np.ndarray:
    mask = np.asarray(values)
    if mask.dtype != np.bool_:
        raise SettingError(
            "mask of type", value=str(mask.dtype), expected="bool", fix="Compare it with a threshold first."
        )
    return mask
