"""docs/reproduce.md: its commands are there, its claims are those of the program, its files those of a report."""

from __future__ import annotations

import re
from pathlib import Path

from molyneux.experiments.suite import EXPERIMENTS
from molyneux.report.claims import verdicts
from molyneux.report.verdict import NOT, SUPPORTED, UNTESTED

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reproduce.md").read_text(encoding="utf8")
PAPER = ["Table 1", "Table 2", "Table S.1", "Table S.2", "Table S.3", "Section S.6"] + [
    f"Figure {number}" for number in ("2", "3", "4", "5", "6", "S.1", "S.2", "S.3")
]


def test_every_table_and_figure_has_a_command() -> None:
    rows = [line for line in PAGE.splitlines() if "| `molyneux reproduce " in line]
    for name in PAPER:
        assert sum(line.startswith((f"| {name}:", f"| {name},")) for line in rows) == 1, name
    for line in rows:
        for name in re.findall(r"`molyneux reproduce ([a-z ]+)`", line)[0].split():
            assert name in EXPERIMENTS


def test_the_block_holds_every_claim_with_a_verdict() -> None:
    for one in verdicts({}):
        found = re.findall(rf"^\| {re.escape(one.claim)} \| \*\*(.+?)\*\* \|", PAGE, re.MULTILINE)
        assert len(found) == 1, one.claim
        assert found[0] in (SUPPORTED, NOT, UNTESTED)


def test_the_words_below_the_block_agree_with_it() -> None:
    count = len(re.findall(r"\| \*\*not supported\*\* \|", PAGE))
    words = {4: "Four", 5: "Five", 6: "Six"}
    assert f"{words[count]} claims do not hold in the miniature" in PAGE
