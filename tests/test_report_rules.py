"""Verdicts of a report: every rule, on tables that satisfy it, that do not, and that cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from molyneux.experiments.table import COMPARABLE, NOT_COMPARABLE
from molyneux.report.claims import verdicts
from molyneux.report.numerals import between, chance, count, fixed, share, signed
from molyneux.report.record import TableRecord
from molyneux.report.verdict import NOT, SUPPORTED, UNTESTED

Row = dict[str, Any]


def table(name: str, *rows: Row) -> dict[str, TableRecord]:
    return {name: TableRecord(name, name, "", rows, 100, 100, {}, (), (), None)}


def outcome(key: str, *tables: Mapping[str, TableRecord]) -> str:
    merged = {name: one for some in tables for name, one in some.items()}
    return next(one.outcome for one in verdicts(merged) if one.key == key)


def interpretable(low: float, high: float, of: int = 100) -> dict[str, TableRecord]:
    row = {"what": "best neurons of images", "share": (low + high) / 2, "low": low, "high": high, "of": of}
    return table("agreement-interpretable", row)


def agreement(low: float, p: float, *, mean: float = 0.6, n: int = 100) -> dict[str, TableRecord]:
    row: Row = {"arm": "multimodal neurons"}
    for stem in ("bert", "clip"):
        row |= {f"{stem}_mean": mean, f"{stem}_n": n, f"{stem}_p": p, f"{stem}_less_random": low + 0.1}
        row |= {f"{stem}_less_random_low": low, f"{stem}_less_random_high": low + 0.2}
    others = [
        {"arm": arm, "bert_mean": value, "clip_mean": value}
        for arm, value in (("random", 0.2), ("model captions", 1.0))
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


def overlaps(*lows: float, p: float = 0.01) -> dict[str, TableRecord]:
    rows = [
        {"category": f"c{n}", "less_random": low + 0.1, "less_random_low": low, "less_random_high": low + 0.2}
        for n, low in enumerate(lows)
    ]
    rows.append({"category": "all images", "less_random_low": 0.1, "less_random_high": 0.2, "top_n": 100})
    return table("segmentation", *[row | {"p_corrected": p, "p": p} for row in rows])


def classes(*lows: float, random: float = -1.0) -> dict[str, TableRecord]:
    return table("selectivity-classes", *[{"class": "c", "low": low, "random_low": random} for low in lows])


def ablation(
    high: float, p: float, *, random: float = 0.0, note: str = NOT_COMPARABLE
) -> dict[str, TableRecord]:
    rows = []
    for arm in ("top", "interpretable", "random"):
        mean = random if arm == "random" else -0.8
        row: Row = {"arm": arm, "count": 64, "share": 0.014, "change_n": 100, "bertscore_n": 100}
        row |= {
            "change_mean": mean,
            "change_low": mean - 0.01,
            "change_high": mean + 0.01,
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
        ("interpretable", interpretable(0.35, 0.65, of=19), UNTESTED),
        ("translate", agreement(0.01, 0.01), SUPPORTED),
        ("translate", agreement(-0.01, 0.01), NOT),
        ("translate", agreement(0.01, 0.06), NOT),
        ("translate", agreement(0.01, 0.01, n=19), UNTESTED),
        ("competitive", agreement(0.01, 0.01, mean=0.61), SUPPORTED),
        ("competitive", agreement(0.01, 0.01, mean=0.59), NOT),
        ("competitive", agreement(-0.01, 0.01, mean=0.9), NOT),
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
        ("selective", classes(0.1, 0.1, -0.1), SUPPORTED),
        ("selective", classes(0.1, -0.1), NOT),
        ("selective", classes(0.1, 0.1, random=0.1), NOT),
        ("causal", ablation(-0.1, 0.01), SUPPORTED),
        ("causal", ablation(0.01, 0.01), NOT),
        ("causal", ablation(-0.1, 0.05), NOT),
        ("size", ablation(-0.1, 0.01), UNTESTED),
        ("size", ablation(-0.1, 0.01, note=COMPARABLE), SUPPORTED),
        ("random", ablation(-0.1, 0.01), SUPPORTED),
        ("random", ablation(-0.1, 0.01, random=-0.095), NOT),
        ("captions-top", ablation(-0.1, 0.01), SUPPORTED),
        ("captions-interpretable", ablation(0.1, 0.01), NOT),
    ],
)
def test_a_rule(key: str, tables: Mapping[str, TableRecord], wanted: str) -> None:
    assert outcome(key, tables) == wanted


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
