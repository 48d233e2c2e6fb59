"""The examples of docs/metrics.md run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from molyneux.ground.assets import asset
from molyneux.ground.errors import AssetError

TEXT = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")
JUDGES, STATISTICS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    exec(STATISTICS, {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("(n = 40)")
    assert lines[1].endswith("(n = 40 pairs)")
    assert all(0 < float(line) <= 1 for line in lines[2:])
    assert len(lines) == 5


def test_the_scores(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        asset("miniature/judges")
    except AssetError:
        pytest.skip("the miniature's judges are not in this tree")
    exec(JUDGES, {})
    figures, clip, bert = capsys.readouterr().out.splitlines()
    fit, alike = map(float, figures.split())
    assert 0 <= fit <= 100
    assert 0 < alike <= 1
    assert clip.startswith("CLIPScore: miniature, weights ")
    assert bert.startswith("BERTScore F1: miniature, layer ")
