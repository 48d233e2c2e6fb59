"""Verdicts of a report: every rule, on tables that satisfy it, that do not, and that cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from molyneux.experiments.table import COMPARABLE, NOT_COMPARABLE
from molyneux.report.claims import verdicts
from molyneux.report.numerals import between, chance, count, fixed, share, signed
from molyneux.report.record import TableRecord
from molyneux.report.verdict import NOT, SUPPORTED, UNTESTED, Verdict

Row = dict[str, Any]


def table(name: str, *rows: Mapping[str, Any]) -> dict[str, TableRecord]:
    return {name: TableRecord(name, name, "", rows, 100, 100, {}, (), (), None)}


def judged(key: str, tables: Mapping[str, TableRecord]) -> Verdict:
    return next(one for one in verdicts(tables) if one.key == key)


def interpretable(low: float, high: float, of: int = 100) -> dict[str, TableRecord]:
    row = {"what": "best neurons of images", "share": (low + high) / 2, "low": low, "high": high, "of": of}
    return table("agreement-interpretable", row)


def agreement(
    low: float, p: float, *, mean: float = 0.6, n: int = 100, captions: float | None = 1.0
) -> dict[str, TableRecord]:
    row: Row = {"arm": "multimodal neurons"}
    for stem in ("bert", "clip"):
        row |= {f"{stem}_mean": mean, f"{stem}_n": n, f"{stem}_p": p, f"{stem}_less_random": low + 0.1}
        row |= {f"{stem}_less_random_low": low, f"{stem}_less_random_high": low + 0.2}
    others = [
        {"arm": arm, "bert_mean": value, "clip_mean": value}
        for arm, value in (("random", 0.2), ("model captions", captions))
    ]
    return table("agreement", row, *others)


def band(low: float) -> dict[str, TableRecord]:
    return table(
        "layers-band", {"mean": low + 0.1, "low": low, "high": low + 0.2, "n": 100, "layers": [1, 2]}
    )


def prompts(p: float, n: int, nouns: float = 30.0) -> dict[str, TableRecord]:
    rows = [
        {"metric": metric, "second": second, "p": p, "statistic": 0.2, "n_first": n}
        for metric in ("clip", "bert")
        for second in ("random vectors", "COCO nouns")
    ]
    arms = {"prompts": 20.0, "random vectors": 20.0, "COCO nouns": nouns}
    means = [{"arm": arm, "clip_mean": value, "bert_mean": value} for arm, value in arms.items()]
    return table("prompts-tests", *rows) | table("prompts", *means)


def overlaps(*lows: float, p: float | None = 0.01) -> dict[str, TableRecord]:
    rows = [
        {"category": f"c{n}", "less_random": low + 0.1, "less_random_low": low, "less_random_high": low + 0.2}
        for n, low in enumerate(lows)
    ]
    rows.append({"category": "all images", "less_random_low": 0.1, "less_random_high": 0.2, "top_n": 100})
    return table("segmentation", *[row | {"p_corrected": p, "p": p} for row in rows])


def classes(*lows: float, random: float = -1.0) -> dict[str, TableRecord]:
    return table("selectivity-classes", *[{"class": "c", "low": low, "random_low": random} for low in lows])


def ablation(
    high: float,
    p: float,
    *,
    random: float = 0.0,
    note: str = NOT_COMPARABLE,
    top: float = -0.8,
    half: float = 0.01,
) -> dict[str, TableRecord]:
    rows = []
    for arm in ("top", "interpretable", "random"):
        mean = random if arm == "random" else top
        row: Row = {"arm": arm, "count": 64, "share": 0.014, "change_n": 100, "bertscore_n": 100}
        row |= {
            "change_mean": mean,
            "change_low": mean - half,
            "change_high": mean + half,
            "bertscore_mean": 0.5,
        }
        if arm != "random":
            for stem, name in (("less_random", "p"), ("bertscore_less_random", "bertscore_p")):
                row |= {stem: high - 0.1, f"{stem}_low": high - 0.2, f"{stem}_high": high}
                row |= {f"{name}_against_random": p}
        if arm == "top":
            row |= {"paper": -0.8, "paper_note": note}
        rows.append(row)
    return table("ablation", *rows)


@pytest.mark.parametrize(
    ("key", "tables", "wanted"),
    [
        ("interpretable", interpretable(0.35, 0.45), SUPPORTED),
        ("interpretable", interpretable(0.9, 0.99), NOT),
        ("interpretable", interpretable(0.1, 0.39), NOT),
        ("interpretable", interpretable(0.35, 0.53, of=19), UNTESTED),
        ("interpretable", interpretable(0.58, 0.68), NOT),  # reaches in, but the share itself is out
        ("interpretable", interpretable(0.41, 0.59), SUPPORTED),
        ("interpretable", interpretable(0.38, 0.62, of=20), UNTESTED),
        ("interpretable", interpretable(0.3, 0.9, of=20), UNTESTED),
        ("interpretable", interpretable(0.61, 0.99, of=20), NOT),
        ("translate", agreement(0.01, 0.01), SUPPORTED),
        ("translate", agreement(-0.01, 0.01), NOT),
        ("translate", agreement(0.01, 0.06), NOT),
        ("translate", agreement(0.01, 0.01, n=19), UNTESTED),
        ("competitive", agreement(0.01, 0.01, mean=0.61), SUPPORTED),
        ("competitive", agreement(0.01, 0.01, mean=0.59), NOT),
        ("competitive", agreement(-0.01, 0.01, mean=0.9), NOT),
        ("competitive", agreement(0.01, 0.01, mean=0.9, n=19), UNTESTED),
        ("competitive", agreement(0.01, 0.01, mean=0.9, captions=None), UNTESTED),
        ("competitive", agreement(0.01, 0.01, mean=0.9, captions=0.1), UNTESTED),
        ("depth", band(0.51), SUPPORTED),
        ("depth", band(0.5), NOT),
        ("prompts-clip", prompts(0.2, 50), SUPPORTED),
        ("prompts-clip", prompts(0.2, 49), UNTESTED),
        ("prompts-clip", prompts(0.01, 30), NOT),
        ("prompts-clip", prompts(0.01, 19), UNTESTED),
        ("prompts-bert", prompts(0.04, 500), NOT),
        ("nouns", prompts(0.01, 50), SUPPORTED),
        ("nouns", prompts(0.01, 50, nouns=10.0), NOT),
        ("nouns", prompts(0.05, 50), NOT),
        ("fields", overlaps(0.1, 0.2), SUPPORTED),
        ("fields", overlaps(0.1, -0.01), NOT),
        ("fields", overlaps(0.1, 0.2, p=0.06), NOT),
        ("fields", overlaps(0.1, 0.2, p=None), UNTESTED),
        ("selective", classes(0.1, 0.1, -0.1), SUPPORTED),
        ("selective", classes(0.1, -0.1), NOT),
        ("selective", classes(0.1, 0.1, random=0.1), NOT),
        ("causal", ablation(-0.1, 0.01), SUPPORTED),
        ("causal", ablation(0.01, 0.01), NOT),
        ("causal", ablation(-0.1, 0.05), NOT),
        ("size", ablation(-0.1, 0.01), UNTESTED),
        ("size", ablation(-0.1, 0.01, note=COMPARABLE), SUPPORTED),
        ("size", ablation(-0.1, 0.01, note=COMPARABLE, half=0.06), UNTESTED),
        ("size", ablation(-0.1, 0.01, note=COMPARABLE, top=-0.73, half=0.04), NOT),
        ("size", ablation(-0.1, 0.01, note=COMPARABLE, top=-0.5, half=0.2), NOT),
        ("random", ablation(-0.1, 0.01), SUPPORTED),
        ("random", ablation(-0.1, 0.01, random=-0.095), NOT),
        ("captions-top", ablation(-0.1, 0.01), SUPPORTED),
        ("captions-interpretable", ablation(0.1, 0.01), NOT),
    ],
)
def test_a_rule(key: str, tables: Mapping[str, TableRecord], wanted: str) -> None:
    assert judged(key, tables).outcome == wanted


def test_without_tables_nothing_is_decided() -> None:
    found = verdicts({})
    assert len({one.key for one in found}) == len(found) == 14
    assert {one.outcome for one in found} == {UNTESTED}
    assert all(one.words.startswith("The run holds no ") for one in found)


def test_a_verdict_tells_effect_interval_p_n_and_rule() -> None:
    one = next(one for one in verdicts(ablation(-0.1, 0.01)) if one.key == "causal")
    assert (one.interval, one.p, one.n) == ("[\u221230.0, \u221210.0]\u202f%", "0.010", 100)
    assert "64 units" in one.words
    assert "p < 0.05" in one.rule


def test_what_is_too_wide_says_so() -> None:
    for key, tables in (
        ("interpretable", interpretable(0.38, 0.62, of=20)),
        ("size", ablation(-0.1, 0.01, note=COMPARABLE, half=0.06)),
    ):
        assert "wider than the band" in judged(key, tables).words


def test_competitive_shows_the_share_that_decides() -> None:
    one = judged("competitive", agreement(0.01, 0.01, mean=0.4))
    assert (one.outcome, one.effect) == (NOT, "25\u202f% of the way to captions")
    assert (one.interval, one.p, one.n) == ("", "", 100)
    assert "Above random: +0.11 [0.01, 0.21], p 0.010." in one.words
    level = judged("competitive", agreement(0.01, 0.01, captions=0.1))
    assert "no higher than random" in level.words


def test_a_missing_p_is_no_zero() -> None:
    (first, second, pooled) = overlaps(0.1, 0.2)["segmentation"].rows
    some = judged("fields", table("segmentation", first, {**second, "p_corrected": None}, pooled))
    assert (some.outcome, some.p) == (UNTESTED, "0.010 (largest known)")
    assert "Without a test: 1 of the categories." in some.words
    assert judged("fields", overlaps(0.1, p=None)).p == ""
    failed = {**first, "p_corrected": 0.5}
    rows = failed, {**second, "p_corrected": None}, pooled
    assert judged("fields", table("segmentation", *rows)).outcome == NOT


def test_a_class_without_its_random_arm_is_left_out() -> None:
    bare = {"class": "c", "low": 0.1, "random_low": None}
    rows = classes(-0.1, -0.1)["selectivity-classes"].rows
    one = judged("selective", table("selectivity-classes", *rows, bare, bare, bare))
    assert (one.outcome, one.effect) == (NOT, "0 of 2")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (fixed(-0.0004, 3), "0.000"),
        (fixed(-0.5, 1), "\u22120.5"),
        (fixed(None, 2), "\u2013"),
        (fixed(float("nan"), 2), "\u2013"),
        (signed(0.02, 3), "+0.020"),
        (signed(0.0, 1), "0.0"),
        (signed(-1.0, 0), "\u22121"),
        (share(0.5), "50\u202f%"),
        (share(0.014), "1.4\u202f%"),
        (share(0.0001), "0.01\u202f%"),
        (share(0.0), "0.0\u202f%"),
        (share(-0.9996), "\u221299.9\u202f%"),
        (share(-0.9996, plus=True), "\u221299.9\u202f%"),
        (share(0.9996), "99.9\u202f%"),
        (share(0.9996, plus=True), "+100.0\u202f%"),
        (share(0.00001), "< 0.01\u202f%"),
        (share(0.00001, plus=True), "< +0.01\u202f%"),
        (share(-0.00001, plus=True), "> \u22120.01\u202f%"),
        (share(0.00006), "0.01\u202f%"),
        (share(0.00001, 0), "0\u202f%"),
        (share(-1.0), "\u2212100\u202f%"),
        (share(-0.8, plus=True), "\u221280\u202f%"),
        (between(0.1, None, 2), ""),
        (between(-0.1, 0.25, 0, percent=True), "[\u221210, 25]\u202f%"),
        (chance(0.00001), "< 0.0001"),
        (chance(0.0002), "0.0002"),
        (chance(0.016), "0.016"),
        (count(458752), "458\u202f752"),
    ],
)
def test_numbers_as_a_page_says_them(said: str, wanted: str) -> None:
    assert said == wanted
