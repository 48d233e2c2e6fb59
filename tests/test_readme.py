"""README's and the docs' links lead somewhere, and README's lines run."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import shutil
from pathlib import Path

import pytest

import molyneux as mx
from molyneux.ground.assets import asset

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "CHANGELOG.md", *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", [*PAGES, "src/molyneux/assets/miniature/MODEL_CARD.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf8")
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    for link in links:
        if link and "://" not in link:
            assert ((ROOT / page).parent / link).exists(), link


def test_the_python_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (block,) = re.findall(
        r"```python\n(import molyneux.*?)```", (ROOT / "README.md").read_text("utf8"), re.DOTALL
    )
    shutil.copy(asset("miniature/val2017/000000000001.jpg"), tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    assert "Ablation(" in capsys.readouterr().out


def test_the_commands_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from molyneux.cli.main import app

    lines = re.findall(r"^\$ (molyneux .*)$", (ROOT / "README.md").read_text("utf8"), re.MULTILINE)
    assert len(lines) >= 4
    shutil.copy(asset("miniature/val2017/000000000001.jpg"), tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    for line in lines:
        made = CliRunner().invoke(app, shlex.split(line)[1:])
        assert made.exit_code in ((0, 4) if "doctor" in line else (0,)), (line, made.output)


def test_readme_and_card_carry_one_table() -> None:
    """Whole, with the line that counts the images; the card's second table is that of fresh scenes."""
    tables = [
        re.findall(r"^\| question \| found \|.*?paper's model\.$", text, re.DOTALL | re.MULTILINE)
        for text in (
            (ROOT / "README.md").read_text("utf8"),
            (asset("miniature") / "MODEL_CARD.md").read_text("utf8"),
        )
    ]
    assert len(tables[0]) == 1
    assert tables[0][0].count("\n|") == 9
    assert len(tables[1]) == 2
    assert tables[1][0] == tables[0][0]
    assert tables[1][1] != tables[0][0]


def test_lines_for_models_that_are_not_here_are_well_formed() -> None:
    """Commands whose model would have to be downloaded: their verbs and options exist, and their Python compiles."""
    from typer.main import get_command

    from molyneux.cli.main import app

    text = (ROOT / "README.md").read_text("utf8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("molyneux ")]
    assert len(lines) >= 6
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        verb = get_command(app).commands[words[0]]  # type: ignore[attr-defined]
        known = {option for parameter in verb.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line
    pythons = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(pythons) >= 3
    for block in pythons:
        calls = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)]
        loads = [call for call in calls if ast.unparse(call.func) == "mx.load"]
        known = {*inspect.signature(mx.load).parameters, "projection", "vision", "text"}  # a preset's parts
        assert {keyword.arg for call in loads for keyword in call.keywords} <= known, block
