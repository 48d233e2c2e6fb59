"""Every panel of the neuron page gives Python lines that reproduce it: run for real, on images of the package."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import molyneux as mx
from molyneux.experiments.bench import Bench
from molyneux.experiments.looks_alone import alone
from molyneux.explorer.export import export
from molyneux.ground.assets import asset
from molyneux.ground.run import open_run
from panel_python import code_of, said_by

Tabs = Callable[..., Any]
NOT_NEURON = "section.panel:not(#live) details.menu"


@pytest.fixture(scope="module")
def shipped(miniature_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of two images of the miniature, computed by it."""
    return export(open_run(miniature_run), tmp_path_factory.mktemp("shipped") / "pages").folder


@pytest.fixture
def page(shipped: Path, tab: Tabs) -> Any:
    return tab(shipped).open("neuron.html")


@pytest.fixture
def shown(page: Any) -> dict[str, Any]:
    """The shard of the neuron that the page shows."""
    return dict(page.evaluate("molyneux.load(`neurons/${document.querySelector('h1').textContent}`)"))


def test_what_it_says(page: Any, shown: dict[str, Any]) -> None:
    lines = [line.split(None, 2) for line in said_by(page, "tokens")]
    for side, place in (("boosted", "up"), ("suppressed", "down")):
        own = [line for line in lines if line[0] == side]
        drawn = page.locator(f".logits.{place} .token").all_inner_texts()
        assert [line[2].strip("' ") for line in own] == drawn
        assert [float(line[1]) for line in own] == pytest.approx([one[1] for one in shown[side]], rel=1e-5)


def test_its_place(page: Any, shown: dict[str, Any], miniature_run: Path) -> None:
    norm, listed, layers = (line.split() for line in said_by(page, "place", miniature_run.parent))
    assert float(norm[1]) == pytest.approx(shown["norm"], rel=1e-5)
    assert int(norm[3]) == shown["norm_rank"]
    text = page.locator("#place").inner_text()
    assert f"rank {int(norm[3]):,} of" in text
    assert f"by {listed[2]} image" in text
    bars = page.locator("#place .bar title").evaluate_all("all => all.map((one) => one.textContent)")
    assert bars == [
        f"Layer {n}: {int(many):,} neuron{'s' * (many != '1')}" for n, many in enumerate(layers[2:])
    ]


def test_where_it_fires(page: Any, shown: dict[str, Any]) -> None:
    lines = [line.split(None, 3) for line in said_by(page, "tiles")]
    tiles = [(kind, one) for kind in ("top", "random") for one in shown[kind]]
    assert [(kind, int(patch), name) for kind, patch, _, name in lines] == [
        (kind, one["patch"], one["id"]) for kind, one in tiles
    ]
    assert [float(value) for _, _, value, _ in lines] == pytest.approx(
        [one["activation"] for _, one in tiles], rel=1e-4
    )
    texts = page.locator("#tiles .tile-note").all_inner_texts()
    assert [float(text.split()[0]) for text in texts] == pytest.approx(
        [float(value) for _, _, value, _ in lines], rel=0.006, abs=0.006
    )


def test_how_often_it_fires(page: Any, shown: dict[str, Any], miniature_run: Path) -> None:
    *bins, quantiles = (line.split() for line in said_by(page, "histogram", miniature_run.parent))
    drawn = page.locator("#histogram .bar").evaluate_all("all => all.map((one) => one.dataset.count)")
    assert [line[0] for line in bins] == drawn
    values = np.frombuffer(base64.b64decode(shown["activations"]), "<f4")
    assert [float(bins[0][1]), float(bins[-1][2])] == pytest.approx([values.min(), values.max()], rel=1e-6)
    said = page.locator("#histogram [data-quantile]").all_inner_texts()
    assert [float(text) for text in said] == pytest.approx([float(one) for one in quantiles[1:]], rel=0.006)


def band_of(run: Path, shown: dict[str, Any]) -> list[str]:
    """The random units beside which the run tried a neuron, as the experiment draws them."""
    captioner, effect = mx.load("miniature", device="cpu"), shown["effects"][0]
    image = asset("miniature") / effect["id"]
    tokens = captioner.caption(image).token_ids
    inputs = captioner.prepare([mx.open_image(image)])
    own, many = mx.NeuronId.parse(shown["name"]), len(effect["random"])
    bench = Bench(open_run(run), captioner, ())
    made = alone(bench, effect["id"], inputs, tokens, neurons=[own], scales=(1.0,), band=many)
    return [str(one) for one in made.drawn[own.layer]]


