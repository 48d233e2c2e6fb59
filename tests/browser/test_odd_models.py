"""Models and captions of other kinds: tiles, positions without a place, no noun, nothing said, no single picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import looked
from molyneux.experiments.looks_rows import Looked
from molyneux.explorer.export import export
from molyneux.explorer.shards import key_of

Tabs = Callable[..., Any]


def odd(number: int, row: Looked) -> Looked:
    """Five images, each odd in its own way."""
    nameless = tuple(replace(word, noun=False) for word in row.words)
    return (
        replace(row, grid=None, boxes=looked.boxes()),
        replace(row, grid=None, boxes=()),
        replace(row, words=nameless),
        looked.silent(number),
        replace(row, view=None, objects=(), references=()),
    )[number]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    return export(looked.run_of_looks(folder / "run", images=5, change=odd), folder / "pages").folder


def place(number: int) -> str:
    ids = sorted(f"{n:05d} {looked.HOSTILE[n % len(looked.HOSTILE)]}.png" for n in range(5))
    return f"image.html#image={key_of(ids[number])}"


def test_patches_of_several_views_are_drawn_as_their_boxes(pages: Path, tab: Tabs) -> None:
    page = tab(pages).open(place(0) + f"&neuron={looked.NEURONS[3]}")
    told = page.evaluate(
        "() => [...document.querySelector('canvas.heat').getContext('2d').getImageData(0, 0, 120, 90).data]"
    )
    drawn = np.array(told).reshape(90, 120, 4)
    seen = np.zeros((90, 120), dtype=bool)
    for box in looked.boxes():
        if box:
            left, top, right, bottom = map(int, box)
            seen[top:bottom, left:right] = True
    assert ((drawn[..., 3] == 255) == seen).all()
    best = int(looked.maps(0)[3].argmax())
    left, top, _, _ = map(int, looked.boxes()[best])
    assert tuple(drawn[top + 5, left + 5, :3]) == (253, 231, 37)  # viridis at its end
    assert page.get_by_role("button", name="Smooth").is_disabled()
    frame = page.locator(".stage").bounding_box()
    page.mouse.move(frame["x"] + 30 / 120 * frame["width"], frame["y"] + 15 / 90 * frame["height"])
    assert page.locator(".patch.hover.seen").count() == 1
    page.mouse.move(frame["x"] + 90 / 120 * frame["width"], frame["y"] + 80 / 90 * frame["height"])
    assert page.locator(".patch.hover.seen").count() == 0  # the position without a place


def test_positions_without_a_place_say_so(pages: Path, tab: Tabs) -> None:
    page = tab(pages).open(place(1))
    assert "no place on the image" in page.locator("#unplaced").inner_text()
    assert page.locator("li.neuron").count() == 8
    page.keyboard.press("m")
    page.locator(".stage").hover()


def test_a_caption_without_a_noun_waits_for_a_choice(pages: Path, tab: Tabs) -> None:
    page = tab(pages).open(place(2))
    assert page.locator(".word[aria-pressed=true]").count() == 0
    assert "no noun" in page.locator(".word-line").inner_text()
    page.locator(".word").nth(1).click()
    assert page.locator("li.neuron").count() == 8


def test_an_empty_caption_is_said_to_be_one(pages: Path, tab: Tabs) -> None:
    page = tab(pages).open(place(3))
    assert "(an empty caption)" in page.locator("h1").inner_text()
    assert page.locator("li.neuron").count() == 0
    for key in ("ArrowRight", "j", "m", "Enter", "r"):
        page.keyboard.press(key)
    assert "(an empty caption)" in tab(pages).open("index.html").locator("#grid").inner_text()


def test_without_a_picture_of_its_own_the_models_view_is_off(pages: Path, tab: Tabs) -> None:
    page = tab(pages).open(place(4) + "&show=model&object=3")
    assert page.get_by_role("button", name="As the model saw it").is_disabled()
    assert page.locator(".stage.as-model").count() == 0
    assert page.locator("#iou").count() == 0
    assert page.locator("#about").inner_text().count("People wrote") == 0


def test_a_run_without_looks_says_how_to_add_them(pages: Path, tab: Tabs, tmp_path: Path) -> None:
    import shutil

    from molyneux.ground.run import open_run

    shutil.copytree(pages.parent / "run", tmp_path / "run")
    for stage in (tmp_path / "run").glob("looks*"):
        shutil.rmtree(stage)
    one = tab(export(open_run(tmp_path / "run"), tmp_path / "pages").folder)
    assert "molyneux reproduce looks" in one.open("index.html").locator("#grid").inner_text()
    assert "molyneux reproduce looks" in one.open("atlas.html").locator("#list").inner_text()
    assert "holds no images" in one.open("image.html").locator("#failure").inner_text()
    assert "holds no neurons" in one.open("neuron.html").locator("#failure").inner_text()
    assert one.open("run.html").locator("#tables table").count() == 1
