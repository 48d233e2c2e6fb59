"""The example of docs/experiments.md runs, and its tables of names are whole."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from molyneux.experiments.suite import EXPERIMENTS

PAGE = (Path(__file__).parents[1] / "docs" / "experiments.md").read_text(encoding="utf-8")


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    assert [one.name for one in names["tables"]["layers"]] == ["layers", "layers-band"]
    assert (tmp_path / "my-run" / "tables" / "ablation.csv").exists()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_is_described(name: str) -> None:
    assert f"| `{name}` |" in PAGE
