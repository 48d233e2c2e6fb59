"""Claims on what neurons and projected patches say, and where the neurons are (Sections 2.2, 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from molyneux.report.claims_band import in_band
from molyneux.report.numerals import between, chance, fixed, share, signed
from molyneux.report.record import number
from molyneux.report.verdict import (
    FEWEST_SAME,
    LEVEL,
    SUPPORTED,
    UNTESTED,
    Tables,
    Verdict,
    absent,
    beyond,
    concluded,
)

__all__ = ["competitive", "depth", "interpretable", "nouns", "same", "translate"]

_HALF = (0.4, 0.6)
"""Shares that count as "about half"."""
_COMPETITIVE = 0.5
"""Least share of the way from random decodings to captions that counts as competitive."""


def interpretable(tables: Tables) -> Verdict:
    verdict = Verdict(
        "interpretable",
        "About half of the neurons with the highest scores are interpretable.",
        "Section 2.2",
        "The share of best neurons that are interpretable lies in 40 to 60%, and its 95% interval is no wider "
        "than that band.",
    )
    table = tables.get("agreement-interpretable")
    row = table.row(what="best neurons of images") if table else None
    value, low, high, of = (number(row, name) for name in ("share", "low", "high", "of"))
    if value is None or low is None or high is None or of is None:
        return absent(verdict, "agreement experiment")
    everywhere = number(table.row(what="all units of the model"), "share") if table else None
    words = f"{share(value)} of the best neurons are interpretable, of all units of the model {share(everywhere)}."
    holds, why = in_band(value, (low, high), _HALF)
    return concluded(
        verdict,
        holds,
        effect=share(value),
        interval=between(low, high, 0, percent=True),
        n=int(of),
        words=f"{words} {why}".strip(),
    )


def translate(tables: Tables) -> Verdict:
    verdict = Verdict(
        "translate",
        "What multimodal neurons say fits the image's descriptions better than decodings paired at random "
        "(BERTScore).",
        "Section 2.2, Table 1",
        "The 95% interval of the difference to the random arm lies above 0, and p < 0.05 (paired sign-flip "
        "test).",
    )
    return _arm(verdict, tables, "bert", 3)


def competitive(tables: Tables) -> Verdict:
    verdict = Verdict(
        "competitive",
        "Decoded neurons are competitive with the model's captions on CLIPScore.",
        "Section 2.2, Table 1",
        "At least half of the way from the random arm to the captions (the paper's figures: 90%), and above the "
        "random arm: interval above 0, p < 0.05.",
    )
    arm = _arm(verdict, tables, "clip", 2)
    table = tables.get("agreement")
    mine, random, captions = (
        number(table.row(arm=name), "clip_mean") if table else None
        for name in ("multimodal neurons", "random", "model captions")
    )
    if arm.n is None or mine is None or random is None:
        return arm
    if captions is None:
        return absent(verdict, "CLIPScore of the model's captions")
    if captions <= random:
        words = f"Captions ({fixed(captions, 2)}) score no higher than random decodings ({fixed(random, 2)})."
        return concluded(verdict, n=arm.n, words=words)
    way = (mine - random) / (captions - random)
    above = None if arm.outcome == UNTESTED else arm.outcome == SUPPORTED
    return concluded(
        verdict,
        None if above is None else above and way >= _COMPETITIVE,
        effect=f"{share(way)} of the way to captions",
        n=arm.n,
        words=f"{arm.words} Captions {fixed(captions, 2)}. Above random: {arm.effect} {arm.interval}, p {arm.p}.",
    )


def _arm(verdict: Verdict, tables: Tables, metric: str, digits: int) -> Verdict:
    table = tables.get("agreement")
    row = table.row(arm="multimodal neurons") if table else None
    apart, mean = number(row, f"{metric}_less_random"), number(row, f"{metric}_mean")
    if apart is None or table is None:
        return absent(verdict, "such scores of neurons")
    other = number(table.row(arm="random"), f"{metric}_mean")
    return concluded(
        verdict,
        beyond(row, f"{metric}_less_random", f"{metric}_p"),
        effect=signed(apart, digits),
        interval=between(
            number(row, f"{metric}_less_random_low"), number(row, f"{metric}_less_random_high"), digits
        ),
        p=chance(number(row, f"{metric}_p")),
        n=int(number(row, f"{metric}_n") or 0),
        words=f"Neurons {fixed(mean, digits)}, random {fixed(other, digits)}.",
    )


def depth(tables: Tables) -> Verdict:
    verdict = Verdict(
        "depth",
        "Most top neurons lie between layers 5 and 10 of 28, earlier than the middle.",
        "Section 2.2, S.6",
        "In layers of the same depth (5/28 to 11/28 of the way) the 95% interval of the share lies above "
        "one half.",
    )
    table = tables.get("layers-band")
    row = table.rows[0] if table and table.rows else None
    mean, low, high = (number(row, name) for name in ("mean", "low", "high"))
    if row is None or mean is None or low is None or high is None:
        return absent(verdict, "layers experiment")
    listed = ", ".join(map(str, row.get("layers", [])))
    return concluded(
        verdict,
        low > 0.5,
        effect=share(mean),
        interval=between(low, high, 0, percent=True),
        p=chance(number(row, "p")),
        n=int(number(row, "n") or 0),
        words=f"Layers {listed} hold {share(mean)} of the top neurons, and "
        f"{share(number(row, 'random_mean'))} of random units.",
    )


def same(metric: str, name: str) -> Callable[[Tables], Verdict]:
    def judge(tables: Tables) -> Verdict:
        verdict = Verdict(
            f"prompts-{metric}",
            f"Projected patches, read as tokens, are no closer to the image than random vectors ({name}).",
            "Section 3.1, Table 2",
            f"Kolmogorov-Smirnov test of per-image means: p ≥ 0.05 with at least {FEWEST_SAME} images an "
            "arm.",
        )
        row = _test(tables, metric, "random vectors")
        p, n = number(row, "p"), number(row, "n_first")
        if p is None or n is None:
            return absent(verdict, "prompts experiment with these scores")
        arms = tables.get("prompts")
        means = [
            number(arms.row(arm=arm), f"{metric}_mean") if arms else None
            for arm in ("prompts", "random vectors")
        ]
        digits = 2 if metric == "clip" else 3
        words = f"Patches {fixed(means[0], digits)}, random vectors {fixed(means[1], digits)}."
        few = n < FEWEST_SAME and p >= LEVEL
        if few:
            words += f" With {n:.0f} images the test would miss all but large differences."
        return concluded(
            verdict,
            None if few else p >= LEVEL,
            effect=f"D = {fixed(number(row, 'statistic'), 2)}",
            p=chance(p),
            n=int(n),
            words=words,
        )

    return judge


def nouns(tables: Tables) -> Verdict:
    verdict = Verdict(
        "nouns",
        "Nouns from human captions are significantly different from projected patches (CLIPScore).",
        "Section 3.1",
        "Kolmogorov-Smirnov test of per-image means: p < 0.05, and the nouns' mean is the larger.",
    )
    row = _test(tables, "clip", "COCO nouns")
    p, n = number(row, "p"), number(row, "n_first")
    table = tables.get("prompts")
    means = [number(table.row(arm=arm), "clip_mean") if table else None for arm in ("prompts", "COCO nouns")]
    if p is None or n is None or means[0] is None or means[1] is None:
        return absent(verdict, "prompts experiment with human captions")
    return concluded(
        verdict,
        p < LEVEL and means[1] > means[0],
        effect=f"D = {fixed(number(row, 'statistic'), 2)}",
        p=chance(p),
        n=int(n),
        words=f"Nouns {fixed(means[1], 2)}, patches {fixed(means[0], 2)}.",
    )


def _test(tables: Tables, metric: str, second: str) -> Mapping[str, Any] | None:
    table = tables.get("prompts-tests")
    return table.row(metric=metric, second=second) if table else None
