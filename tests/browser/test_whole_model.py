"""With an atlas the pages search all neurons of the model, as ``atlas search`` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import looked
from molyneux.experiments.atlas import build_atlas
from molyneux.experiments.atlas_read import open_atlas
from molyneux.experiments.atlas_search import search
from molyneux.explorer.book import Book
from molyneux.explorer.export import export
from molyneux.ground.neuron import NeuronId
from molyneux.ground.run import open_run
from molyneux.ground.run_errors import RunError
from panel_python import said_by

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
Tabs = Callable[..., Any]


@pytest.fixture(scope="module")
def atlas(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("atlas") / "atlas"
    build_atlas("miniature", folder)
    return folder


@pytest.fixture(scope="module")
def pages(miniature_run: Path, atlas: Path) -> Path:
    return export(open_run(miniature_run), atlas.parent / "pages", atlas=atlas).folder


@pytest.mark.parametrize("side", ["boosted", "suppressed"])
def test_a_word_finds_the_neurons_that_atlas_search_finds(
    side: str, pages: Path, atlas: Path, tab: Tabs
) -> None:
    found = search(open_atlas(atlas), "horse", suppressed=side == "suppressed", top=10_000)
    page = tab(pages).open(f"atlas.html#of=model&q=Horse&side={side}")
    assert f"{found.total:,} neuron" in page.locator("#list h2").inner_text()
    names = page.locator("table.atlas a.name").all_inner_texts()
    assert names == [str(hit.entry.neuron) for hit in found.hits][: len(names)]
    logits = [
        float(text.replace("\u2212", "-")) for text in page.locator("table.atlas td.number").all_inner_texts()
    ]
    assert logits == pytest.approx([hit.token.logit for hit in found.hits][: len(names)], rel=0.006)
    first = page.locator("table.atlas tbody tr").first.locator(".token").all_inner_texts()
    assert first == [token.text.strip() for token in getattr(found.hits[0].entry, side)[:5]]


def test_filters_and_words_that_begin_so(pages: Path, atlas: Path, tab: Tabs) -> None:
    page = tab(pages).open("atlas.html")
    page.get_by_role("button", name="All of the model").click()
    page.get_by_role("searchbox").fill("hor")
    page.locator(".near button", has_text="horse").first.click()
    assert page.get_by_role("searchbox").input_value() == "horse"
    page.locator(".hit").nth(1).click()
    kept = page.locator("table.atlas a.name").all_inner_texts()
    assert kept
    assert all(name.startswith("L1.") for name in kept)
    page.get_by_role("searchbox").fill("qqqq")
    page.locator("#list", has_text="No token of this model begins so").wait_for()


WHOLE = "atlas.html#of=model"


@pytest.mark.parametrize(
    ("side", "sort", "more"),
    [
        ("boosted", "logit", "q=horse"),
        ("boosted", "logit", "q=horse&layer=4&interpretable=yes"),
        ("suppressed", "logit", "q=horse&interpretable=no"),
        ("boosted", "layer", "q=horse&page=2"),
        ("suppressed", "word", "q=horse"),
        ("boosted", "name", "q=horse&layer=4"),
        ("suppressed", "logit", "layer=3&interpretable=no"),
        ("boosted", "word", "layer=3"),
    ],
)
def test_the_python_of_a_search_lists_the_same(
    side: str, sort: str, more: str, pages: Path, atlas: Path, tab: Tabs
) -> None:
    page = tab(pages).open(f"{WHOLE}&side={side}&sort={sort}&{more}")
    many, *lines = (line.split(None, 3) for line in said_by(page, "list", atlas.parent))
    assert page.locator("#list h2").inner_text().startswith(f"{int(many[0]):,} neuron")
    names = page.locator("table.atlas a.name").all_inner_texts()
    assert [line[0] for line in lines] == names
    assert len(names) > 5
    logits = [_number(text) for text in page.locator("table.atlas td.number").all_inner_texts()]
    assert logits == pytest.approx([float(line[1]) for line in lines], rel=0.006)
    marks = page.locator("table.atlas td:last-child").all_inner_texts()
    assert ["yes" in mark for mark in marks] == [line[2] == "True" for line in lines]
    (counts,) = (line.split() for line in said_by(page, "layers", atlas.parent))
    bars = page.locator("#layers .hit").evaluate_all(
        "all => all.map((one) => one.getAttribute('aria-label'))"
    )
    assert [bar.split()[2].replace(",", "") for bar in bars] == counts


def _number(text: str) -> float:
    return float(text.replace("\u2212", "-"))


def test_orders_are_what_they_say(pages: Path, tab: Tabs) -> None:
    one = tab(pages)
    for sort in ("logit", "layer", "name", "word"):
        page = one.open(f"{WHOLE}&q=horse&sort={sort}")
        names = [NeuronId.parse(text) for text in page.locator("table.atlas a.name").all_inner_texts()]
        logits = [_number(text) for text in page.locator("table.atlas td.number").all_inner_texts()]
        rows = page.locator("table.atlas tbody tr")
        words = [rows.nth(n).locator(".token").first.inner_text().lower() for n in range(rows.count())]
        keys: dict[str, list[Any]] = {
            "logit": [-value for value in logits],
            "layer": [(name.layer, -value) for name, value in zip(names, logits, strict=True)],
            "name": list(names),
            "word": words,
        }
        assert keys[sort] == sorted(keys[sort])
        assert page.get_by_label("Order").input_value() == sort


def test_a_name_finds_one_neuron(pages: Path, atlas: Path, tab: Tabs) -> None:
    one = tab(pages)
    page = one.open(f"{WHOLE}&q=l7.U1279")
    assert page.locator("table.atlas a.name").all_inner_texts() == ["L7.u1279"]
    ((name, logit, mark, _),) = (line.split(None, 3) for line in said_by(page, "list", atlas.parent))
    assert (name, mark) == ("L7.u1279", "True")
    assert float(logit) == pytest.approx(_number(page.locator("td.number").inner_text()), rel=0.006)
    page = one.open(f"{WHOLE}&q=L8.u0")
    assert page.locator("#list h2").inner_text() == "This model has no neuron of that name"


def test_what_weights_cannot_tell_is_said(pages: Path, tab: Tabs) -> None:
    one = tab(pages)
    page = one.open(f"{WHOLE}&category=horse")
    objects = page.get_by_label("Object on the images that list it")
    assert objects.is_disabled()
    told = page.locator(f"#{objects.get_attribute('aria-describedby')}")
    assert "weights know none" in told.inner_text()
    assert "choose a layer above" in page.locator("#list h2").inner_text()
    page.get_by_role("button", name="Listed in this run").click()
    assert objects.is_enabled()
    assert told.is_hidden()


def test_the_share_by_chance_stands_beside_the_verdict(pages: Path, atlas: Path, tab: Tabs) -> None:
    share = open_atlas(atlas).summary["by_chance"]
    assert 0.999 < share < 1
    one = tab(pages)
    for place, where in (
        (f"{WHOLE}&q=horse", "#list thead"),
        ("atlas.html", "#list thead"),
        ("neuron.html", ".head-line"),
        ("neuron.html#neuron=L7.u1279", ".head-line"),
    ):
        page = one.open(place)
        assert "by chance: over 99.9%" in page.locator(where).inner_text()
        assert "in this model the mark alone says little" in page.locator("main").inner_text()


def test_keys_of_the_whole_model(pages: Path, tab: Tabs) -> None:
    page = tab(pages).open("atlas.html")
    page.keyboard.press("m")
    page.get_by_role("searchbox").fill("horse")
    page.locator(".pager").wait_for()
    page.locator("#bar .brand").focus()
    told = page.locator(".pager").inner_text().split()
    for key, number in (("n", 2), ("n", 3), ("p", 2), ("p", 1), ("p", 1)):
        page.keyboard.press(key)
        expect(page.locator(".pager")).to_contain_text(f"{number} of {told[-2]}")
    page.keyboard.press("o")
    assert "sort=layer" in page.url
    page.keyboard.press("m")
    page.locator("#list h2", has_text="with a page").wait_for()
    assert "of=model" not in page.url


def test_a_neuron_without_a_page_shows_what_it_says(pages: Path, atlas: Path, tab: Tabs) -> None:
    opened = open_atlas(atlas)
    entry = opened.entry("L7.u1279")
    one = tab(pages)
    page = one.open("neuron.html#neuron=L7.u1279")
    said = page.locator(".logits.up .token").all_inner_texts()
    assert said == [token.text.strip() for token in entry.boosted[:10]]
    assert page.locator("#effect").is_hidden()
    assert "has no full page in this run" in page.locator("#name").inner_text()
    verdict, *layers = (line.split() for line in said_by(page, "place", atlas.parent))
    assert verdict == [str(entry.interpretable), str(opened.summary["by_chance"])]
    own = layers[7]
    assert (
        f"{int(own[2]):,} of {int(own[1]):,} neurons are interpretable" in page.locator("#place").inner_text()
    )
    tokens = [line.split(None, 2) for line in said_by(page, "tokens")]
    assert [line[2].strip("' ") for line in tokens if line[0] == "boosted"] == said
    assert said_by(page, "tiles")[0].startswith("torch.Size([256, 256])")
    page.get_by_role("link", name="All of layer 7").click()
    page.locator("#list h2", has_text="of layer 7").wait_for()
    page = one.open("neuron.html#neuron=L7.u1279")
    page.get_by_role("link", name="Other neurons for").click()
    page.locator("#list h2", has_text=f"raise \u201c{said[0]}\u201d").wait_for()
    page = one.open("neuron.html#neuron=L7.u1279")
    page.keyboard.press("j")
    page.locator("#effect").wait_for()
    assert "L7.u1279" not in page.url


def test_neighbours_without_a_page_have_links(pages: Path, tab: Tabs) -> None:
    page = tab(pages).open("neuron.html")
    rows = page.locator("#nearest tbody tr")
    assert page.locator("#nearest a.name").count() == rows.count()
    name = page.locator("#nearest a.name").first.inner_text()
    page.locator("#nearest a.name").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("place", [f"{WHOLE}&q=horse", WHOLE, "neuron.html#neuron=L7.u1279", "neuron.html"])
def test_no_serious_fault_of_access(place: str, theme: str, pages: Path, tab: Tabs) -> None:
    page = tab(pages, theme=theme, width=390 if theme == "dark" else 1440).open(place)
    page.evaluate((Path(__file__).parent / "vendor" / "axe.min.js").read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
    serious = [
        (one["id"], [node["html"][:160] for node in one["nodes"][:3]])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth") <= (390 if theme == "dark" else 1440)


def test_an_atlas_of_another_model_is_refused(atlas: Path, miniature_run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="an atlas of the model"):
        export(looked.run_of_looks(tmp_path / "run"), tmp_path / "pages", atlas=atlas)
    with pytest.raises(RunError, match="atlas build wrote"):
        export(open_run(miniature_run), tmp_path / "pages", atlas=miniature_run)
    assert not (tmp_path / "pages").exists()


@pytest.mark.parametrize(
    "name", ["atlas/words-12", "atlas/words-01", "atlas/neurons-5", "atlas/x", "atlas/tokens-0"]
)
def test_there_are_no_other_shards_of_an_atlas(name: str, atlas: Path, miniature_run: Path) -> None:
    book = Book(open_run(miniature_run), atlas)
    assert book.shard("atlas/words-11") is not None
    assert book.shard("atlas/neurons-4") is not None
    assert book.shard(name) is None
