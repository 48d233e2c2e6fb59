"""What the paper claims, and what a run says about it: verdicts by rules, from the tables that the run stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from molyneux.report.numerals import between, chance, fixed, share, signed
from molyneux.report.record import TableRecord, number

__all__ = ["NOT", "SUPPORTED", "UNTESTED", "Verdict", "verdicts"]

SUPPORTED, NOT, UNTESTED = "supported", "not supported", "not testable here"

_LEVEL = 0.05
_FEWEST = 20
"""Images below which nothing is decided: a bootstrap interval of fewer is too narrow to be trusted."""
_FEWEST_SAME = 50
"""Images an arm below which a test that finds nothing says nothing."""
_UNAFFECTED = 0.1
"""Largest change that still counts as "largely unaffected"."""

Tables = Mapping[str, TableRecord]


@dataclass(frozen=True)
class Verdict:
    """A claim, and what the run says about it."""

    key: str
    claim: str
    where: str
    """Section of the paper, and of the page."""
    rule: str
    """What had to come out for ``supported``."""
    outcome: str = UNTESTED
    effect: str = ""
    interval: str = ""
    p: str = ""
    n: int | None = None
    words: str = ""
    """The finding, or why there is none."""


def verdicts(tables: Tables) -> list[Verdict]:
    """Every claim, in the order of the paper."""
    return [judge(tables) for judge in _JUDGES]


def _with(verdict: Verdict, holds: bool | None = None, **told: Any) -> Verdict:
    """The verdict with what was found; too few images decide nothing."""
    n = told.get("n")
    if holds is not None and n is not None and n < _FEWEST:
        told["words"] = f"Only {n} images: fewer than {_FEWEST} decide nothing. {told.get('words', '')}".strip()
        holds = None
    outcome = UNTESTED if holds is None else SUPPORTED if holds else NOT
    return Verdict(**(verdict.__dict__ | told | {"outcome": outcome}))


def _absent(verdict: Verdict, what: str) -> Verdict:
    return _with(verdict, words=f"The run holds no {what}.")


def _beyond(row: Mapping[str, Any] | None, stem: str, p: str, *, below: bool = False) -> bool | None:
    """Whether a difference from the random arm has its whole interval on one side of 0, and a small p."""
    low, high, chance_ = number(row, f"{stem}_low"), number(row, f"{stem}_high"), number(row, p)
    if low is None or high is None or chance_ is None:
        return None
    return (high < 0 if below else low > 0) and chance_ < _LEVEL


def _interpretable(tables: Tables) -> Verdict:
    verdict = Verdict(
        "interpretable",
        "About half of the neurons with the highest scores are interpretable.",
        "Section 2.2",
        "The 95% interval of the share of best neurons that are interpretable reaches into 40 to 60%.",
    )
    table = tables.get("agreement-interpretable")
    row = table.row(what="best neurons of images") if table else None
    value, low, high, of = (number(row, name) for name in ("share", "low", "high", "of"))
    if value is None or low is None or high is None or of is None:
        return _absent(verdict, "agreement experiment")
    everywhere = number(table.row(what="all units of the model"), "share") if table else None
    words = f"{share(value)} of the best neurons are interpretable, of all units of the model {share(everywhere)}."
    return _with(
        verdict,
        low <= 0.6 and high >= 0.4,
        effect=share(value),
        interval=between(low, high, 0, percent=True),
        n=int(of),
        words=words,
    )


def _translate(tables: Tables) -> Verdict:
    verdict = Verdict(
        "translate",
        "What multimodal neurons say fits the image's descriptions better than decodings paired at random (BERTScore).",
        "Section 2.2, Table 1",
        "The 95% interval of the difference to the random arm lies above 0, and p < 0.05 (paired sign-flip test).",
    )
    return _arm(verdict, tables, "bert", 3)


def _competitive(tables: Tables) -> Verdict:
    verdict = Verdict(
        "competitive",
        "Decoded neurons are competitive with the model's captions on CLIPScore.",
        "Section 2.2, Table 1",
        "Above the random arm as before, and at least half of the way from it to the captions (the paper's figures: 90%).",
    )
    found = _arm(verdict, tables, "clip", 2)
    table = tables.get("agreement")
    means = [number(table.row(arm=arm), "clip_mean") if table else None for arm in ("random", "model captions")]
    mine = number(table.row(arm="multimodal neurons"), "clip_mean") if table else None
    if found.outcome == UNTESTED or mine is None or means[0] is None or means[1] is None or means[1] <= means[0]:
        return found
    way = (mine - means[0]) / (means[1] - means[0])
    words = f"{found.words} That is {share(way)} of the way from random decodings to captions ({fixed(means[1], 2)})."
    return _with(
        found, found.outcome == SUPPORTED and way >= 0.5, words=words
    )


def _arm(verdict: Verdict, tables: Tables, metric: str, digits: int) -> Verdict:
    table = tables.get("agreement")
    row = table.row(arm="multimodal neurons") if table else None
    apart, mean = number(row, f"{metric}_less_random"), number(row, f"{metric}_mean")
    if apart is None or table is None:
        return _absent(verdict, "such scores of neurons")
    other = number(table.row(arm="random"), f"{metric}_mean")
    return _with(
        verdict,
        _beyond(row, f"{metric}_less_random", f"{metric}_p"),
        effect=signed(apart, digits),
        interval=between(number(row, f"{metric}_less_random_low"), number(row, f"{metric}_less_random_high"), digits),
        p=chance(number(row, f"{metric}_p")),
        n=int(number(row, f"{metric}_n") or 0),
        words=f"Neurons {fixed(mean, digits)}, random {fixed(other, digits)}.",
    )


def _depth(tables: Tables) -> Verdict:
    verdict = Verdict(
        "depth",
        "Most top neurons lie between layers 5 and 10 of 28, earlier than the middle.",
        "Section 2.2, S.6",
        "In layers of the same depth (5/28 to 11/28 of the way) the 95% interval of the share lies above one half.",
    )
    table = tables.get("layers-band")
    row = table.rows[0] if table and table.rows else None
    mean, low, high = (number(row, name) for name in ("mean", "low", "high"))
    if row is None or mean is None or low is None or high is None:
        return _absent(verdict, "layers experiment")
    listed = ", ".join(map(str, row.get("layers", [])))
    return _with(
        verdict,
        low > 0.5,
        effect=share(mean),
        interval=between(low, high, 0, percent=True),
        p=chance(number(row, "p")),
        n=int(number(row, "n") or 0),
        words=f"Layers {listed} hold {share(mean)} of the top neurons, and {share(number(row, 'random_mean'))} of random units.",
    )


def _same(metric: str, name: str) -> Callable[[Tables], Verdict]:
    def judge(tables: Tables) -> Verdict:
        verdict = Verdict(
            f"prompts-{metric}",
            f"Projected patches, read as tokens, are no closer to the image than random vectors ({name}).",
            "Section 3.1, Table 2",
            f"Kolmogorov-Smirnov test of per-image means: p ≥ 0.05 with at least {_FEWEST_SAME} images an arm.",
        )
        row = _test(tables, metric, "random vectors")
        p, n = number(row, "p"), number(row, "n_first")
        if p is None or n is None:
            return _absent(verdict, "prompts experiment with these scores")
        arms = tables["prompts"] if "prompts" in tables else None
        means = [number(arms.row(arm=arm), f"{metric}_mean") if arms else None for arm in ("prompts", "random vectors")]
        digits = 2 if metric == "clip" else 3
        words = f"Patches {fixed(means[0], digits)}, random vectors {fixed(means[1], digits)}."
        few = n < _FEWEST_SAME and p >= _LEVEL
        if few:
            words += f" With {n:.0f} images the test would miss all but large differences."
        return _with(
            verdict,
            None if few else p >= _LEVEL,
            effect=f"D = {fixed(number(row, 'statistic'), 2)}",
            p=chance(p),
            n=int(n),
            words=words,
        )

    return judge


def _nouns(tables: Tables) -> Verdict:
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
        return _absent(verdict, "prompts experiment with human captions")
    return _with(
        verdict,
        p < _LEVEL and means[1] > means[0],
        effect=f"D = {fixed(number(row, 'statistic'), 2)}",
        p=chance(p),
        n=int(n),
        words=f"Nouns {fixed(means[1], 2)}, patches {fixed(means[0], 2)}.",
    )


def _test(tables: Tables, metric: str, second: str) -> Mapping[str, Any] | None:
    table = tables.get("prompts-tests")
    return table.row(metric=metric, second=second) if table else None


def _fields(tables: Tables) -> Verdict:
    verdict = Verdict(
        "fields",
        "Receptive fields of top neurons segment the object better than those of random neurons, in every category.",
        "Section 3.2, Figure 5",
        "In each category the 95% interval of the difference lies above 0 and p < 0.05 (paired sign-flip test, Holm).",
    )
    table = tables.get("segmentation")
    pooled = table.row(category="all images") if table else None
    rows = [row for row in table.rows if row.get("category") != "all images"] if table else []
    if table is None or pooled is None or not rows:
        return _absent(verdict, "segmentation experiment")
    good = [row for row in rows if _beyond(row, "less_random", "p_corrected")]
    worst = max((number(row, "p_corrected") or 0.0) for row in rows)
    words = (
        f"Better in {len(good)} of {len(rows)} categories. Over all images IoU is {fixed(number(pooled, 'top_mean'), 3)}, "
        f"of random neurons {fixed(number(pooled, 'random_mean'), 3)} (p {chance(number(pooled, 'p'))})."
    )
    return _with(
        verdict,
        len(good) == len(rows),
        effect=signed(number(pooled, "less_random"), 3),
        interval=between(number(pooled, "less_random_low"), number(pooled, "less_random_high"), 3),
        p=f"{chance(worst)} (largest)",
        n=int(number(pooled, "top_n") or 0),
        words=words,
    )


def _selective(tables: Tables) -> Verdict:
    verdict = Verdict(
        "selective",
        "A class's neurons are more active on images of their own class than on others.",
        "S.4, Figure S.2",
        "In more than half of the classes, and in more than of random neurons, the 95% interval of own less others lies above 0.",
    )
    table = tables.get("selectivity-classes")
    rows = [row for row in table.rows if number(row, "low") is not None] if table else []
    if table is None or not rows:
        return _absent(verdict, "selectivity experiment")
    good = sum((number(row, "low") or 0.0) > 0 for row in rows)
    by_chance = sum((number(row, "random_low") or 0.0) > 0 for row in rows)
    largest = sum(row.get("own_is_largest") is True for row in rows)
    words = (
        f"Own images fire them more in {good} of {len(rows)} classes (random neurons: {by_chance}); "
        f"in {largest} own images have the largest mean of all."
    )
    return _with(
        verdict, good > len(rows) / 2 and good > by_chance, effect=f"{good} of {len(rows)}", n=table.used, words=words
    )


def _paper_count(tables: Tables) -> tuple[TableRecord, int] | None:
    """The ablation table, and the count that stands for the paper's largest; else the largest there is."""
    table = tables.get("ablation")
    counts = sorted({int(row["count"]) for row in table.rows if row.get("count")}) if table else []
    if table is None or not counts:
        return None
    said = [int(row["count"]) for row in table.rows if number(row, "paper") is not None]
    return table, said[0] if said else counts[-1]


