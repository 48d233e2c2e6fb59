"""Overlap and statistics against pycocotools and scipy."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco

from molyneux.ground.errors import SettingError
from molyneux.metrics.overlap import iou
from molyneux.metrics.stats import Interval, mean_interval, paired_test

_SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))
_PAIRS = _SHAPES.flatmap(lambda shape: st.tuples(arrays.arrays(bool, shape), arrays.arrays(bool, shape)))


def _coco_iou(first: np.ndarray, second: np.ndarray) -> float:
    encoded = [coco.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in (first, second)]
    return float(coco.iou([encoded[0]], [encoded[1]], [0])[0, 0])


@given(_PAIRS)
def test_iou_is_that_of_pycocotools(pair: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = pair
    assert iou(first, second) == pytest.approx(_coco_iou(first, second), abs=1e-12)
    assert iou(second, first) == iou(first, second)
    assert iou(first, first) == float(first.any())
    assert iou(torch.from_numpy(first.copy()), second.tolist()) == iou(first, second)


def test_iou_by_hand() -> None:
    first, second = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    first[:2], second[1:3] = True, True
    assert iou(first, second) == 4 / 12
    assert iou(np.zeros((2, 2), bool), np.zeros((2, 2), bool)) == 0


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (np.ones((2, 3), bool), np.ones((3, 2), bool), "same resize"),
        (np.ones((2, 2)), np.ones((2, 2), bool), "float64"),
        (np.ones((2, 2), bool), np.ones((2, 2), np.uint8), "uint8"),
        (np.ones((1, 2), bool), np.ones((2, 2), bool), "one shape"),  # would broadcast
    ],
)
def test_iou_refuses(first: np.ndarray, second: np.ndarray, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        iou(first, second)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("count", [2, 7, 60])
def test_interval_is_that_of_scipy(count: int, level: float) -> None:
    values = np.random.default_rng(count).gamma(2.0, size=count)
    ours = mean_interval(values, seed=3, level=level, draws=2000)
    theirs = scipy.stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=level,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert astuple(ours) == pytest.approx((values.mean(), theirs.low, theirs.high, count), rel=1e-12)


def test_interval_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=50)
    whole = mean_interval(values, seed=1, draws=300)
    monkeypatch.setattr("molyneux.metrics.sampling._BLOCK", 50 * 7)
    assert mean_interval(values, seed=1, draws=300) == whole


def test_interval_covers_as_often_as_it_says() -> None:
    """400 samples of known mean: 95 % of the intervals hold it, less the percentile method's shortfall."""
    rng = np.random.default_rng(5)
    samples = rng.exponential(1.0, (400, 80))
    intervals = [mean_interval(sample, seed=rng, draws=500) for sample in samples]
    assert 0.90 <= np.mean([interval.low <= 1 <= interval.high for interval in intervals]) <= 0.98


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.integers(0, 2**32))
def test_interval_always(values: list[float], seed: int) -> None:
    interval = mean_interval(values, seed=seed, draws=50)
    slack = 1e-6
    assert min(values) - slack <= interval.low <= interval.high <= max(values) + slack
    assert interval == mean_interval(values, seed=seed, draws=50)
    assert interval.count == len(values)


def test_interval_of_one_value_claims_nothing() -> None:
    interval = mean_interval([2.0], seed=0)
    assert (interval.mean, interval.count) == (2.0, 1)
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_interval_prints() -> None:
    assert str(Interval(0.5, 0.25, 0.75, 12)) == "0.5 [0.25, 0.75] (n = 12)"


@pytest.mark.parametrize(
    ("values", "options", "said"),
    [
        ([], {}, "at least one value"),
        ([[1.0, 2.0]], {}, "one dimension"),
        ([1.0, float("nan")], {}, "non-finite"),
        ([1.0, float("inf")], {}, "non-finite"),
        ([1.0, 2.0], {"level": 95.0}, "between 0 and 1"),
        ([1.0, 2.0], {"level": 1.0}, "between 0 and 1"),
        ([1.0, 2.0], {"draws": 0}, "at least 1"),
    ],
)
def test_interval_refuses(values: list[float], options: dict[str, float], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        mean_interval(values, seed=0, **options)


def _scipy_p(first: np.ndarray, second: np.ndarray, draws: float) -> float:
    return scipy.stats.permutation_test(
        (first, second),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=draws,
        rng=np.random.default_rng(0),
    ).pvalue


@pytest.mark.parametrize("shift", [0.0, 0.4, 2.0])
@pytest.mark.parametrize("count", [2, 5, 12])
def test_paired_test_of_few_pairs_is_scipys_exact_one(count: int, shift: float) -> None:
    rng = np.random.default_rng(count)
    first, second = rng.normal(shift, 1, count), rng.normal(0, 1, count)
    ours = paired_test(first, second, seed=0)
    assert ours.p_value == pytest.approx(_scipy_p(first, second, np.inf), abs=1e-12)
    assert (ours.difference, ours.count) == (pytest.approx((first - second).mean()), count)


@pytest.mark.parametrize("shift", [0.0, 0.2, 0.4])
def test_paired_test_of_many_pairs(shift: float) -> None:
    rng = np.random.default_rng(8)
    first, second = rng.normal(shift, 1, 60), rng.normal(0, 1, 60)
    p = paired_test(first, second, seed=1).p_value
    assert p == pytest.approx(_scipy_p(first, second, 10_000), abs=0.02)
    assert p == pytest.approx(scipy.stats.ttest_rel(first, second).pvalue, abs=0.03)


def test_paired_test_with_equal_arms_and_ties() -> None:
    assert astuple(paired_test([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], seed=0)) == (0.0, 1.0, 3)
    assert paired_test([5.0], [2.0], seed=0).p_value == 1.0  # one pair can show nothing
    tied = paired_test([0.1] * 8, [0.0] * 8, seed=0)
    assert tied.p_value == 2 / 2**8  # only all plus and all minus are as far out
    assert paired_test([1.0] * 100, [0.0] * 100, seed=0).p_value == 1 / 10_001  # never 0


def test_paired_test_rejects_no_more_than_it_says() -> None:
    rng = np.random.default_rng(2)
    values = [paired_test(*rng.normal(size=(2, 30)), seed=rng, draws=400).p_value for _ in range(400)]
    assert 0.02 <= np.mean(np.array(values) <= 0.05) <= 0.08


def test_paired_test_refuses() -> None:
    with pytest.raises(SettingError, match="every image"):
        paired_test([1.0, 2.0], [1.0], seed=0)
    with pytest.raises(SettingError, match="second"):
        paired_test([1.0], [float("nan")], seed=0)
