"""Claims on what is lost without neurons (Section 3.3, S.5)."""

from __future__ import annotations

from collections.abc import Callable

from molyneux.report.claims_band import in_band
from molyneux.report.numerals import between, chance, fixed, share, signed
from molyneux.report.record import comparable, number
from molyneux.report.verdict import Tables, Verdict, absent, beyond, concluded, paper_count

__all__ = ["captions", "effect", "size", "unaffected"]

_PAPERS = (-0.85, -0.75)
"""Mean changes that count as the paper's -80%."""
_UNAFFECTED = 0.1
"""Largest change that still counts as "largely unaffected"."""


def effect(tables: Tables) -> Verdict:
    verdict = Verdict(
        "causal",
        "Switching off the top neurons lowers the probability of the word more than switching off random "
        "ones.",
        "Section 3.3, Figure 6",
        "At the paper's share of units (1.4%) the 95% interval of the difference lies below 0, and p < "
        "0.05 (sign-flip, Holm).",
    )
    found = paper_count(tables)
    if found is None:
        return absent(verdict, "ablation experiment")
    table, count = found
    row = table.row(arm="top", count=count)
    words = (
        f"{count:,} units ({share(number(row, 'share'))}): top "
        f"{share(number(row, 'change_mean'), plus=True)}, "
        f"random {share(number(table.row(arm='random', count=count), 'change_mean'), plus=True)}."
    )
    return concluded(
        verdict,
        beyond(row, "less_random", "p_against_random", below=True),
        effect=share(number(row, "less_random"), 1, plus=True),
        interval=between(number(row, "less_random_low"), number(row, "less_random_high"), 1, percent=True),
        p=chance(number(row, "p_against_random")),
        n=int(number(row, "change_n") or 0),
        words=words,
    )


def size(tables: Tables) -> Verdict:
    verdict = Verdict(
        "size",
        "Without 6,400 top units the probability of the word falls by 80% on average.",
        "Section 3.3, Figure 6",
        "The mean change lies in -85 to -75%, and its 95% interval is no wider than that band; a figure of one "
        "model, so only with that model and its data.",
    )
    found = paper_count(tables)
    if found is None:
        return absent(verdict, "ablation experiment")
    table, count = found
    row = table.row(arm="top", count=count)
    mean, low, high = (number(row, f"change_{part}") for part in ("mean", "low", "high"))
    if row is None or mean is None or low is None or high is None:
        return absent(verdict, "ablation of top units")
    papers = row.get("paper") is not None and comparable(row.get("paper_note"))
    words = f"With {count:,} units ({share(number(row, 'share'))}) it changes by {share(mean, plus=True)}."
    holds, why = in_band(mean, (low, high), _PAPERS)
    if not papers:
        holds, why = None, "Another model or other data than the paper's."
    return concluded(
        verdict,
        holds,
        effect=share(mean, plus=True),
        interval=between(low, high, 0, percent=True),
        n=int(number(row, "change_n") or 0),
        words=f"{words} {why}".strip(),
    )


def unaffected(tables: Tables) -> Verdict:
    verdict = Verdict(
        "random",
        "Without as many random units the probability of the word is largely unaffected.",
        "Section 3.3, Figure 6",
        f"The whole 95% interval of the mean change lies within {_UNAFFECTED:.0%} of none.",
    )
    found = paper_count(tables)
    row = found[0].row(arm="random", count=found[1]) if found else None
    mean, low, high = (number(row, f"change_{part}") for part in ("mean", "low", "high"))
    if found is None or mean is None or low is None or high is None:
        return absent(verdict, "ablation experiment")
    return concluded(
        verdict,
        low > -_UNAFFECTED and high < _UNAFFECTED,
        effect=share(mean, plus=True),
        interval=between(low, high, 1, percent=True),
        n=int(number(row, "change_n") or 0),
        words=f"{found[1]:,} random units of the same layers.",
    )


def captions(arm: str, said: str) -> Callable[[Tables], Verdict]:
    def judge(tables: Tables) -> Verdict:
        verdict = Verdict(
            f"captions-{arm}",
            f"Without {said} the caption written anew is less like the original one than without random "
            "units.",
            "S.5, Figure S.3",
            "At the paper's share the 95% interval of the difference in BERTScore lies below 0, and p < "
            "0.05 (sign-flip, Holm).",
        )
        found = paper_count(tables)
        row = found[0].row(arm=arm, count=found[1]) if found else None
        apart = number(row, "bertscore_less_random")
        if found is None or row is None or apart is None:
            return absent(verdict, "captions written anew")
        other = number(found[0].row(arm="random", count=found[1]), "bertscore_mean")
        return concluded(
            verdict,
            beyond(row, "bertscore_less_random", "bertscore_p_against_random", below=True),
            effect=signed(apart, 3),
            interval=between(
                number(row, "bertscore_less_random_low"), number(row, "bertscore_less_random_high"), 3
            ),
            p=chance(number(row, "bertscore_p_against_random")),
            n=int(number(row, "bertscore_n") or 0),
            words=f"BERTScore {fixed(number(row, 'bertscore_mean'), 3)}, without random units "
            f"{fixed(other, 3)}.",
        )

    return judge
