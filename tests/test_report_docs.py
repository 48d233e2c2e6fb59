"""docs/reproduce.md: its commands are there, its claims and rows those of the program; README has its first table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from molyneux.experiments.suite import EXPERIMENTS
from molyneux.report.claims import verdicts
from molyneux.report.markdown import report_markdown
from molyneux.report.record import read_record
from molyneux.report.verdict import NOT, SUPPORTED, UNTESTED
from report_runs import reported

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reproduce.md").read_text(encoding="utf8")
SCRIPT = (ROOT / "scripts" / "reproduce_doc.py").read_text(encoding="utf8")
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


def block(page: str) -> str:
    """What stands between the marks that scripts/reproduce_doc.py looks for."""
    begin, end = re.findall(r'^BEGIN, END = "(.+?)", "(.+?)"$', SCRIPT, re.MULTILINE)[0]
    text = (ROOT / page).read_text(encoding="utf8")
    assert text.count(begin) == 1, page
    return text.split(begin)[1].split(end)[0].strip()


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a Markdown text, as rows of cells without the line below the head."""
    found = re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE)
    rows = [[line.strip("|").split(" | ") for line in one.splitlines()] for one in found]
    return [[[cell.strip() for cell in row] for row in (one[0], *one[2:])] for one in rows]


@pytest.mark.parametrize(("page", "count"), [("docs/reproduce.md", 2), ("README.md", 1)])
def test_the_blocks_are_filled(page: str, count: int) -> None:
    found = tables(block(page))
    assert len(found) == count
    assert all(len(one) > 5 for one in found)


def test_readme_has_the_first_table() -> None:
    whole = block("docs/reproduce.md")
    assert block("README.md") == whole.split("\n\n| the paper's claim")[0]
    assert tables(block("README.md")) == tables(whole)[:1]


def test_the_rows_are_those_of_a_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = tables(report_markdown(read_record(reported(tmp_path_factory.getbasetemp()))))
    printed = tables(block("docs/reproduce.md"))
    assert len(made) == len(printed) == 2
    for ours, theirs in zip(made, printed, strict=True):
        assert ours[0] == theirs[0]
        assert [row[0] for row in ours] == [row[0] for row in theirs]
        assert {len(row) for row in theirs} == {len(ours[0])}
