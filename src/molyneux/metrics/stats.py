"""Means with their uncertainty, and whether two arms differ, without assuming a distribution."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from molyneux.ground.errors import SettingError
from molyneux.metrics.sampling import block_of, check_draws, check_level, resampled_means, sample_of

__all__ = ["Interval", "PairedTest", "mean_interval", "paired_test"]


@dataclass(frozen=True)
class Interval:
    """A mean, its bootstrap interval, and of how many values."""

    mean: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}] (n = {self.count})"


@dataclass(frozen=True)
class PairedTest:
    """The mean of the differences first - second, its two-sided p-value, and the number of pairs."""

    difference: float
    p_value: float
    count: int


def mean_interval(
    values: ArrayLike, *, seed: int | np.random.Generator, level: float = 0.95, draws: int = 10_000
) -> Interval:
    """The mean and its percentile bootstrap interval (Efron 1979).

    The values are drawn with replacement ``draws`` times; the interval runs between the
    ``(1 - level) / 2`` and ``(1 + level) / 2`` quantiles of the means. Of a single value nothing is
    known about the spread: its bounds are NaN.

    Args:
        values: one number an image, finite.
        seed: of the draws; the same seed gives the same interval.
        level: the interval's coverage, between 0 and 1.
        draws: resamples.

    Raises:
        SettingError: no values, non-finite ones, or an impossible level or number of draws.
    """
    sample = sample_of(values, "values")
    check_level(level)
    check_draws(draws)
    mean, count = float(sample.mean()), len(sample)
    if count == 1:
        return Interval(mean, float("nan"), float("nan"), 1)
    means = resampled_means(sample, np.random.default_rng(seed), draws)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high), count)


def paired_test(
    first: ArrayLike, second: ArrayLike, *, seed: int | np.random.Generator, draws: int = 10_000
) -> PairedTest:
    """Whether two arms differ on the same images: the sign-flip permutation test of the mean difference.

    If the arms were alike, each image's difference could as well have the other sign. The p-value is
    the share of sign assignments whose mean is at least as far from 0 as the observed one: all
    assignments if there are no more than ``draws`` of them, otherwise ``draws`` random ones, the
    observed one counted in (Phipson and Smyth 2010), so that it is never 0.

    Raises:
        SettingError: no pairs, another number in either arm, or non-finite values.
    """
    a, b = sample_of(first, "first"), sample_of(second, "second")
    if len(a) != len(b):
        raise SettingError(
            "numbers of values", value=(len(a), len(b)), expected="one of each arm for every image"
        )
    check_draws(draws)
    differences, count = a - b, len(a)
    observed = float(differences.mean())
    # Sums in another order differ in the last bits; an equal mean must count as equal.
    bar = abs(observed) - 1e-12 * float(np.abs(differences).mean())
    if count < 63 and 2**count <= draws:
        signs = np.array(list(product((1.0, -1.0), repeat=count)))
        return PairedTest(observed, _extreme(signs, differences, bar) / len(signs), count)
    rng = np.random.default_rng(seed)
    block = block_of(count)
    extreme = 0
    for done in range(0, draws, block):
        signs = rng.integers(0, 2, (min(block, draws - done), count)) * 2.0 - 1.0
        extreme += _extreme(signs, differences, bar)
    return PairedTest(observed, (extreme + 1) / (draws + 1), count)


def _extreme(
    signs: Float[np.ndarray, "draw image"], differences: Float[np.ndarray, " image"], bar: float
) -> int:
    """How many of the sign assignments give a mean as far out as ``bar``."""
    return int(np.count_nonzero(np.abs(signs @ differences / len(differences)) >= bar))
