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
from molyneux.ground.run import open_run
from molyneux.ground.run_errors import RunError

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
    assert first == [token.text.strip() for token in found.hits[0].entry.boosted[:5]]


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


def test_a_neuron_without_a_page_shows_what_it_says(pages: Path, atlas: Path, tab: Tabs) -> None:
    entry = open_atlas(atlas).entry("L7.u1279")
    one = tab(pages)
    page = one.open("neuron.html#neuron=L7.u1279")
    said = page.locator(".logits.up .token").all_inner_texts()
    assert said == [token.text.strip() for token in entry.boosted[:10]]
    assert page.locator("#effect").is_hidden()
    page = one.open("neuron.html")
    assert page.locator("#effect").is_visible()


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
