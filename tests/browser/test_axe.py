"""Accessibility: axe-core finds no serious fault on any page, light or dark, wide or narrow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RUN = "axe.run(document, {resultTypes: ['violations'], preload: false})"
SPOIL = """() => {
  document.querySelector("#controls input").removeAttribute("aria-label");
  document.querySelector(".picture").removeAttribute("alt");
}"""
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
PAGES = (
    "index.html",
    "image.html#object=0",
    "image.html#map=mask&patch=3",
    "neuron.html",
    "atlas.html",
    "run.html",
)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("place", PAGES)
def test_axe_finds_no_serious_fault(place: str, theme: str, site: Path, tab: Callable[..., Any]) -> None:
    width = 390 if theme == "dark" else 1440
    page = tab(site, theme=theme, width=width).open(place)
    page.evaluate(AXE.read_text())
    found = page.evaluate(RUN)
    serious = [
        (one["id"], one["impact"], [node["html"][:160] for node in one["nodes"][:3]])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_axe_would_find_one(site: Path, tab: Callable[..., Any]) -> None:
    page = tab(site).open("image.html")
    page.evaluate(SPOIL)
    page.evaluate(AXE.read_text())
    found = page.evaluate(RUN)
    assert "image-alt" in {one["id"] for one in found["violations"]}
