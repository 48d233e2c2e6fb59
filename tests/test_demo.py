"""The demo on the shipped miniature: whole, quick, honest about its image, and showing its control."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

import molyneux as mx
from molyneux.cli.demo import COUNTS, SCENE, demo_image
from molyneux.cli.demo_place import is_only_ours, run_name
from molyneux.cli.live_parts import Asked, opened
from molyneux.cli.main import app
from molyneux.experiments.looks_rows import Looked
from molyneux.experiments.looks_story import story_of_look
from molyneux.explorer.wishes import EditAsked, read_edit, wish_of
from molyneux.ground.errors import AssetError
from molyneux.ground.files import keep
from molyneux.ground.manifest import Identity, read_manifest, write_manifest
from molyneux.ground.run import open_run, writing
from molyneux.ground.story import Story
from molyneux.miniature.dataset import HELD_OUT
from molyneux.models.captioner import Captioner
from molyneux.neurons.story import tell

try:
    demo_image()
except AssetError:
    pytest.skip("the miniature is not shipped here", allow_module_level=True)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, float]:
    """The demo's screen, its folder, and the seconds of computing that it took."""
    folder = tmp_path_factory.mktemp("demo")
    began = time.process_time()
    result = CliRunner(env={"COLUMNS": "100"}).invoke(app, ["demo", "--save-dir", str(folder)])
    assert result.exit_code == 0, result.output
    return result.stdout, folder, time.process_time() - began


def change(screen: str, arm: str) -> float:
    """The change of p at an arm's largest count, in percent."""
    block = screen[screen.index(f"\n{arm} ") :].splitlines()[1:5]
    return float(re.findall(r"([+-]?[0-9.]+)%", block[-1])[0])


def test_the_demo_shows_every_step(shown: tuple[str, Path, float]) -> None:
    screen = shown[0]
    assert "a miniature, not the paper's model" in screen
    word = re.search(r"p\((\w+)\) = ", screen)
    assert word is not None
    for said in (
        f"put \u201c{word[1]}\u201d there",
        "Where on the image they fire",
        "the caption, written anew",
    ):
        assert said in screen
    assert len(set(re.findall(r"L\d+\.u\d+", screen))) == 8


def test_the_top_neurons_matter_and_random_ones_do_not(shown: tuple[str, Path, float]) -> None:
    assert change(shown[0], "top") < -50
    assert abs(change(shown[0], "random")) < 10


def test_the_figure_and_the_run_are_written(shown: tuple[str, Path, float]) -> None:
    assert sorted(path.name for path in shown[1].iterdir()) == ["molyneux-demo", "molyneux-demo.png"]
    with Image.open(shown[1] / "molyneux-demo.png") as image:
        assert image.width == 1600
        assert "writes: this" in image.info["Description"]


def test_the_screen_is_what_single_verbs_compute(shown: tuple[str, Path, float]) -> None:
    """The story is read from the run; attribute() and ablate() say the same."""
    row, story = told(shown[1])
    found = mx.attribute(captioner(), demo_image(), reduce="sum", top=8)
    usual = tell(captioner(), mx.open_image(demo_image()), found, views=8)
    assert (story.caption, story.word, story.span, story.score) == (
        usual.caption,
        usual.word,
        usual.span,
        usual.score,
    )
    assert [one.name for one in story.neurons] == [one.name for one in usual.neurons]
    for ours, theirs in zip(story.neurons, usual.neurons, strict=True):
        assert (ours.patch, ours.box, ours.tokens) == (theirs.patch, theirs.box, theirs.tokens)
        assert ours.score == pytest.approx(theirs.score, rel=1e-3)
        assert ours.heat is not None
        assert theirs.heat is not None
        np.testing.assert_allclose(ours.heat, theirs.heat, atol=1e-4)
    made = mx.ablate(
        captioner(), demo_image(), attribution=found, counts=COUNTS, arms=("top", "interpretable")
    )
    assert story.ablation is not None
    assert story.ablation.probability == pytest.approx(made.probability, rel=1e-4)
    assert [arm.arm for arm in story.ablation.arms] == ["top", "interpretable", "random"]
    for arm in story.ablation.arms[:2]:
        for place, count in enumerate(COUNTS):
            (theirs,) = made.of(arm.arm, count)
            assert (arm.counts[place], arm.units[place]) == (count, theirs.units)
            assert arm.captions[place] == (theirs.caption,)
            assert arm.mean[place] == pytest.approx(theirs.relative_change, abs=1e-4)
    control = story.ablation.arms[2]
    assert control.units == COUNTS
    assert [len(some) for some in control.captions] == [1, 8, 8, 8, 8]
    bounds = zip(control.low[1:], control.mean[1:], control.high[1:], strict=True)
    assert all(low <= mean <= high for low, mean, high in bounds)
    assert row.references, "what people said of it"
    assert row.objects, "what was annotated"


