"""molyneux export as users type it: what it prints, what it refuses, and what it says of a run without images."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import looked
from molyneux.cli.main import app
from molyneux.ground.manifest import read_manifest, write_manifest
from molyneux.ground.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return looked.run_of_looks(tmp_path_factory.mktemp("runs") / "made by hand", images=8)


def test_the_command_line(run: Run, tmp_path: Path) -> None:
    made = CliRunner().invoke(app, ["export", str(run.folder), str(tmp_path / "pages"), "--json"])
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert told["start"] == str(tmp_path / "pages" / "index.html")
    assert (told["images"], told["neurons"]) == (8, len(looked.NEURONS))
    again = CliRunner().invoke(app, ["export", str(run.folder), str(tmp_path / "pages")])
    assert again.stdout.strip() == str(tmp_path / "pages" / "index.html")
    assert CliRunner().invoke(app, ["export", str(run.folder)]).exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere", "pages"], "a run's folder, or an existing file"),
        (["photos", "pages"], "Images in a folder: photos/*.jpg"),
        (["run", "a.png", "pages"], "a run's folder alone"),
        (["a.png", "photos"], "an empty folder or an earlier export"),
        (["run", "."], "the one you are in"),
    ],
)
def test_what_cannot_be_exported_is_said_before_anything_is_computed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_text("mine")
    (tmp_path / "a.png").write_bytes(looked.picture(0))
    monkeypatch.setattr("molyneux.cli.export.open_captioner", None)
    monkeypatch.chdir(tmp_path)
    there = sorted(path.name for path in tmp_path.rglob("*"))
    made = CliRunner().invoke(
        app, ["export", *(str(run.folder) if word == "run" else word for word in words)]
    )
    assert made.exit_code == 2, made.output
    assert said in made.output
    assert sorted(path.name for path in tmp_path.rglob("*")) == there


def test_images_of_which_none_can_be_used_make_no_pages(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    made = CliRunner().invoke(app, ["export", str(tmp_path / "text.jpg"), str(tmp_path / "pages")])
    if made.exit_code == 4:
        pytest.skip("the miniature is not shipped here")
    assert made.exit_code == 2
    assert "not-an-image 1" in made.output
    assert not (tmp_path / "pages").exists()


def test_a_run_without_looks_says_what_to_type(run: Run, tmp_path: Path) -> None:
    """The run's own command with the experiment looks: any other would be refused as another run."""
    typed = "molyneux reproduce ablation --out elsewhere/x --images 24 layers --counts 0,40 --judge looks --no-report"
    shutil.copytree(run.folder, tmp_path / "run")
    for stage in (tmp_path / "run").glob("looks*"):
        shutil.rmtree(stage)
    write_manifest(tmp_path / "run", replace(read_manifest(tmp_path / "run"), command=tuple(typed.split())))
    made = CliRunner().invoke(app, ["export", str(tmp_path / "run"), str(tmp_path / "pages")])
    assert made.exit_code == 0, made.output
    (line,) = [line for line in made.stderr.splitlines() if "no images to look at" in line]
    words = shlex.split(line.partition(" again: ")[2])
    reproduce = get_command(app).commands["reproduce"]  # type: ignore[attr-defined]
    ours, before = (reproduce.make_context("reproduce", some[2:]).params for some in (words, typed.split()))
    assert ours["experiments"] == ["looks"]
    assert ours["out"] == tmp_path / "run"
    assert {k: v for k, v in ours.items() if k not in ("experiments", "out")} == {
        k: v for k, v in before.items() if k not in ("experiments", "out")
    }
