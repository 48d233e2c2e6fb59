"""How far two masks overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from molyneux.ground.errors import SettingError

__all__ = ["iou"]


def iou(first: ArrayLike, second: ArrayLike) -> float:
    """Intersection over union, ``|A and B| / |A or B|``, of two masks of one shape.

    Two empty masks overlap by 0, as pycocotools has it.

    Args:
        first: booleans, "height width": an array, nested lists, or a tensor on the CPU.
        second: the other mask.

    Raises:
        SettingError: the shapes differ, or the values are no booleans.
    """
    a, b = _mask(first), _mask(second)
    if a.shape != b.shape:
        raise SettingError(
            "masks of shapes",
            value=(a.shape, b.shape),
            expected="one shape",
            fix="Carry both through the same resize.",
        )
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else 0.0


def _mask(values: ArrayLike) -> np.ndarray:
    mask = np.asarray(values)
    if mask.dtype != np.bool_:
        raise SettingError(
            "mask of type", value=str(mask.dtype), expected="bool", fix="Compare it with a threshold first."
        )
    return mask
