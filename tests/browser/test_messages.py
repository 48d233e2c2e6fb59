"""What pages say when something is not there: an image, a neuron, the server, an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import looked
from explore_running import Visit, running
from explore_server import Served, Slow, served

NO_KEY = "0123456789abcdef"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Served]:
    one = served(looked.run_of_looks(tmp_path / "run", images=3), tmp_path, Slow)
    one.studio.go_on.set()
    yield one
    assert one.worker is not None
    one.worker.close()


@pytest.fixture
def visit(chromium: Any, made: Served) -> Iterator[tuple[Visit, Callable[[], None]]]:
    """A page on a server, and what ends the server."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    with running(made) as server:
        yield Visit(context, server.root), server.end
    context.close()


def failure(page: Any) -> str:
    page.wait_for_selector("#failure", timeout=20_000)
    return str(page.locator("#failure").inner_text())


def test_an_image_that_the_run_does_not_have(site: Path, tab: Callable[..., Any]) -> None:
    one = tab(site)
    told = failure(one.open(f"image.html#image={NO_KEY}"))
    assert f"This run has no image of the key {NO_KEY}" in told
    assert "handed in" not in told
    one.errors.clear()  # the browser itself complains about the file


def test_an_image_that_a_server_does_not_have(visit: tuple[Visit, Callable[[], None]]) -> None:
    told = failure(visit[0].open(f"image.html#image={NO_KEY}"))
    assert f"This run has no image of the key {NO_KEY}" in told
    assert "handed in is gone once the server has ended" in told


@pytest.mark.parametrize("name", ["L6.u0", "L0.u50", "L12.u9058"])
def test_a_neuron_that_the_model_does_not_have(site: Path, tab: Callable[..., Any], name: str) -> None:
    told = failure(tab(site).open(f"neuron.html#neuron={name}"))
    assert f"This model has no neuron {name}: it has layers 0 to 5, and units 0 to 49" in told


def test_a_server_that_is_gone(visit: tuple[Visit, Callable[[], None]]) -> None:
    one, end = visit
    page = one.open("image.html")
    other = page.evaluate("molyneux.load('images/index-0').then(({rows}) => rows[1].key)")
    end()
    page.locator('#live .choices button[data-value="0"]').click()
    page.wait_for_selector("#live .live-status.bad")
    told = page.locator("#live .live-status").inner_text()
    assert "does not answer" in told
    assert "molyneux explore" in told
    page.evaluate(f"molyneux.go({{image: '{other}'}})")
    assert "does not answer" in failure(page)  # not that the run has no such image
    assert "no image" not in failure(page)


def test_a_server_that_is_gone_when_an_image_is_handed_in(visit: tuple[Visit, Callable[[], None]]) -> None:
    one, end = visit
    page = one.open("index.html")
    end()
    page.locator("#hand-in input").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": looked.picture(1)}
    )
    page.wait_for_selector("#hand-in .bad")
    assert "does not answer" in page.locator("#hand-in .bad").inner_text()


@pytest.mark.parametrize(("status", "body"), [(500, "Internal Server Error"), (200, "<p>a proxy</p>")])
def test_an_answer_that_is_none_of_ours(
    visit: tuple[Visit, Callable[[], None]], status: int, body: str
) -> None:
    page = visit[0].open("image.html")
    page.route("**/live/edit", lambda route: route.fulfill(status=status, body=body))
    page.locator('#live .choices button[data-value="0"]').click()
    page.wait_for_selector("#live .live-status.bad")
    told = page.locator("#live .live-status").inner_text()
    assert "The server failed" in told
    assert f"status {status}" in told
    assert "token" not in told.lower()


def test_a_bad_image_is_refused_by_its_own_name(visit: tuple[Visit, Callable[[], None]]) -> None:
    one, _ = visit
    page = one.open("index.html")
    page.locator("#hand-in input").set_input_files(
        {"name": "my note.png", "mimeType": "image/png", "buffer": b"no image"}
    )
    page.wait_for_selector("#hand-in .bad")
    assert "image 'my note.png': expected " in page.locator("#hand-in .bad").inner_text()
