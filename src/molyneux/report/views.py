"""The paper's tables, made from those of the run."""

from __future__ import annotations

from molyneux.report.numerals import NONE, between, chance, count, fixed, share, signed
from molyneux.report.record import TableRecord, number
from molyneux.report.view import Cell, View, estimate, papers, text

__all__ = [
    "ablation_view",
    "agreement_view",
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


def _head(*names: str) -> tuple[Cell, ...]:
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
            _difference(row, "bert_less_random", "bert_p", 3),
            papers(row, "bert_", 4),
            estimate(row, "clip_", 2),
            _difference(row, "clip_less_random", "clip_p", 2),
            papers(row, "clip_", 2),
            _n(row, "clip_n"),
        )
        for row in table.rows
    ]
    return View.plain(
        _head("", "BERTScore F1", "less random", "paper", "CLIPScore", "less random", "paper", "images"),
        rows,
    )


def interpretable_view(table: TableRecord) -> View:
    """The share of best neurons that are interpretable (Section 2.2)."""
    rows = [
        (
            text(row["what"]),
            Cell(
                share(number(row, "share")),
                between(number(row, "low"), number(row, "high"), 0, percent=True),
                "number",
            ),
            papers(row, "", 0, percent=True),
            Cell(f"{count(int(row['interpretable']))} of {count(int(row['of']))}", kind="number"),
        )
        for row in table.rows
    ]
    return View.plain(_head("", "interpretable", "paper", "count"), rows)


def prompts_view(table: TableRecord) -> View:
    """Table 2."""
    rows = [
        (
            _arm(row["arm"]),
            estimate(row, "clip_", 2),
            papers(row, "clip_", 2),
            estimate(row, "bert_", 3),
            papers(row, "bert_", 4),
            _n(row, "clip_n"),
        )
        for row in table.rows
    ]
    return View.plain(_head("", "CLIPScore", "paper", "BERTScore F1", "paper", "images"), rows)


def tests_view(table: TableRecord) -> View:
    """The Kolmogorov-Smirnov tests of Section 3.1."""
    names = {"clip": "CLIPScore", "bert": "BERTScore F1"}
    rows = [
        (
            text(f"{names.get(str(row['metric']), row['metric'])}: patches against {row['second']}"),
            Cell(fixed(number(row, "statistic"), 3), kind="number"),
            Cell(chance(number(row, "p")), kind="number"),
            papers(row, "", 0),
            _n(row, "n_first"),
        )
        for row in table.rows
    ]
    return View.plain(_head("Kolmogorov-Smirnov test", "D", "p", "paper", "images"), rows)


def overlaps_view(table: TableRecord) -> View:
    """What Figure 5 draws."""
    rows = [
        (
            text(row["category"], strong=row["category"] == "all images"),
            estimate(row, "top_", 3),
            estimate(row, "random_", 3),
            Cell(
                signed(number(row, "less_random"), 3),
                between(number(row, "less_random_low"), number(row, "less_random_high"), 3),
                "number",
            ),
            Cell(chance(number(row, "p_corrected")), kind="number"),
            _n(row, "top_n"),
        )
        for row in table.rows
    ]
    return View.plain(
        _head("category", "top neurons", "random neurons", "difference", "p (Holm)", "images"), rows
    )


def selectivity_view(table: TableRecord) -> View:
    """A class's neurons on its own images and on others."""
    rows = [
        (
            text(row["class"]),
            Cell(fixed(number(row, "own"), 3), kind="number"),
            Cell(fixed(number(row, "others"), 3), kind="number"),
            Cell(
                signed(number(row, "difference"), 3),
                between(number(row, "low"), number(row, "high"), 3),
                "number",
            ),
            Cell(
                signed(number(row, "random_difference"), 3),
                between(number(row, "random_low"), number(row, "random_high"), 3),
                "number",
            ),
            Cell("yes" if row.get("own_is_largest") else "no", kind="number"),
            Cell(f"{row.get('n_own')} / {row.get('n_others')}", kind="number"),
        )
        for row in table.rows
    ]
    head = ("class", "own images", "other images", "difference", "of random neurons", "own largest", "images")
    return View.plain(_head(*head), rows)


def ablation_view(table: TableRecord) -> View:
    """What Figures 6 and S.3 draw."""
    rows = [
        (
            _arm(row["arm"]),
            Cell(count(int(row["count"])), share(number(row, "share")) if row["count"] else "", "number"),
            estimate(row, "change_", 1, percent=True),
            Cell(share(number(row, "change_median")), kind="number"),
            papers(row, "", 0, percent=True),
            Cell(chance(number(row, "p_against_random")), kind="number"),
            estimate(row, "bertscore_", 3),
            Cell(chance(number(row, "bertscore_p_against_random")), kind="number"),
            _n(row, "change_n"),
        )
        for row in table.rows
        if row["count"]
    ]
    head = ("units", "off", "change of p(c)", "median", "paper", "p", "BERTScore", "p", "images")
    return View.plain(_head(*head), rows)


def layers_view(table: TableRecord) -> View:
    """What the histogram draws."""
    rows = [
        (
            text(f"layer {row['layer']}"),
            estimate(row, "", 1, percent=True),
            estimate(row, "random_", 1, percent=True),
            Cell(count(int(row["neurons"])), kind="number"),
            _n(row, "n"),
        )
        for row in table.rows
    ]
    return View.plain(_head("", "top neurons", "random units", "neurons", "images"), rows)


def _arm(name: object) -> Cell:
    return text(name, strong=_ARMS.get(str(name)) == "top")


def _n(row: object, name: str) -> Cell:
    value = number(row, name)  # type: ignore[arg-type]
    return Cell(NONE if value is None else count(int(value)), kind="number")


def _difference(row: object, stem: str, p: str, digits: int) -> Cell:
    value = number(row, stem)  # type: ignore[arg-type]
    if value is None:
        return Cell("", kind="number")
    low, high = (number(row, f"{stem}_{side}") for side in ("low", "high"))  # type: ignore[arg-type]
    found = chance(number(row, p))  # type: ignore[arg-type]
    return Cell(signed(value, digits), f"{between(low, high, digits)}\np {found}", "number")
