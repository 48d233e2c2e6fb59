"""How two samples differ: the difference of their means with its interval, and of their distributions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from molyneux.ground.errors import SettingError
from molyneux.metrics.sampling import check_draws, check_level, resampled_means, sample_of
from molyneux.metrics.stats import mean_interval

__all__ = ["Difference", "KsTest", "difference_interval", "ks_test"]


@dataclass(frozen=True)
class Difference:
    """The mean of the first arm less that of the second, its bootstrap interval, and of how many values."""

    difference: float
    low: float
    high: float
    first: int
    second: int
    paired: bool

    def __str__(self) -> str:
        count = f"{self.first} pairs" if self.paired else f"{self.first} and {self.second}"
        return f"{self.difference:.3g} [{self.low:.3g}, {self.high:.3g}] (n = {count})"


@dataclass(frozen=True)
class KsTest:
    """The largest distance of two empirical distribution functions, its two-sided p-value, and the counts."""

    statistic: float
    p_value: float
    first: int
    second: int


def difference_interval(
    first: ArrayLike,
    second: ArrayLike,
    *,
    paired: bool,
    seed: int | np.random.Generator,
    level: float = 0.95,
    draws: int = 10_000,
) -> Difference:
    """The difference of two arms' means and its percentile bootstrap interval (Efron 1979).

    Args:
        paired: the arms were measured on the same images, in the same order: images are drawn. Otherwise each
            arm is drawn for itself; an arm of a single value says nothing of its spread, so the bounds are NaN.
        seed: of the draws; the same seed gives the same interval.
        level: the interval's coverage, between 0 and 1.
        draws: resamples.

    Raises:
        SettingError: no values, non-finite ones, pairs that are none, or an impossible level or number of draws.
    """
    a, b = sample_of(first, "first"), sample_of(second, "second")
    check_level(level)
    check_draws(draws)
    if paired:
        if len(a) != len(b):
            raise SettingError(
                "numbers of values", value=(len(a), len(b)), expected="one of each arm for every image"
            )
        found = mean_interval(a - b, seed=seed, level=level, draws=draws)
        return Difference(found.mean, found.low, found.high, len(a), len(b), True)
    difference = float(a.mean() - b.mean())
    if min(len(a), len(b)) == 1:
        return Difference(difference, float("nan"), float("nan"), len(a), len(b), False)
    rng = np.random.default_rng(seed)
    means = resampled_means(a, rng, draws)
    means = means - resampled_means(b, rng, draws)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Difference(difference, float(low), float(high), len(a), len(b), False)


def ks_test(first: ArrayLike, second: ArrayLike) -> KsTest:
    """The two-sample Kolmogorov-Smirnov test: do both samples come from one distribution?

    Two-sided; scipy's ``ks_2samp``, exact up to 10,000 values an arm. The values of an arm must be independent of
    each other: means of images, not single patches. A large p-value is no proof that the distributions are equal.

    Raises:
        SettingError: no values, or non-finite ones.
    """
    from scipy.stats import ks_2samp

    a, b = sample_of(first, "first"), sample_of(second, "second")
    with warnings.catch_warnings():
        # Where the exact p-value is 1, rounding can lift it above; scipy then warns and takes the asymptotic one.
        warnings.filterwarnings("ignore", "ks_2samp: Exact calculation unsuccessful", RuntimeWarning)
        found = ks_2samp(a, b)
    return KsTest(float(found.statistic), float(found.pvalue), len(a), len(b))