def told(folder: Path) -> tuple[Looked, Story]:
    """The row of the run that a demo kept, and the screen's Story."""
    (row,) = open_run(folder / "molyneux-demo").results("looks", Looked).rows.values()
    return row, story_of_look(captioner(), mx.open_image(demo_image()), row, views=8)


@cache
def captioner() -> Captioner:
    return mx.load("miniature", device="cpu")


def test_the_last_line_opens_the_explorer_on_what_was_computed(
    shown: tuple[str, Path, float], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = shown[0].strip().splitlines()[-1]
    said, _, command = last.partition(":  ")
    assert said.startswith("Open it in the browser")
    words = shlex.split(command)
    assert words[:2] == ["molyneux", "explore"]
    explore = get_command(app).commands["explore"]  # type: ignore[attr-defined]
    parsed = explore.make_context("explore", words[2:]).params
    assert parsed["browser"]
    assert [Path(one) for one in parsed["what"]] == [shown[1] / "molyneux-demo"]
    asked = Asked(True, None, None, 60.0, (parsed["model"], None, None), "token")
    found = opened(parsed["what"], tmp_path / "scratch", asked)
    try:
        assert capsys.readouterr().err == ""  # nothing is computed, and live parts are on
        assert found.live is not None
        (key,) = found.shelf.book.thumbs()
        assert found.start == f"image.html#image={key}"
        row, _ = told(shown[1])
        index, noun = next((n, word) for n, word in enumerate(row.words) if word.noun)
        body = {"image": key, "word": index, "top": 200, "rank": "sum", "scale": 0.0, "draws": 1, "seed": 0}
        edit = read_edit(json.dumps(body).encode())
        assert isinstance(edit, EditAsked)
        wish = wish_of(found.shelf, edit)
        ticket = found.live.worker.submit(lambda studio, check: studio.edit(wish, check))
        edited = ticket.future.result(timeout=60)
        assert edited.plain.caption == row.caption
        off = next(one for one in noun.rankings[0].edits if (one.arm, one.count) == ("top", 200))
        assert edited.edited.caption == off.caption
        assert edited.edited.p == pytest.approx(off.p, rel=1e-3)
    finally:
        found.close()


def typed(folder: Path, *more: str) -> Any:
    return CliRunner(env={"COLUMNS": "100"}).invoke(app, ["demo", "--save-dir", str(folder), *more])


def test_again_it_shows_the_run_and_computes_nothing(
    shown: tuple[str, Path, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {path: path.stat().st_mtime_ns for path in shown[1].rglob("part-*.parquet")}
    assert parts

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a model was run")

    monkeypatch.setattr("molyneux.models.captioner.Captioner.generate", never)
    monkeypatch.setattr("molyneux.experiments.looks_image.attribute_batch", never)
    monkeypatch.setattr("molyneux.experiments.captions.attribute_batch", never)
    again = typed(shown[1])
    assert again.exit_code == 0, again.output
    assert again.stdout == shown[0]
    assert {path: path.stat().st_mtime_ns for path in shown[1].rglob("part-*.parquet")} == parts


def of_another_version(shown: tuple[str, Path, float], folder: Path) -> Path:
    """A copy of the demo's run that an earlier version made; its manifest's identity before that."""
    place = folder / "molyneux-demo"
    shutil.copytree(shown[1] / "molyneux-demo", place)
    old = read_manifest(place)
    versions = dict(old.identity.versions) | {"molyneux": "0.0.1"}
    write_manifest(place, replace(old, identity=replace(old.identity, versions=versions)))
    return place


def test_its_own_run_of_another_version_is_replaced(shown: tuple[str, Path, float], tmp_path: Path) -> None:
    place = of_another_version(shown, tmp_path)
    again = typed(tmp_path)
    assert again.exit_code == 0, again.output
    assert "computing it again" in again.stderr
    assert read_manifest(place).identity == read_manifest(shown[1] / "molyneux-demo").identity
    assert sorted(path.name for path in tmp_path.iterdir()) == ["molyneux-demo", "molyneux-demo.png"]


def test_a_replaced_run_with_somebodys_files_in_it_is_moved_aside(
    shown: tuple[str, Path, float], tmp_path: Path
) -> None:
    place = of_another_version(shown, tmp_path)
    (place / "notes.txt").write_text("mine")
    (tmp_path / "molyneux-demo.old-1").write_text("mine too")
    again = typed(tmp_path)
    assert again.exit_code == 0, again.output
    assert f"kept: {tmp_path / 'molyneux-demo.old-2'}" in again.stderr.replace("\n", "")
    assert (tmp_path / "molyneux-demo.old-2" / "notes.txt").read_text() == "mine"
    assert (tmp_path / "molyneux-demo.old-1").read_text() == "mine too"
    assert read_manifest(tmp_path / "molyneux-demo.old-2").identity.versions["molyneux"] == "0.0.1"
    assert is_only_ours(place)


def note_in(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")


ADDED = {
    "a note": lambda run: note_in(run / "notes.md"),
    "a note in a stage": lambda run: note_in(run / "looks" / "notes.md"),
    "a note among the tables": lambda run: note_in(run / "tables" / "notes.csv"),
    "a note among the locks": lambda run: note_in(run / ".locks" / "poetry.lock"),
    "a report": lambda run: note_in(run / "report" / "index.html"),
    "a table of one's own": lambda run: keep(run / "tables" / "mine.csv", b"mine"),
    "an edited table": lambda run: note_in(run / "tables" / "looks.csv"),
    "an edited hash": lambda run: (run / "tables" / "looks.csv.sha256").open("a").write("mine"),
    "a part of one's own": lambda run: note_in(run / "looks" / "part-00009.parquet"),
    "a link": lambda run: (run / "photos").symlink_to(run.parent),
    "linked locks": lambda run: (
        shutil.move(run / ".locks", run.parent / "locks"),
        (run / ".locks").symlink_to(run.parent / "locks"),
    ),
    "an empty folder": lambda run: (run / "photos").mkdir(),
    "a deep one": lambda run: note_in(run / "looks" / "stage" / "stage.json"),
    "a pipe": lambda run: os.mkfifo(run / "looks" / "part-00001.parquet"),
}


@pytest.mark.parametrize("add", ADDED.values(), ids=ADDED.keys())
def test_only_what_the_demo_wrote_is_its_own(
    shown: tuple[str, Path, float], tmp_path: Path, add: Callable[[Path], object]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(shown[1] / "molyneux-demo", run)
    (run / "looks" / f".tmp-{'0' * 16}").write_text("what a killed process left")
    assert is_only_ours(run)
    add(run)
    assert not is_only_ours(run)


def test_a_folder_that_somebody_is_in_is_not_replaced(
    shown: tuple[str, Path, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = of_another_version(shown, tmp_path)
    monkeypatch.chdir(place / "looks")
    refused = typed(tmp_path)
    assert refused.exit_code == 2
    assert "you are in it" in " ".join(refused.output.split())
    assert read_manifest(place).identity.versions["molyneux"] == "0.0.1"


@pytest.mark.parametrize("what", ["a run", "photos", "a file", "a link"])
def test_what_no_demo_made_is_refused_and_stays(
    shown: tuple[str, Path, float], tmp_path: Path, what: str
) -> None:
    place = tmp_path / "molyneux-demo"
    if what == "a run":
        with writing(place, Identity({}, {}, {}), command=["molyneux", "reproduce"]):
            pass
    elif what == "photos":
        place.mkdir()
        (place / "one.jpg").write_text("mine")
    elif what == "a file":
        place.write_text("mine")
    else:
        place.symlink_to(shown[1] / "molyneux-demo")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    refused = typed(tmp_path)
    assert refused.exit_code == 2
    assert "an earlier demo's" in refused.output
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_another_models_demo_has_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "My Model").mkdir()
    names = [
        run_name(one) for one in ("miniature", "limber-beit", "org/llava-7b", str(tmp_path / "My Model"))
    ]
    assert names[:2] == ["molyneux-demo", "molyneux-demo-limber-beit"]
    assert len(set(names)) == 4
    assert all(re.fullmatch(r"molyneux-demo[a-z0-9_-]*", name) for name in names)


def test_models_of_one_name_and_other_parts_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "final").mkdir(parents=True)
    local = [str(tmp_path / name / "final") for name in ("a", "b")]
    parts: list[dict[str, str]] = [
        {"vision": local[0]},
        {"vision": local[1]},
        {"text": local[0]},
        {"projection": "proj.ckpt"},
        {"prompt": "A"},
        {"vision": local[0], "prompt": "A " * 3000},
    ]
    names = [run_name(one) for one in local] + [run_name("limber-beit", one) for one in parts]
    names += [run_name("miniature"), run_name("limber-beit"), run_name("miniature", {"prompt": "A"})]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"molyneux-demo[a-z0-9_-]*", name) for name in names)
    monkeypatch.chdir(tmp_path / "a")
    assert run_name("final") == names[0]
    assert run_name("limber-beit", {"vision": "../b/final"}) == names[3]


def test_the_demo_is_quick(shown: tuple[str, Path, float]) -> None:
    assert shown[2] < 60


def test_the_demos_image_was_held_out() -> None:
    assert SCENE in HELD_OUT
