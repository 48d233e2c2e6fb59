"""Differences, distributions and corrected tests against scipy and against slow definitions; masks given as RLE."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from molyneux.ground.errors import SettingError
from molyneux.metrics.contrast import Difference, difference_interval, ks_test
from molyneux.metrics.families import correct, paired_tests
from molyneux.metrics.overlap import iou, ious
from molyneux.metrics.stats import mean_interval, paired_test

# Differences


@pytest.mark.parametrize(("one", "other"), [(2, 5), (30, 40)])
def test_interval_of_unpaired_arms_is_that_of_scipy(one: int, other: int) -> None:
    rng = np.random.default_rng(one)
    first, second = rng.gamma(2.0, size=one), rng.normal(size=other)
    ours = difference_interval(first, second, paired=False, seed=3, level=0.9, draws=2000)
    theirs = scipy.stats.bootstrap(
        (first, second),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        confidence_level=0.9,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-12)
    assert ours.difference == pytest.approx(first.mean() - second.mean())
    assert (ours.first, ours.second, ours.paired) == (one, other, False)


def test_interval_of_paired_arms_is_that_of_scipy() -> None:
    rng = np.random.default_rng(4)
    first = rng.normal(size=50)
    second = first + rng.normal(0.2, 0.1, 50)
    ours = difference_interval(first, second, paired=True, seed=3, draws=1500)
    theirs = scipy.stats.bootstrap(
        (first, second),
        lambda a, b, axis: (a - b).mean(axis=axis),
        paired=True,
        n_resamples=1500,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-12)
    apart = difference_interval(first, second, paired=False, seed=3, draws=1500)
    assert apart.high - apart.low > 3 * (ours.high - ours.low)  # what pairing is for


def test_interval_of_a_difference_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    held = []
    for _ in range(300):
        first, second = rng.normal(1, 1, 40), rng.normal(0, 2, 60)
        found = difference_interval(first, second, paired=False, seed=rng, draws=400)
        held.append(found.low <= 1 <= found.high)
    assert 0.90 <= np.mean(held) <= 0.99


def test_difference_of_single_values_claims_nothing_and_prints() -> None:
    found = difference_interval([2.0], [1.0, 3.0], paired=False, seed=0)
    assert found.difference == 0
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert str(Difference(0.5, 0.25, 0.75, 3, 4, False)) == "0.5 [0.25, 0.75] (n = 3 and 4)"
    assert str(Difference(0.5, 0.25, 0.75, 3, 3, True)) == "0.5 [0.25, 0.75] (n = 3 pairs)"


def test_differences_refuse() -> None:
    with pytest.raises(SettingError, match="every image"):
        difference_interval([1.0, 2.0], [1.0], paired=True, seed=0)
    with pytest.raises(SettingError, match="second"):
        difference_interval([1.0], [float("nan")], paired=False, seed=0)
    with pytest.raises(SettingError, match="between 0 and 1"):
        difference_interval([1.0], [1.0], paired=False, seed=0, level=95.0)
    with pytest.raises(SettingError, match="at least 1"):
        difference_interval([1.0], [1.0], paired=False, seed=0, draws=0)


# Distributions


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=12),
    st.lists(st.integers(-5, 5), min_size=1, max_size=12),
)
def test_ks_statistic_by_definition(first: list[int], second: list[int]) -> None:
    """Also with ties, which integers of so small a range have plenty of."""
    gaps = [
        abs(np.mean([value <= at for value in first]) - np.mean([value <= at for value in second]))
        for at in range(-5, 6)
    ]
    found = ks_test(first, second)
    assert found.statistic == pytest.approx(max(gaps))
    assert 0 <= found.p_value <= 1


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_ks_p_value_is_that_of_all_regroupings(shift: float) -> None:
    rng = np.random.default_rng(7)
    first, second = rng.normal(shift, 1, 5), rng.normal(0, 1, 6)
    pooled = np.concatenate([first, second])
    seen = ks_test(first, second)
    groups = [np.isin(np.arange(11), chosen) for chosen in combinations(range(11), 5)]
    as_far = [ks_test(pooled[one], pooled[~one]).statistic >= seen.statistic - 1e-12 for one in groups]
    assert seen.p_value == pytest.approx(np.mean(as_far), abs=1e-12)


@pytest.mark.filterwarnings("error")
def test_ks_test_of_the_nearest_arms_is_silent() -> None:
    assert ks_test([-3, -1, 3, 3, 5], [-3, 0, 1, 3, 3]).p_value > 0.9


def test_ks_test_finds_what_means_do_not() -> None:
    rng = np.random.default_rng(0)
    narrow, wide = rng.normal(0, 1, 300), rng.normal(0, 3, 200)
    found = ks_test(narrow, wide)
    assert found.p_value < 1e-6
    assert (found.first, found.second) == (300, 200)
    assert ks_test(narrow, rng.normal(0, 1, 200)).p_value > 0.05
    with pytest.raises(SettingError, match="at least one value"):
        ks_test([], [1.0])


def test_ks_test_rejects_no_more_than_it_says() -> None:
    rng = np.random.default_rng(1)
    values = [ks_test(rng.normal(size=40), rng.normal(size=50)).p_value for _ in range(400)]
    assert np.mean(np.array(values) <= 0.05) <= 0.08


# Several categories


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
@settings(deadline=None)
def test_holm_is_closed_testing_with_bonferroni(p_values: list[float]) -> None:
    """A hypothesis falls only with every set that it belongs to (Marcus, Peritz and Gabriel 1976)."""
    n = len(p_values)
    sets = [chosen for size in range(1, n + 1) for chosen in combinations(range(n), size)]
    wanted = [max(min(1.0, len(s) * min(p_values[j] for j in s)) for s in sets if i in s) for i in range(n)]
    assert correct(p_values).tolist() == pytest.approx(wanted, abs=1e-12)


def test_corrections_by_hand() -> None:
    assert correct([0.04, 0.01, 0.03]).tolist() == pytest.approx([0.06, 0.03, 0.06])
    assert correct([0.04, 0.01, 0.03], method="bh").tolist() == pytest.approx([0.04, 0.03, 0.04])
    assert correct([0.2]).tolist() == [0.2]


def test_tests_of_several_categories() -> None:
    rng = np.random.default_rng(2)
    arms = {
        name: (rng.normal(shift, 1, 25), rng.normal(0, 1, 25))
        for name, shift in zip("abcd", (2, 0, 1, 0), strict=True)
    }
    found = paired_tests(arms, seed=5)
    assert list(found) == list("abcd")
    assert [found[name].corrected for name in "abcd"] == correct([found[n].p_value for n in "abcd"]).tolist()
    assert found["a"].corrected < 0.01 < found["b"].corrected
    for name, (first, second) in arms.items():
        assert found[name].difference == pytest.approx((first - second).mean())
        assert found[name].count == 25
        assert found[name].p_value == pytest.approx(paired_test(first, second, seed=0).p_value, abs=0.02)
    backwards = paired_tests(dict(reversed(arms.items())), seed=5)
    assert backwards == found
    assert found == paired_tests(arms, seed=5)
    relaxed = paired_tests(arms, seed=5, method="bh")
    assert all(relaxed[name].corrected <= found[name].corrected for name in arms)


def test_correction_bounds_the_chance_of_any_false_finding() -> None:
    """Twelve categories without any effect, 200 times: uncorrected, half of the times one would be found."""
    rng = np.random.default_rng(3)
    raw, held = [], []
    for _ in range(200):
        p = scipy.stats.ttest_1samp(rng.normal(size=(12, 20)), 0, axis=1).pvalue
        raw.append(p.min() <= 0.05)
        held.append(correct(p).min() <= 0.05)
    assert np.mean(raw) > 0.3
    assert np.mean(held) <= 0.09


def test_families_refuse() -> None:
    with pytest.raises(SettingError, match="at least one"):
        paired_tests({}, seed=0)
    with pytest.raises(SettingError, match="from 0 to 1"):
        correct([0.5, 1.5])
    with pytest.raises(SettingError, match="'holm' or 'bh'"):
        correct([0.5], method="none")
    with pytest.raises(SettingError, match="every image"):
        paired_tests({"a": ([1.0, 2.0], [1.0])}, seed=0)


# Masks


def test_iou_of_annotations_is_that_of_pycocotools() -> None:
    """A polygon, an RLE as text and one as counts, as COCO files hold them: without decoding, and decoded."""
    polygon = coco.merge(coco.frPyObjects([[2.0, 2.0, 20.0, 4.0, 15.0, 25.0]], 30, 40))
    counted = coco.frPyObjects({"size": [30, 40], "counts": [100, 200, 50, 300, 550]}, 30, 40)
    disc = np.hypot(*np.ogrid[-15:15, -20:20]) < 11
    written = coco.encode(np.asfortranarray(disc.astype(np.uint8)))
    kinds = [polygon, counted, written]
    decoded = [coco.decode(kind).astype(bool) for kind in kinds]
    theirs = coco.iou(kinds, kinds, [0, 0, 0])
    assert 0 < theirs[0, 1] < 1
    for row, mask in enumerate(decoded):
        assert ious(np.stack(decoded), mask).tolist() == pytest.approx(theirs[:, row].tolist(), abs=1e-12)
        assert [iou(other, mask) for other in decoded] == pytest.approx(theirs[:, row].tolist(), abs=1e-12)


def test_ious_of_several_masks() -> None:
    rng = np.random.default_rng(0)
    masks, other = rng.random((6, 5, 7)) < 0.4, rng.random((5, 7)) < 0.4
    masks[2] = False
    assert ious(masks, other).tolist() == [iou(mask, other) for mask in masks]
    assert ious(np.zeros((2, 3, 3), bool), np.zeros((3, 3), bool)).tolist() == [0, 0]
    assert ious(np.zeros((0, 3, 3), bool), np.zeros((3, 3), bool)).tolist() == []
    with pytest.raises(SettingError, match="same resize"):
        ious(masks, other[:4])
    with pytest.raises(SettingError, match="float64"):
        ious(masks.astype(float), other)


# What the arms of an experiment look like


def test_pairing_and_intervals_agree_on_plain_arms() -> None:
    first, second = np.arange(20.0), np.arange(20.0) - 1
    found = difference_interval(first, second, paired=True, seed=0)
    assert (found.difference, found.low, found.high) == (1, 1, 1)
    assert mean_interval(first - second, seed=0).mean == 1
