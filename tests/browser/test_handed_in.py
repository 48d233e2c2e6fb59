"""An image handed in to a served run: what its neurons' pages say is of that image, and they say which it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import machines
from explore_running import Running, Visit, running
from explore_server import served, tiny_run
from molyneux.explorer.shelf import Shelf
from panel_python import said_by

NAME = "my cat <b>.png"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Shelf, Path]]:
    """A real run of a tiny model on two images, served with its model, and a third image."""
    folder = tmp_path_factory.mktemp("handed in")
    run, studio, _ = tiny_run(folder)
    made = served(run, folder, studio)
    file = folder / "own" / NAME
    file.parent.mkdir()
    machines.images(1, width=64, height=48, seed=11)[0].save(file)
    with running(made) as one:
        yield one, made.shelf, file
    assert made.worker is not None
    made.worker.close()


@pytest.fixture
def visit(chromium: Any, live: tuple[Running, Shelf, Path]) -> Iterator[Visit]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    one = Visit(context, live[0].root)
    yield one
    context.close()
    assert one.wrong == []


def of_its_own(page: Any, shelf: Shelf) -> str:
    """A neuron that the handed-in image's page lists and the run has no page for."""
    listed = page.locator("li.neuron").evaluate_all("(all) => all.map((one) => one.dataset.neuron)")
    return next(name for name in listed if name not in shelf.book.looks.neurons)


def test_a_neuron_that_only_it_has_says_so(visit: Visit, live: tuple[Running, Shelf, Path]) -> None:
    _, shelf, file = live
    page = visit.hand_in(file)
    assert page.locator("#about dd").first.inner_text() == NAME  # the file, not a hash
    name = of_its_own(page, shelf)
    in_run = shelf.book.looks.images_of[name]
    page.locator(f'li.neuron[data-neuron="{name}"] a.open').click()
    page.wait_for_selector("html[data-ready] .neuron-name", timeout=20_000)
    said = page.locator("#name .lede").inner_text()
    assert "of the 2 images looked at" not in said
    assert f"On the image that was handed in, {NAME}, it is" in said
    assert f"Of the run\u2019s 2 images, {in_run or 'none'} list" in said
    assert page.locator("#name .lede a").get_attribute("href").startswith("image.html#image=")
    assert f"of the run\u2019s 2 images, by {in_run or 'none'}" in page.locator("#place").inner_text()


def test_one_image_is_no_sample(visit: Visit, live: tuple[Running, Shelf, Path]) -> None:
    _, shelf, file = live
    name = of_its_own(visit.hand_in(file), shelf)
    page = visit.open(f"neuron.html#neuron={name}")
    tiles = page.locator("#tiles").inner_text()
    assert page.locator("#tiles .maps li").count() == 1
    assert NAME in tiles
    assert "the control" not in tiles
    assert "Random images" not in tiles
    assert page.locator("#histogram").is_hidden()
    page.evaluate(f"molyneux.go({{neuron: '{shelf.book.looks.neurons.ids[0]}'}})")
    page.wait_for_selector("#tiles h3 >> text=Random images")  # of the run's own, as before
    assert page.locator("#histogram").is_visible()


def test_the_lines_of_its_panels_read_the_file_that_was_handed_in(
    visit: Visit, live: tuple[Running, Shelf, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import molyneux as mx

    _, shelf, file = live
    name = of_its_own(visit.hand_in(file), shelf)
    page = visit.open(f"neuron.html#neuron={name}")
    shown = page.evaluate(f"molyneux.load('neurons/{name}')")
    monkeypatch.setattr(mx, "load", lambda *_, **__: machines.captioner())  # it has no name to load it by
    told = said_by(page, "tiles", file.parent)
    kind, patch, value, *rest = told[0].split()
    assert (kind, int(patch), " ".join(rest)) == ("top", shown["top"][0]["patch"], NAME)
    assert float(value) == pytest.approx(shown["top"][0]["activation"], rel=1e-4)


def test_its_page_shows_other_images_of_the_run(live: tuple[Running, Shelf, Path], visit: Visit) -> None:
    """What is said about other images is of the run, never of the image's own small book."""
    _, shelf, file = live
    page = visit.hand_in(file)
    key = page.evaluate("molyneux.state.image")
    data = page.evaluate(f"molyneux.load('images/{key}')")
    for one in data["neurons"]:
        if one["name"] in shelf.book.looks.neurons:
            assert one["fires"]["seen"] == 2
            assert all(key != other for other, _, _ in one["fires"]["top"])
        else:
            assert one["fires"] is None