def _effect(tables: Tables) -> Verdict:
    verdict = Verdict(
        "causal",
        "Switching off the top neurons lowers the probability of the word more than switching off random ones.",
        "Section 3.3, Figure 6",
        "At the paper's share of units (1.4%) the 95% interval of the difference lies below 0, and p < 0.05 (sign-flip, Holm).",
    )
    found = _paper_count(tables)
    if found is None:
        return _absent(verdict, "ablation experiment")
    table, count = found
    row = table.row(arm="top", count=count)
    words = (
        f"{count:,} units ({share(number(row, 'share'))}): top {share(number(row, 'change_mean'), plus=True)}, "
        f"random {share(number(table.row(arm='random', count=count), 'change_mean'), plus=True)}."
    )
    return _with(
        verdict,
        _beyond(row, "less_random", "p_against_random", below=True),
        effect=share(number(row, "less_random"), plus=True),
        interval=between(number(row, "less_random_low"), number(row, "less_random_high"), 1, percent=True),
        p=chance(number(row, "p_against_random")),
        n=int(number(row, "change_n") or 0),
        words=words,
    )


def _size(tables: Tables) -> Verdict:
    verdict = Verdict(
        "size",
        "Without 6,400 top units the probability of the word falls by 80% on average.",
        "Section 3.3, Figure 6",
        "The 95% interval of the mean change reaches into -75 to -85%; a figure of one model, so only with that model and its data.",
    )
    found = _paper_count(tables)
    if found is None:
        return _absent(verdict, "ablation experiment")
    table, count = found
    row = table.row(arm="top", count=count)
    mean, low, high = (number(row, f"change_{part}") for part in ("mean", "low", "high"))
    if row is None or mean is None or low is None or high is None:
        return _absent(verdict, "ablation of top units")
    comparable = row.get("paper") is not None and "not comparable" not in str(row.get("paper_note"))
    words = f"With {count:,} units ({share(number(row, 'share'))}) it changes by {share(mean, plus=True)}."
    return _with(
        verdict,
        low <= -0.75 and high >= -0.85 if comparable else None,
        effect=share(mean, plus=True),
        interval=between(low, high, 0, percent=True),
        n=int(number(row, "change_n") or 0),
        words=words + ("" if comparable else " Another model or other data than the paper's."),
    )


