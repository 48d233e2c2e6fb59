"""A claim of the paper and what a run says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from molyneux.report.record import TableRecord, number

__all__ = [
    "FEWEST",
    "FEWEST_SAME",
    "LEVEL",
    "NOT",
    "SUPPORTED",
    "UNTESTED",
    "Tables",
    "Verdict",
    "absent",
    "beyond",
    "concluded",
    "paper_count",
]

SUPPORTED, NOT, UNTESTED = "supported", "not supported", "not testable here"

LEVEL = 0.05
FEWEST = 20
"""Images below which nothing is decided: a bootstrap interval of fewer is too narrow to be trusted."""
FEWEST_SAME = 50
"""Images an arm below which a test that finds nothing says nothing."""

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


def concluded(verdict: Verdict, holds: bool | None = None, **told: Any) -> Verdict:
    """The verdict with what was found; None where it cannot be told, and too few images decide nothing."""
    n = told.get("n")
    if holds is not None and n is not None and n < FEWEST:
        told["words"] = (
            f"Only {n} images: fewer than {FEWEST} decide nothing. {told.get('words', '')}".strip()
        )
        holds = None
    outcome = UNTESTED if holds is None else SUPPORTED if holds else NOT
    return replace(verdict, **told, outcome=outcome)


def absent(verdict: Verdict, what: str) -> Verdict:
    """Nothing to judge by."""
    return concluded(verdict, words=f"The run holds no {what}.")


def beyond(row: Mapping[str, Any] | None, stem: str, p: str, *, below: bool = False) -> bool | None:
    """Whether a difference from the random arm has its whole interval on one side of 0, and a small p."""
    low, high, chance_ = number(row, f"{stem}_low"), number(row, f"{stem}_high"), number(row, p)
    if low is None or high is None or chance_ is None:
        return None
    return (high < 0 if below else low > 0) and chance_ < LEVEL


def paper_count(tables: Tables) -> tuple[TableRecord, int] | None:
    """The ablation table, and the count that stands for the paper's largest; else the largest there is."""
    table = tables.get("ablation")
    counts = sorted({int(row["count"]) for row in table.rows if row.get("count")}) if table else []
    if table is None or not counts:
        return None
    said = [int(row["count"]) for row in table.rows if number(row, "paper") is not None]
    return table, said[0] if said else counts[-1]
