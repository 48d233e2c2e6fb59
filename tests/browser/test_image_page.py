"""The image page tells all it shows from its own shard, and every panel of it can be taken away."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import looked

Tabs = Callable[..., Any]
EARLIER = """() => {
  if (location.href === "about:blank") return;
  const load = molyneux.load;
  molyneux.load = async (name) => {
    const data = await load(name);
    for (const word of data.words || []) delete word.alone;
    return data;
  };
}"""
PANELS = ("caption", "stage", "neurons", "strip", "about")


def take(page: Any, panel: str, kind: str) -> str:
    page.locator(f"#{panel} details.menu summary").click()
    with page.expect_download() as waiting:
        page.locator(f"#{panel} details.menu button", has_text=kind).click()
    return Path(waiting.value.path()).read_text(encoding="utf-8")


def test_it_asks_for_no_neurons_shard(site: Path, tab: Tabs) -> None:
    one = tab(site)
    page = one.open("image.html")
    assert "it alone switched off" in page.locator("#lede").inner_text()
    page.keyboard.press("j")
    page.wait_for_function("location.hash.includes('neuron=')")
    shards = [url.partition("/data/")[2] for url in one.asked if "/data/" in url]
    assert any(name.startswith("images/") for name in shards)  # or the paths are others
    assert not [name for name in shards if name.startswith("neurons/")]


def test_pages_of_an_earlier_export_lack_single_neurons(site: Path, tab: Tabs) -> None:
    """A shard without ``alone`` shows all the rest."""
    one = tab(site)
    one.page.add_init_script(f"addEventListener('DOMContentLoaded', {EARLIER})")
    page = one.open("image.html")
    assert "it alone switched off" not in page.locator("#lede").inner_text()
    assert "among the model\u2019s 300 neurons" in page.locator("#lede").inner_text()


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_gives_python_rows_and_where_they_come_from(panel: str, site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    buttons = page.locator(f"#{panel} details.menu button").all_text_contents()
    assert set(buttons) >= {"CSV", "JSON", "Copy as Python"}
    assert set(buttons) >= {"PNG", "SVG"} or panel == "about"
    told = json.loads(take(page, panel, "JSON"))
    assert told["provenance"]["seed"] == 5
    assert told["rows"]


def looked_draws(strip: dict[str, Any]) -> int:
    return next(len(arm["draws"]) for arm in strip["arms"] if arm["arm"] == "random")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("panel", ["caption", "neurons", "strip"])
def test_lists_become_drawings(panel: str, theme: str, site: Path, tab: Tabs) -> None:
    page = tab(site, theme=theme).open("image.html#word=1")
    shard = page.evaluate(
        "molyneux.load('images/index-0').then(({rows}) => molyneux.load(`images/${rows[0].key}`))"
    )
    tree = ElementTree.fromstring(take(page, panel, "SVG"))
    name = "{http://www.w3.org/2000/svg}"
    assert not list(tree.iter(f"{name}script"))
    assert json.loads(tree.find(f"{name}desc").text or "")["seed"] == 5
    words = " ".join("".join(one.itertext()) for one in tree.iter(f"{name}text"))
    bars = [float(one.get("width") or 0) for one in tree.iter(f"{name}rect") if one.get("height") == "10"]
    long = max(bars)
    if panel == "caption":
        shown, shares = ["token 0"], [p for _, p in shard["tokens"]]
    elif panel == "neurons":
        listed = shard["words"][1]["rankings"]["sum"]["neurons"]
        shown, shares = [str(neuron) for neuron in looked.NEURONS], [one[1] / listed[0][1] for one in listed]
    else:
        n = int(re.search(r"Without the top (\d+) neurons", words)[1])
        (strip,) = (one for one in shard["words"][1]["rankings"]["sum"]["strip"]["units"] if one["n"] == n)
        shown = [
            "The caption as it is",
            f"Without {n} random neurons",
            f"of {looked_draws(strip)} draws gave",
        ]
        means = [sum(p for p, _ in arm["draws"]) / len(arm["draws"]) for arm in strip["arms"]]
        shares = [shard["words"][1]["p"], *means]
    assert all(one in words for one in shown)
    drawn = bars[1::2]  # each on a ground of full length
    assert drawn[: len(shares)] == pytest.approx([long * share for share in shares], abs=1.01)
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\x1b]", words)


@pytest.mark.parametrize(
    ("n", "said"),
    [
        *((1, "first"), (2, "second"), (3, "third"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th")),
        *((21, "21st"), (22, "22nd"), (23, "23rd"), (24, "24th"), (101, "101st"), (111, "111th")),
    ],
)
def test_ranks_in_words(n: int, said: str, site: Path, tab: Tabs) -> None:
    assert tab(site).open("image.html").evaluate("(n) => molyneux.parts.ordinal(n)", n) == said
