"""molyneux reproduce and verify, as users type them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from judges import bert_folder
from molyneux.experiments.suite import suite_for
from molyneux.experiments.trial import items_of
from molyneux.ground.left_out import left_out_of
from molyneux.ground.manifest import read_manifest
from molyneux.ground.work import Progress
from runs import wait_until

RUN = [sys.executable, "-m", "molyneux"]
SMALL = ["--images", "6", "--batch-size", "3", "--counts", "0,40"]


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *words], capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("cli") / "run"
    made = typed("reproduce", "ablation", "layers", "--out", str(out), *SMALL, "--json")
    assert made.returncode == 0, made.stderr
    return out, json.loads(made.stdout)


def test_json_holds_the_tables(finished: tuple[Path, dict[str, Any]]) -> None:
    out, told = finished
    assert list(told["experiments"]) == ["layers", "ablation"]
    table = json.loads((out / "tables" / "ablation.json").read_text())
    assert table["rows"] == told["experiments"]["ablation"][0]["rows"]
    assert (table["given"], table["used"] + sum(table["skipped"].values())) == (6, 6)
    assert read_manifest(out).status == "finished"


def test_a_finished_run_is_recognised_and_another_refused(finished: tuple[Path, dict[str, Any]]) -> None:
    out, _ = finished
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/part-*.parquet")}
    again = typed("reproduce", "layers", "--out", str(out), *SMALL)
    assert again.returncode == 0, again.stderr
    assert "Layers of the top neurons" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in out.glob("*/part-*.parquet")} == before
    other = typed("reproduce", "layers", "--out", str(out), "--images", "6", "--batch-size", "2")
    assert other.returncode == 2
    assert "batch_size" in other.stderr


def test_verify_names_a_changed_file(finished: tuple[Path, dict[str, Any]]) -> None:
    out, _ = finished
    assert typed("verify", str(out)).returncode == 0
    part = out / "ablation" / "part-00000.parquet"
    content = part.read_bytes()
    part.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    found = typed("verify", str(out), "--json")
    part.write_bytes(content)
    assert found.returncode == 4
    assert [one["file"] for one in json.loads(found.stdout)["damaged"]] == ["ablation/part-00000.parquet"]


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    told = typed(
        "reproduce", "layers", "--out", str(tmp_path / "run"), "--images", "50", "--dry-run", "--json"
    )
    assert told.returncode == 0, told.stderr
    cost = json.loads(told.stdout)
    assert cost["images"] == 50
    assert min(cost["seconds"], cost["disk"], cost["memory"]) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_tells_what_pages_take(tmp_path: Path) -> None:
    words = ["reproduce", "looks", "layers", "--out", str(tmp_path / "run"), "--images", "30", "--dry-run"]
    asked = ["--pages", "7", "--neuron-pages", "5", "--counts", "0,40"]
    told = typed(*words, *asked, "--json")
    assert told.returncode == 0, told.stderr
    cost = json.loads(told.stdout)
    assert cost["images"] == 30
    assert (cost["pages"]["images"], cost["pages"]["neurons"]) == (7, 5)
    assert 0 < cost["pages"]["seconds"] < cost["seconds"]
    assert 0 < cost["pages"]["disk"] < cost["disk"]
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_scales_pages_by_what_bounds_them() -> None:
    """5,000 images, of which 60 have a page; 200 neurons, each with 8 images and 8 random ones."""
    names = {
        "captions": 4,
        "looks": 4,
        "looks-firing": 4,
        "looks-maps": 4,
        "looks-neurons": 16,
        "interpretable": 8,
    }
    took = {name: Progress(name, given, given, {}, 1.0) for name, given in names.items()}
    usual = suite_for(28, 16_384)
    assert items_of(took, usual, 4, 5000) == {
        "captions": 5000,
        "looks": 60,
        "looks-firing": 5000,
        "looks-maps": 3200,
        "looks-neurons": 200,
        "interpretable": 8,
    }
    few = items_of(took, usual, 4, 24)
    assert (few["looks"], few["looks-maps"], few["looks-neurons"]) == (24, 24, 200)


def test_pages_are_as_many_as_asked_for(tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    made = typed(
        "reproduce", "looks", "--out", run, "--images", "3", "--counts", "0,40", "--pages", "2",
        "--neuron-pages", "3", "--no-report",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    pages = json.loads(typed("export", run, str(tmp_path / "pages"), "--json").stdout)
    assert (pages["images"], pages["neurons"]) == (2, 3)
    other = typed("reproduce", "looks", "--out", run, "--images", "3", "--counts", "0,40", "--pages", "3")
    assert other.returncode == 2
    assert "images: 2 in the run, 3 now" in other.stderr


@pytest.mark.parametrize("option", ["--pages", "--neuron-pages"])
def test_pages_without_looks_are_refused(tmp_path: Path, option: str) -> None:
    found = typed("reproduce", "layers", "--out", str(tmp_path / "run"), option, "5")
    assert found.returncode == 2
    assert "looks" in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_prints_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "my run"
    words = ["reproduce", "ablation", "--out", str(out), "--images", "40", "--batch-size", "2"]
    started = subprocess.Popen(
        [*RUN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    wait_until(lambda: any(out.glob("ablation/part-*.parquet")), seconds=120)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "--out '" + str(out) + "'" in said
    assert read_manifest(out).status == "interrupted"


@pytest.mark.parametrize(
    "words",
    [
        ["layers"],
        ["nothing", "--out", "x"],
        ["--out", "x", "--counts", "0,many"],
        ["--out", "x", "--data", "nowhere"],
    ],
)
def test_bad_input_is_refused(words: list[str], tmp_path: Path) -> None:
    found = subprocess.run(
        [*RUN, "reproduce", *words], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert found.returncode == 2
    assert not (tmp_path / "x").exists()


def test_plain_images_leave_out_what_needs_annotations(tmp_path: Path) -> None:
    from shutil import copy

    from molyneux.ground.assets import asset

    (tmp_path / "images").mkdir()
    for path in sorted(asset("miniature/val2017").glob("*"))[:3]:
        copy(path, tmp_path / "images")
    (tmp_path / "images" / "bad.jpg").write_bytes(b"")
    options = ["--data", str(tmp_path / "images"), "--judge", "miniature", "--counts", "0,40", "--json"]
    options += ["--pages", "1", "--neuron-pages", "2"]
    found = typed("reproduce", "--out", str(tmp_path / "run"), *options)
    assert found.returncode == 3, found.stderr
    told = json.loads(found.stdout)
    assert set(told["not_done"]) == {"segmentation", "selectivity"}
    assert left_out_of(tmp_path / "run") == told["not_done"]
    assert (
        f"segmentation left out: {told['not_done']['segmentation']}"
        in typed("report", str(tmp_path / "run")).stderr
    )
    assert told["experiments"]["layers"][0]["skipped"] == {"empty": 1}
    named = typed("reproduce", "segmentation", "--out", str(tmp_path / "other"), *options[:-4])
    assert named.returncode == 2
    assert "one annotated object" in named.stderr


def test_judges_can_be_named_and_are_said(tmp_path: Path) -> None:
    folder = bert_folder(tmp_path / "bert")
    words = ["reproduce", "ablation", "--out", str(tmp_path / "run"), *SMALL, "--json"]
    made = typed(*words, "--bert", str(folder))
    assert made.returncode == 0, made.stderr
    (told,) = json.loads((tmp_path / "run" / "tables" / "ablation.json").read_text())["judges"]
    assert told.startswith(f"BERTScore F1: {folder}, layer ")
    other = typed(*words)
    assert other.returncode == 2
    assert "bert_judge" in other.stderr
    nowhere = typed("reproduce", "agreement", "--out", str(tmp_path / "new"), *SMALL, "--clip", "nowhere")
    assert nowhere.returncode == 2
    assert "nowhere" in nowhere.stderr
    assert not list((tmp_path / "new").glob("*/part-*")), "it was said before any computing"
