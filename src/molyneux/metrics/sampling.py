"""Samples that statistics are made of: checked, and drawn again with replacement."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from molyneux.ground.errors import SettingError

__all__ = ["block_of", "check_draws", "check_level", "resampled_means", "sample_of"]

# Resamples are drawn in blocks of about this many numbers: 32 MB, however many images there are.
_BLOCK = 4_000_000


def sample_of(values: ArrayLike, name: str) -> Float[np.ndarray, " image"]:
    """The values as float64.

    Raises:
        SettingError: none at all, not one number an image, or non-finite ones.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not len(sample):
        raise SettingError(
            f"{name} of shape", value=sample.shape, expected="one dimension and at least one value"
        )
    if not np.isfinite(sample).all():
        bad = int(np.count_nonzero(~np.isfinite(sample)))
        raise SettingError(
            f"non-finite numbers among {name}",
            value=bad,
            expected="none",
            fix="Leave those images out and report how many they are.",
        )
    return sample


def check_draws(draws: int) -> None:
    """Refuse less than one draw."""
    if draws < 1:
        raise SettingError("draws", value=draws, expected="at least 1")


def check_level(level: float) -> None:
    """Refuse a coverage that is none."""
    if not 0 < level < 1:
        raise SettingError("level", value=level, expected="a number between 0 and 1, such as 0.95")


def block_of(count: int) -> int:
    """How many draws of ``count`` numbers are held at a time."""
    return max(1, _BLOCK // count)


def resampled_means(
    sample: Float[np.ndarray, " image"], rng: np.random.Generator, draws: int
) -> Float[np.ndarray, " draw"]:
    """Means of ``draws`` samples of the same size, drawn with replacement."""
    count = len(sample)
    block = block_of(count)
    return np.concatenate(
        [
            sample[rng.integers(0, count, (min(block, draws - done), count))].mean(axis=1)
            for done in range(0, draws, block)
        ]
    )