def test_what_it_alone_does(page: Any, shown: dict[str, Any], miniature_run: Path) -> None:
    (_, name, *band), *lines = (line.split() for line in said_by(page, "effect"))
    lines = [[float(value) for value in line] for line in lines]
    effect = shown["effects"][0]
    assert name == shown["name"]
    assert band == band_of(miniature_run, shown)
    assert [line[0] for line in lines] == effect["scales"]
    # The caption's tokens are the same, so p is, up to the order of sums in batches of other sizes.
    assert [line[1] for line in lines] == pytest.approx(effect["own"], rel=1e-4)
    drawn = list(map(list, zip(*effect["random"], strict=True)))
    assert [line[2:] for line in lines] == [pytest.approx(row, rel=1e-4) for row in drawn]
    for scale, (_, own, *_) in zip(effect["scales"], lines, strict=True):
        page.locator(f"#effect .choices button[data-value='{scale:g}']").click()
        told = page.locator(".effect-said strong").inner_text()
        assert float(told) == pytest.approx(own, rel=0.01, abs=1e-4)


def test_the_neurons_that_write_alike(page: Any, shown: dict[str, Any]) -> None:
    lines = [line.split(None, 2) for line in said_by(page, "nearest")]
    assert [line[0] for line in lines] == page.locator("#nearest .name").all_inner_texts()
    cosines = page.locator("#nearest td.number").all_inner_texts()
    assert [f"{float(line[1]):.3f}" for line in lines] == cosines
    assert [list(eval(line[2])) for line in lines] == [one["tokens"] for one in shown["nearest"]]


def test_the_words_that_list_it(page: Any, shown: dict[str, Any]) -> None:
    lines = [line.split(None, 3) for line in said_by(page, "named")]
    assert lines
    cells = page.locator("#named td.number").all_inner_texts()
    assert [line[0] for line in lines] == cells[::2]
    assert {line[1] for line in lines} == {shown["name"]}
    assert [float(line[2]) for line in lines] == pytest.approx(
        [one["score"] for one in shown["named"]], rel=1e-3
    )
    assert [line[3] for line in lines] == [one["id"] for one in shown["named"]]


def test_every_panel_gives_all_that_it_can(page: Any) -> None:
    pictures = {"place", "tiles", "histogram", "effect"}
    for panel in ("tokens", "place", "tiles", "histogram", "effect", "nearest", "named"):
        kinds = page.locator(f"#{panel} details.menu button").all_text_contents()
        drawn = ["PNG", "SVG"] if panel in pictures else []
        assert kinds == [*drawn, "CSV", "JSON", "Copy as Python"], panel


def test_the_list_of_neurons(shipped: Path, miniature_run: Path, tab: Tabs) -> None:
    one = tab(shipped)
    word = one.open("atlas.html").locator("#list tbody .token").nth(1).inner_text()
    for state in (
        "",
        f"#q={word}",
        f"#q={word}&side=suppressed",
        "#sort=word",
        "#sort=layer&interpretable=yes",
    ):
        page = one.open(f"atlas.html{state}")
        many, *lines = (line.split(None, 3) for line in said_by(page, "list", miniature_run.parent))
        assert page.locator("#list h2").inner_text().startswith(f"{int(many[0]):,} of")
        assert [line[0] for line in lines] == page.locator("#list a.name").all_inner_texts()
        assert [line[1] for line in lines] == page.locator("#list td.number").all_inner_texts()
        (counts,) = (line.split() for line in said_by(page, "layers", miniature_run.parent))
        bars = page.locator("#layers .hit").evaluate_all(
            "all => all.map((one) => one.getAttribute('aria-label'))"
        )
        assert [bar.split()[2] for bar in bars] == counts
    layer = counts.index(max(counts, key=int))
    page = one.open(f"atlas.html#layer={layer}")
    many, *_ = said_by(page, "list", miniature_run.parent)
    assert many == str(page.locator("#list tbody tr").count())


def test_a_category_of_images(shipped: Path, miniature_run: Path, tab: Tabs) -> None:
    one = tab(shipped)
    rows = one.open("atlas.html").evaluate("molyneux.load('neurons/index-0')")["rows"]
    category = rows[0]["categories"][-1][0]
    page = one.open(f"atlas.html#category={category}")
    many, *lines = said_by(page, "list", miniature_run.parent)
    assert int(many) == len(lines) == page.locator("#list tbody tr").count() > 0


def test_images_that_do_not_ship_are_named_too(site: Path, tab: Tabs) -> None:
    page = tab(site).open("neuron.html")
    ids = page.evaluate("molyneux.load(`neurons/${document.querySelector('h1').textContent}`)")["top"]
    code = code_of(page, "tiles")
    compile(code, "tiles", "exec")
    for one in ids:
        assert json.loads(f'"{ascii_of(one["id"])}"') == one["id"]
        assert ascii_of(one["id"]) in code


def ascii_of(text: str) -> str:
    """A text within a Python literal, as the pages write it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(one if " " <= one <= "~" else f"\\u{ord(one):04x}" for one in escaped)
