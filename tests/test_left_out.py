"""Why an experiment was left out is kept with the run and told by its report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from looked import HOSTILE
from molyneux.ground.left_out import LEFT_OUT, keep_left_out, left_out_of
from molyneux.ground.run import writing
from molyneux.ground.run_errors import DamagedError
from molyneux.ground.verify import verify
from molyneux.report.page import write_report
from report_runs import typed
from runs import identity

WHY = "no image with exactly one annotated object of a category"


def empty_run(folder: Path) -> Path:
    with writing(folder, identity()):
        pass
    return folder


def test_reasons_are_kept_until_the_experiment_can_be_done(tmp_path: Path) -> None:
    run = empty_run(tmp_path / "run")
    keep_left_out(run, {})
    assert left_out_of(run) == {}
    assert not (run / LEFT_OUT).exists()
    keep_left_out(run, {"segmentation": WHY}, possible=["layers"])
    keep_left_out(run, {"prompts": "no patch"})
    assert left_out_of(run) == {"prompts": "no patch", "segmentation": WHY}
    keep_left_out(run, {}, possible=["segmentation", "layers"])
    assert left_out_of(run) == {"prompts": "no patch"}
    assert verify(run).damaged == ()


def test_a_damaged_file_is_told_and_written_anew(tmp_path: Path) -> None:
    run = empty_run(tmp_path / "run")
    keep_left_out(run, {"segmentation": WHY})
    (run / LEFT_OUT).write_bytes(b'{"segmentation": "another"}')
    with pytest.raises(DamagedError):
        left_out_of(run)
    assert [one.path.name for one in verify(run).damaged] == [LEFT_OUT]
    told = json.loads((write_report(run, tmp_path / "report").parent / "report.json").read_text())
    assert any(LEFT_OUT in problem for problem in told["problems"])
    assert told["left_out"] == {}
    keep_left_out(run, {"segmentation": WHY})
    assert left_out_of(run) == {"segmentation": WHY}


def test_the_report_says_why(tmp_path: Path) -> None:
    run = empty_run(tmp_path / "run")
    keep_left_out(run, {"segmentation": WHY, "selectivity": HOSTILE[1]})
    page = write_report(run)
    text = page.read_text()
    assert f"“segmentation” was left out: {WHY}." in text
    assert HOSTILE[1] not in text
    assert "“layers” was left out" not in text
    assert json.loads((page.parent / "report.json").read_text())["left_out"]["segmentation"] == WHY
    said = typed("report", str(run))
    assert said.exit_code == 0
    assert f"segmentation left out: {WHY}" in said.stderr


TELLING = """
import sys
from pathlib import Path
from molyneux.ground.left_out import keep_left_out
for number in range(20):
    keep_left_out(Path(sys.argv[1]), {f"{sys.argv[2]} {number}": "why"})
"""


def test_processes_of_any_kind_write_one_after_the_other(tmp_path: Path) -> None:
    """Ranks of a job are not the only ones: an array of jobs may be joined by MOLYNEUX_JOB, each of rank 0."""
    run = empty_run(tmp_path / "run")
    told = [
        subprocess.Popen([sys.executable, "-c", TELLING, str(run), name], stderr=subprocess.PIPE, text=True)
        for name in "abc"
    ]
    assert [process.communicate()[1] for process in told] == [""] * 3
    assert left_out_of(run) == {f"{name} {number}": "why" for name in "abc" for number in range(20)}
    assert verify(run).damaged == ()
