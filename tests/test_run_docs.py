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
