"""``doctor --paper`` tells which BERTScore model a table of scores was made with."""

from __future__ import annotations

from pathlib import Path

import pytest

from judges import WORDS, bert_folder
from molyneux.data import paper
from molyneux.data.paper import CaptionPair
from molyneux.metrics.bert import BertJudge
from molyneux.metrics.bertscore import bert_score
from shell import Run, objects

pytest_plugins = ["command_line"]

PAIRS = [
    (f"a {one} and the {two}", f"the {three} {two}")
    for one, two, three in zip(WORDS[2:], WORDS[3:], WORDS[5:], strict=False)
]


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A judge, and a printed table that was made with its second layer and rounded."""
    folder = bert_folder(tmp_path / "bert")
    judge = BertJudge.load(folder, layer=2)
    values = bert_score(judge, [new for _, new in PAIRS], [old for old, _ in PAIRS]).values
    made = tuple(CaptionPair(*pair, round(float(v), 2)) for pair, v in zip(PAIRS, values, strict=True))
    monkeypatch.setattr(paper, "caption_pairs", lambda: made)
    return folder


def test_the_model_that_made_the_table_is_found_with_its_layer(run: Run, tiny: Path, machine: Path) -> None:
    result = run("doctor", "--paper", "--bert", str(tiny))
    assert result.exit_code == 2  # the tiny machine is no GPT-J 6B
    assert "these are the paper's scores: layer 2" in result.stdout
    assert "GPT-J 6B, 28 layers" in result.output
    told = objects(run("doctor", "--paper", "--bert", str(tiny), "--json"))["scores"]
    assert (told["is_papers"], told["layers"][0]["layer"], told["pairs"]) == (True, 2, len(PAIRS))
    assert told["layers"][0]["as_printed"] == len(PAIRS)
    assert told["judge"] == str(tiny)
    others = [one["mean_difference"] for one in told["layers"][1:]]
    assert min(others) > 2 * told["layers"][0]["mean_difference"]


def test_without_another_the_miniatures_judge_scores_and_is_named(
    run: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    result = run("doctor", "--paper")
    assert "judge: miniature" in " ".join(result.stdout.split())
    assert "not the paper's BERTScore model" in result.stdout
    told = objects(run("doctor", "--paper", "--json"))["scores"]
    assert (told["judge"], told["is_papers"]) == ("miniature", False)
    assert "bert-base-uncased" in told["note"]


def test_a_judge_that_is_not_there_and_a_judge_without_paper_are_refused(run: Run) -> None:
    assert run("doctor", "--paper", "--bert", "nowhere").exit_code == 2
    assert run("doctor", "--bert", "miniature").exit_code == 2
