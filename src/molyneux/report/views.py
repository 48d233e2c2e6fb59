"""The paper's tables, made from those of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from molyneux.report.numerals import NONE, between, chance, count, fixed, share, signed
from molyneux.report.record import TableRecord, number
from molyneux.report.view import Cell, View, estimate, figure, papers, text

__all__ = [
    "ablation_view",
    "agreement_view",
    "difference",
    "head",
    "images",
    "interpretable_view",
    "layers_view",
    "overlaps_view",
    "prompts_view",
    "selectivity_view",
    "tests_view",
]

_ARMS = {
    "multimodal neurons": "top",
    "prompts": "top",
    "random": "random",
    "random vectors": "random",
    "top": "top",
}


def head(*names: str) -> tuple[Cell, ...]:
    """The first column holds words, all others numbers; those called "paper" the paper's."""
    return tuple(
        Cell(name, kind="text" if not place else "paper" if name == "paper" else "number")
        for place, name in enumerate(names)
    )


def agreement_view(table: TableRecord) -> View:
    """Table 1."""
    rows = [
        (
            _arm(row["arm"]),
            estimate(row, "bert_", 3),
            difference(row, "bert_less_random", 3, p="bert_p"),
            papers(row, "bert_", 4),
            estimate(row, "clip_", 2),
            difference(row, "clip_less_random", 2, p="clip_p"),
            papers(row, "clip_", 2),
            images(row, "clip_n"),
        )
        for row in table.rows
    ]
    return View.plain(
        head("", "BERTScore F1", "less random", "paper", "CLIPScore", "less random", "paper", "images"),
        rows,
    )


def interpretable_view(table: TableRecord) -> View:
    """The share of best neurons that are interpretable (Section 2.2)."""
    rows = [
        (
            text(row["what"]),
            figure(
                share(number(row, "share")),
                number(row, "share"),
                between(number(row, "low"), number(row, "high"), 0, percent=True),
            ),
            papers(row, "", 0, percent=True),
            figure(
                f"{count(int(row['interpretable']))} of {count(int(row['of']))}", number(row, "interpretable")
            ),
        )
        for row in table.rows
    ]
    return View.plain(head("", "interpretable", "paper", "count"), rows)


def prompts_view(table: TableRecord) -> View:
    """Table 2."""
    rows = [
        (
            _arm(row["arm"]),
            estimate(row, "clip_", 2),
            papers(row, "clip_", 2),
            estimate(row, "bert_", 3),
            papers(row, "bert_", 4),
            images(row, "clip_n"),
        )
        for row in table.rows
    ]
    return View.plain(head("", "CLIPScore", "paper", "BERTScore F1", "paper", "images"), rows)


def tests_view(table: TableRecord) -> View:
    """The Kolmogorov-Smirnov tests of Section 3.1."""
    names = {"clip": "CLIPScore", "bert": "BERTScore F1"}
    rows = [
        (
            text(f"{names.get(str(row['metric']), row['metric'])}: patches against {row['second']}"),
            figure(fixed(number(row, "statistic"), 3), number(row, "statistic")),
            figure(chance(number(row, "p")), number(row, "p")),
            papers(row, "", 0),
            images(row, "n_first"),
        )
        for row in table.rows
    ]
    return View.plain(head("Kolmogorov-Smirnov test", "D", "p", "paper", "images"), rows)


def overlaps_view(table: TableRecord) -> View:
    """What Figure 5 draws."""
    rows = [
        (
            text(row["category"], strong=row["category"] == "all images"),
            estimate(row, "top_", 3),
            estimate(row, "random_", 3),
            difference(row, "less_random", 3),
            figure(chance(number(row, "p_corrected")), number(row, "p_corrected")),
            images(row, "top_n"),
        )
        for row in table.rows
    ]
    return View.plain(
        head("category", "top neurons", "random neurons", "difference", "p (Holm)", "images"), rows
    )


def selectivity_view(table: TableRecord) -> View:
    """A class's neurons on its own images and on others."""
    rows = [
        (
            text(row["class"]),
            figure(fixed(number(row, "own"), 3), number(row, "own")),
            figure(fixed(number(row, "others"), 3), number(row, "others")),
            figure(
                signed(number(row, "difference"), 3),
                number(row, "difference"),
                between(number(row, "low"), number(row, "high"), 3),
            ),
            figure(
                signed(number(row, "random_difference"), 3),
                number(row, "random_difference"),
                between(number(row, "random_low"), number(row, "random_high"), 3),
            ),
            Cell("yes" if row.get("own_is_largest") else "no", kind="number"),
            figure(f"{row.get('n_own')} / {row.get('n_others')}", number(row, "n_own")),
        )
        for row in table.rows
    ]
    names = (
        "class",
        "own images",
        "other images",
        "difference",
        "of random neurons",
        "own largest",
        "images",
    )
    return View.plain(head(*names), rows)


def ablation_view(table: TableRecord) -> View:
    """What Figures 6 and S.3 draw."""
    rows = [
        (
            _arm(row["arm"]),
            figure(
                count(int(row["count"])),
                number(row, "count"),
                share(number(row, "share")) if row["count"] else "",
            ),
            estimate(row, "change_", 1, percent=True),
            figure(share(number(row, "change_median")), number(row, "change_median")),
            papers(row, "", 0, percent=True),
            figure(chance(number(row, "p_against_random")), number(row, "p_against_random")),
            estimate(row, "bertscore_", 3),
            figure(
                chance(number(row, "bertscore_p_against_random")), number(row, "bertscore_p_against_random")
            ),
            images(row, "change_n"),
        )
        for row in table.rows
        if row["count"]
    ]
    names = ("units", "off", "change of p(c)", "median", "paper", "p", "BERTScore", "p", "images")
    return View.plain(head(*names), rows)


def layers_view(table: TableRecord) -> View:
    """What the histogram draws."""
    rows = [
        (
            Cell(f"layer {row['layer']}", value=number(row, "layer")),
            estimate(row, "", 1, percent=True),
            estimate(row, "random_", 1, percent=True),
            figure(count(int(row["neurons"])), number(row, "neurons")),
            images(row, "n"),
        )
        for row in table.rows
    ]
    return View.plain(head("", "top neurons", "random units", "neurons", "images"), rows)


def _arm(name: object) -> Cell:
    return text(name, strong=_ARMS.get(str(name)) == "top")


def images(row: Mapping[str, Any], name: str) -> Cell:
    """How many images a figure stands on."""
    value = number(row, name)
    return figure(NONE if value is None else count(int(value)), value)


def difference(row: Mapping[str, Any], stem: str, digits: int, *, p: str = "") -> Cell:
    """A difference to the random arm with its interval and, where ``p`` names its column, the test's p."""
    value = number(row, stem)
    if value is None:
        return Cell("", kind="number")
    low, high = (number(row, f"{stem}_{side}") for side in ("low", "high"))
    small = between(low, high, digits) + (f"\np {chance(number(row, p))}" if p else "")
    return figure(signed(value, digits), value, small)
