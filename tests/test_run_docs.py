"""The example of docs/runs.md runs, and runs again without computing anything."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[1] / "docs" / "runs.md"


def test_the_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "example", ModuleType("example"))  # dataclasses look their module up
    for _ in range(2):
        exec(compile(code, str(DOCS), "exec", dont_inherit=True), {"__name__": "example"})
    lines = capsys.readouterr().out.splitlines()
    assert lines.count("40 of 40 images used, skipped: {}") == 2
    assert lines[-1].startswith("val2017/")
    assert len(list((tmp_path / "my-run" / "brightness").glob("*.parquet"))) == 3


def test_every_fault_names_tests_that_are_there() -> None:
    here = Path(__file__).parent
    page = (here.parent / "docs" / "runs.md").read_text(encoding="utf-8")
    rows = page.split("## What is tested")[1].split("\n## ")[0]
    named = re.findall(r"`(test_\w+)\.(test_\w+)`", rows)
    assert len(named) > 40
    for file, test in named:
        assert f"\ndef {test}(" in (here / f"{file}.py").read_text(encoding="utf-8"), (file, test)
    faults = {f"F{n}" for n in (*range(1, 9), *range(10, 23), 27, 28, 33, 35, 36)}
    assert faults <= set(re.findall(r"\| (F\d+) \|", rows))
