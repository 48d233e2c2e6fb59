"""The tables of ``ablation``: from what a run holds, in NumPy alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from molyneux.experiments.ablation import PAPER_COUNTS, PAPER_UNITS, Ablated, AblationSettings
from molyneux.experiments.table import Context, Table, interval, printed
from molyneux.ground.results import Results
from molyneux.metrics.contrast import difference_interval
from molyneux.metrics.families import paired_tests

__all__ = ["changes", "likeness", "summarise"]


def summarise(ablated: Results[Ablated], settings: AblationSettings, context: Context) -> list[Table]:
    """A row an arm and count: relative change of p(c), BERTScore of the new caption, and both less random."""
    rows = []
    for arm in settings.arms:
        for count in settings.counts:
            rows.append(_cell(ablated, arm, count, context=context))
    tests = _tests(ablated, settings, context, of=changes) if ablated.rows else {}
    caption_tests = _tests(ablated, settings, context, of=likeness) if ablated.rows else {}
    for row in rows:
        test = tests.get(f"{row['arm']} {row['count']}")
        row["p_against_random"] = None if test is None else test
        test = caption_tests.get(f"{row['arm']} {row['count']}")
        row["bertscore_p_against_random"] = None if test is None else test
    total = context.layers * context.units
    notes = (
        f"counts are of {total:,} units; the paper's, of {PAPER_UNITS:,}: {', '.join(map(str, PAPER_COUNTS))}",
        "random: as many units of the same layers as the top ones",
        "p_against_random: sign-flip test over images, Holm over all rows",
    )
    told = ablated.settings if isinstance(ablated.settings, dict) else {}
    return [
        Table(
            name="ablation",
            title="Captions without their neurons",
            paper="Figure 6, Figure S.3",
            rows=tuple(rows),
            given=ablated.given,
            used=ablated.used,
            skipped=ablated.tally.skipped,
            judges=(told["judge"],) if told.get("judge") else (),
            notes=notes,
            settings=told,
        ),
        _captions_table(ablated, settings),
    ]


def changes(ablated: Results[Ablated], arm: str, count: int) -> list[float]:
    """Relative change of p(c) of every image, the mean over its draws: (p - p0) / p0."""
    found = []
    for row in ablated.rows.values():
        after = (
            [e.probability for e in row.edits if e.arm == arm and e.count == count]
            if count
            else [row.probability]
        )
        found.append((float(np.mean(after)) - row.probability) / row.probability if row.probability else 0.0)
    return found


def likeness(ablated: Results[Ablated], arm: str, count: int) -> list[float]:
    """BERTScore of every image's new caption, the mean over its draws."""
    found = []
    for row in ablated.rows.values():
        scores = (
            [e.bertscore for e in row.edits if e.arm == arm and e.count == count]
            if count
            else [row.bertscore]
        )
        known = [score for score in scores if score is not None]
        if known:
            found.append(float(np.mean(known)))
    return found


def _cell(ablated: Results[Ablated], arm: str, count: int, *, context: Context) -> dict[str, object]:
    total, seed = context.layers * context.units, context.seed
    off = [e.units for row in ablated.rows.values() for e in row.edits if e.arm == arm and e.count == count]
    values, random = changes(ablated, arm, count), changes(ablated, "random", count)
    told: dict[str, object] = {
        "arm": arm,
        "count": count,
        "share": count / total,
        "units": max(off, default=0),
    }
    told |= {f"change_{key}": value for key, value in interval(values, seed=seed).items()}
    told["change_median"] = float(np.median(values)) if values else None
    told |= {f"bertscore_{key}": v for key, v in interval(likeness(ablated, arm, count), seed=seed).items()}
    if values and arm != "random":
        apart = difference_interval(values, random, paired=True, seed=seed)
        told |= {
            "less_random": apart.difference,
            "less_random_low": apart.low,
            "less_random_high": apart.high,
        }
    similar, by_chance = likeness(ablated, arm, count), likeness(ablated, "random", count)
    if arm != "random" and similar and len(similar) == len(by_chance):
        apart = difference_interval(similar, by_chance, paired=True, seed=seed)
        told |= {
            "bertscore_less_random": apart.difference,
            "bertscore_less_random_low": apart.low,
            "bertscore_less_random_high": apart.high,
        }
    said: dict[str, float | str] = {}
    if count == round(PAPER_COUNTS[-1] * total / PAPER_UNITS):  # the paper prints its largest count alone
        said = {"top": -0.8, "random": "about 0"}
    return told | printed(said.get(arm), comparable=context.comparable)


def _tests(
    ablated: Results[Ablated],
    settings: AblationSettings,
    context: Context,
    *,
    of: Callable[[Results[Ablated], str, int], list[float]],
) -> dict[str, float]:
    arms = {
        f"{arm} {count}": (of(ablated, arm, count), of(ablated, "random", count))
        for arm in settings.arms
        for count in settings.counts[1:]
        if arm != "random"
    }
    arms = {name: pair for name, pair in arms.items() if pair[0] and len(pair[0]) == len(pair[1])}
    return (
        {name: test.corrected for name, test in paired_tests(arms, seed=context.seed).items()} if arms else {}
    )


def _captions_table(ablated: Results[Ablated], settings: AblationSettings) -> Table:
    """Table S.3: the captions themselves, every image, arm and count."""
    rows = [
        {
            "image": item,
            "word": row.word,
            "original": row.caption,
            "arm": edit.arm,
            "count": edit.count,
            "draw": edit.draw,
            "caption": edit.caption,
            "bertscore": edit.bertscore,
            "probability": edit.probability,
            "original_probability": row.probability,
        }
        for item, row in ablated.rows.items()
        for edit in row.edits
    ]
    told = ablated.settings if isinstance(ablated.settings, dict) else {}
    return Table(
        name="ablated-captions",
        title="Captions after ablation",
        paper="Table S.3",
        rows=tuple(rows),
        given=ablated.given,
        used=ablated.used,
        skipped=ablated.tally.skipped,
        judges=(told["judge"],) if told.get("judge") else (),
        notes=() if settings.captions else ("captions were not generated anew",),
        settings=told,
    )
