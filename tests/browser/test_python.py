"""The Python that panels give reproduces them: run for real, on images that ship with the package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from molyneux.explorer.export import export
from molyneux.ground.run import open_run
from panel_python import said_by

Tabs = Callable[..., Any]


@pytest.fixture(scope="module")
def shipped(miniature_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of two images of the miniature, computed by it."""
    return export(open_run(miniature_run), tmp_path_factory.mktemp("shipped") / "pages").folder


@pytest.mark.parametrize("rank", ["sum", "max"])
def test_the_neurons(rank: str, shipped: Path, tab: Tabs) -> None:
    page = tab(shipped).open(f"image.html#rank={rank}")
    lines = [line.split() for line in said_by(page, "neurons")]
    rows = page.locator("li.neuron")
    assert [line[0] for line in lines] == rows.evaluate_all("all => all.map((one) => one.dataset.neuron)")
    assert [line[1] for line in lines] == rows.evaluate_all("all => all.map((one) => one.dataset.patch)")
    scores = [float(text) for text in rows.locator(".score").all_inner_texts()]
    assert [float(line[2]) for line in lines] == pytest.approx(scores, rel=0.006)  # three digits are shown


def test_the_map(shipped: Path, tab: Tabs) -> None:
    page = tab(shipped).open("image.html#pct=90&object=0")
    (size, low, high, _), (overlap, *_) = (line.rsplit(None, 3) for line in said_by(page, "stage"))
    assert size == str(torch.Size([256, 256]))
    drawn = [
        float(text) for text in page.locator(".scale > span").all_inner_texts() if text.strip()[:1].isdigit()
    ]
    assert [float(low), float(high)] == pytest.approx(drawn, abs=0.006)
    assert float(overlap) == pytest.approx(float(page.locator("#iou").get_attribute("data-iou")), abs=1e-4)


def test_the_caption(shipped: Path, tab: Tabs) -> None:
    page = tab(shipped).open("image.html")
    text, *lines = said_by(page, "caption")
    assert text == page.locator(".said").inner_text()
    image = shard(page)
    assert [line.rsplit(None, 1)[0].strip("'").strip() for line in lines] == [
        one.strip() for one, _ in image["tokens"]
    ]
    assert [float(line.rsplit(None, 1)[1]) for line in lines] == pytest.approx(
        [p for _, p in image["tokens"]], rel=1e-5
    )
    word = page.locator(".word.noun")
    assert f"p = {float(lines[image['words'][image['selected']]['first']].split()[-1]):.3f}"[:8] in (
        word.get_attribute("title") or ""
    )


def test_the_strip(shipped: Path, tab: Tabs) -> None:
    page = tab(shipped).open("image.html")
    image = shard(page)
    word = image["words"][image["selected"]]
    (strip,) = word["rankings"]["sum"]["strip"]["units"]
    arms = {arm["arm"]: arm["draws"] for arm in strip["arms"]} | {"original": [[word["p"], image["caption"]]]}
    said: dict[str, list[tuple[float, str]]] = {}
    for line in said_by(page, "strip"):
        arm, units, p, *caption = line.split(None, 3)
        assert units == ("0" if arm == "original" else "50")
        said.setdefault(arm, []).append((float(p), "".join(caption)))
    assert set(said) == set(arms) == {"original", "top", "interpretable", "random"}
    assert len(said["random"]) == 2
    for arm, draws in arms.items():  # random ones too: the same units are drawn
        assert [text for _, text in said[arm]] == [text for _, text in draws]
        assert [p for p, _ in said[arm]] == pytest.approx([p for p, _ in draws], rel=1e-4)
    assert len({p for draws in said.values() for p, _ in draws}) == 5  # or it could not fail


def test_this_image(shipped: Path, tab: Tabs) -> None:
    page = tab(shipped).open("image.html")
    lines = said_by(page, "about")
    image = shard(page)
    assert lines[:3] == [
        f"size {image['width']} {image['height']}",
        f"patches {image['patches']}",
        f"grid {image['grid']['columns']} {image['grid']['rows']}",
    ]
    objects = [f"object {one['category']} {'crowd' if one['crowd'] else ''}" for one in image["objects"]]
    assert lines[3:] == [*objects, *(f"reference {text}" for text in image["references"])]
    assert objects
    assert image["references"]


def shard(page: Any) -> Any:
    """What the page shows."""
    key = page.evaluate("new URLSearchParams(location.hash.slice(1)).get('image')")
    return page.evaluate(
        "async (key) => molyneux.load(`images/${key || (await molyneux.load('images/index-0')).rows[0].key}`)",
        key,
    )
