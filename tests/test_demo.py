"""The demo on the shipped miniature: whole, quick, honest about its image, and showing its control."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path

import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from molyneux.cli.demo import SCENE, demo_image
from molyneux.cli.main import app
from molyneux.ground.errors import AssetError
from molyneux.miniature.dataset import HELD_OUT

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


def test_the_figure_is_written(shown: tuple[str, Path, float]) -> None:
    assert [path.name for path in shown[1].iterdir()] == ["molyneux-demo.png"]
    with Image.open(shown[1] / "molyneux-demo.png") as image:
        assert image.width == 1600
        assert "writes: this" in image.info["Description"]


def test_the_last_line_opens_the_explorer_on_the_same_image(shown: tuple[str, Path, float]) -> None:
    last = shown[0].strip().splitlines()[-1]
    said, _, command = last.partition(":  ")
    assert said.startswith("Open it in the browser")
    words = shlex.split(command)
    assert words[:2] == ["molyneux", "explore"]
    explore = get_command(app).commands["explore"]  # type: ignore[attr-defined]
    parsed = explore.make_context("explore", words[2:]).params
    assert [Path(one).resolve() for one in parsed["what"]] == [demo_image()]


def test_the_demo_is_quick(shown: tuple[str, Path, float]) -> None:
    assert shown[2] < 60


def test_the_demos_image_was_held_out() -> None:
    assert SCENE in HELD_OUT