def _unaffected(tables: Tables) -> Verdict:
    verdict = Verdict(
        "random",
        "Without as many random units the probability of the word is largely unaffected.",
        "Section 3.3, Figure 6",
        f"The whole 95% interval of the mean change lies within {_UNAFFECTED:.0%} of none.",
    )
    found = _paper_count(tables)
    row = found[0].row(arm="random", count=found[1]) if found else None
    mean, low, high = (number(row, f"change_{part}") for part in ("mean", "low", "high"))
    if found is None or mean is None or low is None or high is None:
        return _absent(verdict, "ablation experiment")
    return _with(
        verdict,
        -_UNAFFECTED < low and high < _UNAFFECTED,
        effect=share(mean, plus=True),
        interval=between(low, high, 1, percent=True),
        n=int(number(row, "change_n") or 0),
        words=f"{found[1]:,} random units of the same layers.",
    )


def _captions(arm: str, said: str) -> Callable[[Tables], Verdict]:
    def judge(tables: Tables) -> Verdict:
        verdict = Verdict(
            f"captions-{arm}",
            f"Without {said} the caption written anew is less like the original one than without random units.",
            "S.5, Figure S.3",
            "At the paper's share the 95% interval of the difference in BERTScore lies below 0, and p < 0.05 (sign-flip, Holm).",
        )
        found = _paper_count(tables)
        row = found[0].row(arm=arm, count=found[1]) if found else None
        apart = number(row, "bertscore_less_random")
        if found is None or row is None or apart is None:
            return _absent(verdict, "captions written anew")
        other = number(found[0].row(arm="random", count=found[1]), "bertscore_mean")
        return _with(
            verdict,
            _beyond(row, "bertscore_less_random", "bertscore_p_against_random", below=True),
            effect=signed(apart, 3),
            interval=between(number(row, "bertscore_less_random_low"), number(row, "bertscore_less_random_high"), 3),
            p=chance(number(row, "bertscore_p_against_random")),
            n=int(number(row, "bertscore_n") or 0),
            words=f"BERTScore {fixed(number(row, 'bertscore_mean'), 3)}, without random units {fixed(other, 3)}.",
        )

    return judge


_JUDGES: tuple[Callable[[Tables], Verdict], ...] = (
    _interpretable,
    _translate,
    _competitive,
    _depth,
    _same("clip", "CLIPScore"),
    _same("bert", "BERTScore"),
    _nouns,
    _fields,
    _selective,
    _effect,
    _size,
    _unaffected,
    _captions("top", "the top neurons"),
    _captions("interpretable", "the top interpretable neurons"),
)
