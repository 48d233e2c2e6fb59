"""Tests of many categories at once, with p-values corrected for their number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from molyneux.ground.errors import SettingError
from molyneux.metrics.sampling import sample_of
from molyneux.metrics.stats import paired_test

__all__ = ["CORRECTIONS", "CategoryTest", "correct", "paired_tests"]

#: "holm" bounds the chance of any false finding; "bh" bounds the share of false ones among the findings.
CORRECTIONS = ("holm", "bh")


@dataclass(frozen=True)
class CategoryTest:
    """The mean of the differences first - second in one category, and its p-value before and after correction."""

    difference: float
    p_value: float
    corrected: float
    count: int


def correct(p_values: ArrayLike, *, method: str = "holm") -> Float[np.ndarray, " test"]:
    """P-values corrected for being several, in the order given.

    "holm" (Holm 1979): the k-th smallest of n, times n - k + 1, at least the one before it, at most 1.
    "bh" (Benjamini and Hochberg 1995): scipy's ``false_discovery_control``.

    Raises:
        SettingError: numbers that are no probabilities, or another method.
    """
    if method not in CORRECTIONS:
        raise SettingError("correction", value=method, expected="'holm' or 'bh'")
    values = sample_of(p_values, "p-values")
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise SettingError("p-values", value=values.tolist(), expected="numbers from 0 to 1")
    if method == "bh":
        from scipy.stats import false_discovery_control

        return np.asarray(false_discovery_control(values, method="bh"), dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def paired_tests(
    arms: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    seed: int,
    method: str = "holm",
    draws: int = 10_000,
) -> dict[str, CategoryTest]:
    """Whether two arms differ, in each category: ``stats.paired_test``, corrected for the number of categories.

    Args:
        arms: of each category the values of the first and of the second arm, on the same images.
        seed: together with a category's name it seeds that category's draws, so their order does not matter.
        method: of correction.
        draws: sign assignments; the smallest p-value is about 1 / draws, before correction.

    Raises:
        SettingError: a category without pairs, or whose arms do not fit; no categories.
    """
    if not arms:
        raise SettingError("categories", value=0, expected="at least one")
    tests = {
        name: paired_test(
            first, second, seed=np.random.default_rng([seed, crc32(name.encode())]), draws=draws
        )
        for name, (first, second) in arms.items()
    }
    corrected = correct([test.p_value for test in tests.values()], method=method)
    return {
        name: CategoryTest(test.difference, test.p_value, float(p), test.count)
        for (name, test), p in zip(tests.items(), corrected, strict=True)
    }
