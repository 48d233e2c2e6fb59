"""Claims on what neurons fire on (Section 3.2, S.4)."""

from __future__ import annotations

from molyneux.report.numerals import between, chance, fixed, signed
from molyneux.report.record import number
from molyneux.report.verdict import Tables, Verdict, absent, beyond, concluded

__all__ = ["fields", "selective"]


def fields(tables: Tables) -> Verdict:
    verdict = Verdict(
        "fields",
        "Receptive fields of top neurons segment the object better than those of random neurons, in every "
        "category.",
        "Section 3.2, Figure 5",
        "In each category the 95% interval of the difference lies above 0 and p < 0.05 (paired sign-flip "
        "test, Holm).",
    )
    table = tables.get("segmentation")
    pooled = table.row(category="all images") if table else None
    rows = [row for row in table.rows if row.get("category") != "all images"] if table else []
    if table is None or pooled is None or not rows:
        return absent(verdict, "segmentation experiment")
    told = [beyond(row, "less_random", "p_corrected") for row in rows]
    known = [p for p in (number(row, "p_corrected") for row in rows) if p is not None]
    words = (
        f"Better in {told.count(True)} of {len(rows)} categories. Over all images IoU is "
        f"{fixed(number(pooled, 'top_mean'), 3)}, "
        f"of random neurons {fixed(number(pooled, 'random_mean'), 3)} (p {chance(number(pooled, 'p'))})."
    )
    if None in told:
        words += f" Without a test: {told.count(None)} of the categories."
    return concluded(
        verdict,
        False if False in told else None if None in told else True,
        effect=signed(number(pooled, "less_random"), 3),
        interval=between(number(pooled, "less_random_low"), number(pooled, "less_random_high"), 3),
        p=f"{chance(max(known))} (largest{'' if len(known) == len(rows) else ' known'})" if known else "",
        n=int(number(pooled, "top_n") or 0),
        words=words,
    )


def selective(tables: Tables) -> Verdict:
    verdict = Verdict(
        "selective",
        "A class's neurons are more active on images of their own class than on others.",
        "S.4, Figure S.2",
        "In more than half of the classes, and in more than of random neurons, the 95% interval of own "
        "less others lies above 0.",
    )
    table = tables.get("selectivity-classes")
    both = ("low", "random_low")
    rows = [row for row in table.rows if all(number(row, one) is not None for one in both)] if table else []
    if table is None or not rows:
        return absent(verdict, "selectivity experiment")
    good = sum((number(row, "low") or 0.0) > 0 for row in rows)
    by_chance = sum((number(row, "random_low") or 0.0) > 0 for row in rows)
    largest = sum(row.get("own_is_largest") is True for row in rows)
    words = (
        f"Own images fire them more in {good} of {len(rows)} classes (random neurons: {by_chance}); "
        f"in {largest} own images have the largest mean of all."
    )
    return concluded(
        verdict,
        good > len(rows) / 2 and good > by_chance,
        effect=f"{good} of {len(rows)}",
        n=table.used,
        words=words,
    )
