"""What goes wrong while something is taken away or loaded is told; numbers are said as they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import looked

Tabs = Callable[..., Any]
# Live panels are built; the server that they ask never answers.
LIVE = "window.MOLYNEUX_LIVE = { token: 'none' }; window.fetch = () => new Promise(() => {})"


@pytest.mark.parametrize("place", ["image.html", "neuron.html"])
def test_no_drawing_is_offered_before_a_scale_is_tried(place: str, site: Path, tab: Tabs) -> None:
    one = tab(site)
    one.page.add_init_script(LIVE)
    page = one.open(place)
    menu = page.locator("#live details.menu")
    menu.locator("summary").click()
    offered = [button.inner_text() for button in menu.locator("button").all() if button.is_visible()]
    assert offered == ["CSV", "JSON", "Copy as Python"]
    page.keyboard.press("Escape")
    menu = page.locator("#stage details.menu, #effect details.menu")
    menu.locator("summary").click()
    assert menu.locator("button", has_text="PNG").is_visible()


THROWS = "() => { throw new Error('no \\u202eluck') }"
REJECTS = "async () => { throw 5 }"


@pytest.mark.parametrize(
    ("kind", "made"),
    [("python", THROWS), ("drawing", THROWS), ("rows", THROWS), ("python", REJECTS), ("drawing", REJECTS)],
)
def test_a_failure_is_told(kind: str, made: str, site: Path, tab: Tabs) -> None:
    page = tab(site).open("index.html")
    page.evaluate(
        f"document.getElementById('main').prepend(molyneux.takeAway('t', {{ name: 'a', {kind}: {made} }}))"
    )
    menu = page.locator("#main > details.menu")
    menu.locator("summary").click()
    button = menu.locator("button").first
    label = button.inner_text()
    button.click()
    page.wait_for_selector("#toast.seen")
    told = "5" if made.startswith("async") else "no \\u202eluck"
    assert page.locator("#toast").inner_text() == f"{label}: {told}"


def test_a_neuron_that_does_not_load_is_not_said_to_be_absent(
    site: Path, tmp_path: Path, chromium: Any
) -> None:
    name = str(looked.NEURONS[2])
    shutil.copytree(site, tmp_path / "pages")
    (tmp_path / "pages" / "data" / "neurons" / f"{name}.js").unlink()
    page = chromium.new_page()
    for asked, told in (
        (name, f"data/neurons/{name}.js could not be loaded"),
        (
            "L5.u49",
            "L5.u49 has no page in this run: only 8 neurons that its images list most for their first",
        ),
    ):
        page.goto("about:blank")
        page.goto(f"{(tmp_path / 'pages').as_uri()}/neuron.html#neuron={asked}")
        page.wait_for_selector("html[data-ready]")
        assert page.locator("#failure").inner_text().startswith(told)
    page.close()


NUMBERS = [
    *[(0, "0"), (5, "5"), (100, "100"), (1000, "1,000"), (-2500, "\u22122,500"), (1234567, "1,234,567")],
    *[(1234.5, "1,235"), (999.9, "1,000"), (12.345, "12.3"), (0.5, "0.5"), (0.0001, "1.00e\u22124")],
]
PERCENTS = [
    *[(0, "0%"), (0.0001, "+0.01%"), (-0.0001, "\u22120.01%"), (0.002, "+0.2%"), (0.9996, "+100%")],
    *[(-0.9996, "\u221299.9%"), (-1, "\u2212100%"), (1.5, "+150%")],
]


def test_numbers_and_percents(site: Path, tab: Tabs) -> None:
    page = tab(site).open("index.html")
    for value, told in NUMBERS:
        assert page.evaluate("(one) => molyneux.number(one)", value) == told
    for value, told in PERCENTS:
        assert page.evaluate("(one) => molyneux.percent(one)", value) == told
