"""The explorer's pages in a real browser, from file://, the network off."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

import looked
from molyneux.experiments.looks_rows import Looked, LookedEdit, Ranked
from molyneux.explorer.export import export
from molyneux.explorer.shards import key_of

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect, Error = playwright.expect, playwright.Error
Tabs = Callable[..., Any]
PAGES = ("index.html", "image.html", "neuron.html", "atlas.html", "run.html")


def state(page: Any) -> dict[str, str]:
    """What the URL holds."""
    return {name: values[0] for name, values in parse_qs(page.url.partition("#")[2]).items()}


def listed(page: Any) -> list[str]:
    return page.locator("li.neuron").evaluate_all("all => all.map((one) => one.dataset.neuron)")  # type: ignore[no-any-return]


def image_key(number: int, images: int = 8) -> str:
    ids = sorted(f"{n:05d} {looked.HOSTILE[n % len(looked.HOSTILE)]}.png" for n in range(images))
    return key_of(ids[number])


# Words and neurons.


def test_the_first_noun_is_chosen_and_a_click_changes_the_neurons(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    chosen = page.locator(".word[aria-pressed=true]")
    assert chosen.inner_text() == "dog"
    assert page.locator(".word-line .token").all_inner_texts() == ["d", "o", "g"]
    before = listed(page)
    assert before == [str(neuron) for neuron in looked.NEURONS]
    page.locator(".word").nth(0).click()
    assert page.locator(".word[aria-pressed=true]").inner_text() == "a"
    assert listed(page) == before[::-1]
    assert state(page)["word"] == "0"
    page.go_back()
    expect(page.locator(".word[aria-pressed=true]")).to_have_text("dog")
    assert listed(page) == before


def test_a_word_that_was_not_computed_says_so(nouns_only: Path, tab: Tabs) -> None:
    page = tab(nouns_only).open("image.html")
    page.locator(".word").nth(2).click()
    assert "were not computed" in page.locator("#lede").inner_text()
    assert listed(page) == []


def test_the_other_ranking(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    page.get_by_role("button", name="Best patch").click()
    names = [str(neuron) for neuron in looked.NEURONS]
    assert listed(page) == [*names[1:], names[0]]
    assert state(page) == {"rank": "max"}


def test_the_strip_compares_arms(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    cards = page.locator(".card")
    assert cards.evaluate_all("all => all.map((one) => one.dataset.arm)") == [
        "original",
        "top",
        "interpretable",
        "random",
    ]
    assert "p(dog) = 0.76" in cards.nth(1).inner_text()  # 5 of 300 units: of the counts nearest 1.4%
    page.get_by_role("button", name="50 off", exact=True).click()
    assert state(page) == {"n": "50"}
    assert "p(dog) = 0.40" in cards.nth(1).inner_text()
    assert "\u221250%" in cards.nth(1).inner_text()
    assert "0%" in cards.nth(3).inner_text()
    assert cards.nth(1).locator("mark").first.inner_text() == "cat"
    assert cards.nth(1).locator("del").first.inner_text() == "dog"
    assert cards.nth(3).locator("mark, del").count() == 0


def test_the_strip_shows_words_that_the_control_lost(tab: Tabs, tmp_path: Path) -> None:
    def lose(number: int, row: Looked) -> Looked:
        def shorter(edit: LookedEdit) -> LookedEdit:
            return replace(edit, caption="a dog") if edit.arm == "random" else edit

        def ranked(one: Ranked) -> Ranked:
            return replace(one, edits=tuple(map(shorter, one.edits)))

        words = (replace(word, rankings=tuple(map(ranked, word.rankings))) for word in row.words)
        return replace(row, caption="a dog on grass", words=tuple(words))

    run = looked.run_of_looks(tmp_path / "run", images=1, change=lose)
    page = tab(export(run, tmp_path / "pages").folder).open("image.html#word=1")
    said = page.locator("#strip .card.random .new")
    assert said.locator("del").all_inner_texts() == ["on", "grass"]
    assert said.locator("bdi").all_inner_texts() == ["a", "dog"]
    assert said.locator("mark").count() == 0


def test_what_is_said_in_short_claims_no_more_than_was_measured(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    told = page.locator("#lede")
    expect(told).to_contain_text(
        f"{looked.NEURONS[0]}, by a first-order estimate, did most for \u201cdog\u201d among"
    )
    expect(told.locator(".alone")).to_have_text(
        "Test, it alone switched off: p(dog) goes from 0.80 to 0.50, \u221237%. With any of 4 random neurons of its"
        " layer off instead, p lies between 0.78 and 0.81. It changes p more than each of the 4 does."
    )
    crowd = told.locator(".crowd").inner_text()
    new = f", and the caption becomes \u201ca cat on {looked.HOSTILE[0]}\u201d"
    assert crowd == (
        "Test, those of the highest scores switched off together: "
        f"With 5 off (1.7% of all) p is 0.76, \u22125%{new}; with 50 off (17% of all) 0.40, \u221250%{new}. "
        "With as many random neurons of the same layers off: 0.80 and 0.80."
    )
    assert told.locator(".effect").count() == 3
    page.keyboard.press("j")
    expect(told).to_contain_text(f"{looked.NEURONS[1]}, by a first-order estimate, did second most for")
    page.get_by_role("button", name="Best patch").click()
    expect(told).to_contain_text("did most at a single patch for")
    page = tab(site).open(f"image.html#image={image_key(2)}&neuron={looked.NEURONS[2]}")  # not tried alone
    expect(page.locator("#lede .crowd")).to_have_count(1)
    assert page.locator("#lede .alone").count() == 0


def test_a_test_that_fails_is_told_as_one(tmp_path: Path, tab: Tabs) -> None:
    def change(_: int, row: Looked) -> Looked:
        """The word stays as likely as under random edits: between two draws."""

        def weak(one: LookedEdit) -> LookedEdit:
            return one if one.arm == "random" else replace(one, p=0.8, caption="a dog on grass")

        def ranked(one: Ranked) -> Ranked:
            return replace(one, edits=tuple(map(weak, one.edits)))

        words = (replace(word, rankings=tuple(map(ranked, word.rankings))) for word in row.words)
        return replace(row, words=tuple(words))

    run = looked.run_of_looks(tmp_path / "run", images=1, change=change)
    page = tab(export(run, tmp_path / "pages").folder).open("image.html")
    expect(page.locator("#lede .crowd")).to_contain_text(
        "So the tests do not confirm the ranking for this word."
    )
    assert page.locator("#lede .crowd .effect").count() == 0
    assert page.locator("#lede .crowd .control").count() == 2
    assert page.locator("#strip .p-change.within").count() == 3


def test_the_list_says_what_all_images_say_together(site: Path, tab: Tabs) -> None:
    page = tab(site).open("index.html")
    told = page.locator("#totals p").all_inner_texts()
    assert told[0] == (
        "Switch off the 5 (1.7%) neurons that score highest for a caption\u2019s first noun, and it is gone from"
        " 8 of 8 captions that the model then writes; switch off as many random ones of the same layers, and it is"
        " gone from 0 of 24. With 50 (16.7%): 8 of 8 against 0 of 24."
    )
    assert told[1] == "Over the 8 images with pages; a random draw counts as a caption."


def test_where_else_the_neuron_fires_stands_beside_random_images(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    rows = page.locator("#elsewhere ul")
    shard = page.evaluate("name => molyneux.load(`neurons/${name}`)", str(looked.NEURONS[0]))
    for place, kind in enumerate(("top", "random")):
        shown = (
            rows.nth(place).locator("img").evaluate_all("all => all.map((one) => one.getAttribute('src'))")
        )
        assert shown == [f"data/thumbs/{one['key']}.jpg" for one in shard[kind]][:4]
        assert len(shown) == looked.FIRED
        loaded = rows.nth(place).locator("img").evaluate_all("all => all.map((one) => one.naturalWidth)")
        assert min(loaded) > 0
    said = page.locator("#elsewhere .tile-note").all_inner_texts()
    wanted = [one["activation"] for kind in ("top", "random") for one in shard[kind][:4]]
    assert [float(text) for text in said] == pytest.approx(wanted, rel=0.006)
    page.locator("#elsewhere a").first.click()
    expect(page.locator("#stage")).to_be_visible()


def test_the_map_is_named_by_the_neuron_that_is_pointed_at(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    heading = page.locator("#stage h2")
    expect(heading).to_have_text(f"Where {looked.NEURONS[0]} fires")
    page.locator("li.neuron").nth(2).hover()
    expect(heading).to_have_text(f"Where {looked.NEURONS[2]} fires")
    page.mouse.move(5, 5)
    expect(heading).to_have_text(f"Where {looked.NEURONS[0]} fires")


def test_the_marked_patch_is_named_by_the_ranking(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    expect(page.locator(".legend").first).to_contain_text("patch that adds most")
    assert page.locator(".patch.peak title").text_content() == "patch that adds most"
    page.get_by_role("button", name="Best patch").click()
    expect(page.locator(".legend").first).to_contain_text("patch of its score")
    assert page.locator(".patch.peak title").text_content() == "patch of its score"


def test_a_change_that_leaves_something_is_not_all(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    told = page.evaluate("[-1, -0.9997, -0.996, -0.994, -0.5, 0, 1].map((one) => molyneux.percent(one))")
    assert told == [
        "\u2212100%",
        "\u221299.9%",
        "\u221299.6%",
        "\u221299%",
        "\u221250%",
        "0%",
        "+100%",
    ]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("a b", "b a", "-a b +a"),  # two longest common subsequences: one of them is told
        ("a dog on grass", "a cat", "a -dog -on -grass +cat"),
        ("", "a", "+a"),
    ],
)
def test_both_texts_are_merged(before: str, after: str, told: str, site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    made = page.evaluate("(both) => molyneux.merged(...both)", [before, after])
    assert " ".join({"bdi": "", "del": "-", "mark": "+"}[tag] + word for word, tag in made) == told


def test_links_lead_from_images_to_neurons_and_back(site: Path, tab: Tabs) -> None:
    page = tab(site).open("index.html")
    assert page.locator("a.tile").count() == 8
    page.locator("a.tile").first.click()
    page.wait_for_selector("li.neuron")
    page.locator("li.neuron a.open").first.click()
    page.wait_for_selector(".neuron-name")
    assert page.locator(".neuron-name").inner_text() == str(looked.NEURONS[0])
    page.locator(".maps a").first.click()
    page.wait_for_selector("li.neuron")
    page.locator("nav >> text=Run").click()
    page.wait_for_selector("#tables table")


# State.


def test_a_deep_link_restores_the_state(site: Path, tab: Tabs) -> None:
    neuron = looked.NEURONS[2]
    link = f"image.html#image={image_key(3)}&word=0&rank=max&neuron={neuron}&patch=5&show=model"
    link += "&map=mask&fill=cells&opacity=40&pct=80&n=5&object=0&theme=dark"
    first, second = (tab(site).open(link) for _ in range(2))
    assert (
        state(first)
        == state(second)
        == {name: values[0] for name, values in parse_qs(link.partition("#")[2]).items()}
    )
    for page in (first, second):
        assert page.locator(".word[aria-pressed=true]").inner_text() == "a"
        assert page.locator("li.neuron[data-chosen]").get_attribute("data-neuron") == str(neuron)
        assert page.locator(".stage.as-model").count() == 1
        assert page.get_by_label("Opacity").input_value() == "40"
        assert page.get_by_label("Percentile").input_value() == "80"
        assert page.get_by_role("button", name="Mask").get_attribute("aria-pressed") == "true"
        assert page.get_by_role("button", name="5 off", exact=True).get_attribute("aria-pressed") == "true"
        assert page.locator(".patch.pin.seen").count() == 1
        assert page.locator("#iou").count() == 1
        assert page.locator("html").get_attribute("data-theme") == "dark"
    assert first.screenshot() == second.screenshot()


def test_nonsense_in_the_fragment_is_dropped(site: Path, tab: Tabs) -> None:
    page = tab(site).open(
        "image.html#image=../../x&word=99&neuron=<b>&map=none&pct=1e9&opacity=-1&n=7&object=x&__proto__=1"
    )
    assert page.locator(".word[aria-pressed=true]").inner_text() == "dog"
    assert page.get_by_label("Percentile").input_value() == "95"
    one = tab(site)
    page = one.open("neuron.html#neuron=L5.u49999")
    assert "This model has no neuron L5.u49999" in page.locator("#failure").inner_text()
    page.evaluate("molyneux.go({neuron: undefined})")
    page.wait_for_selector(".neuron-name")
    assert page.locator("#failure").count() == 0
    one.errors.clear()  # the browser itself complains about the file that is not there


# Hovering.


def test_a_neuron_pointed_at_shows_its_map_and_leaves_the_choice(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    heat = "document.querySelector('canvas.heat').getContext('2d')"
    pixels = f"() => [...{heat}.getImageData(0, 0, 120, 90).data].join()"
    before = page.evaluate(pixels)
    page.locator("li.neuron").nth(4).hover()
    during = page.evaluate(pixels)
    assert during != before
    assert page.locator("li.neuron[data-chosen]").get_attribute("data-neuron") == str(looked.NEURONS[0])
    page.mouse.move(5, 5)
    assert page.evaluate(pixels) == before


def test_a_patch_pointed_at_lights_the_neurons_that_fire_there(site: Path, tab: Tabs) -> None:
    page = tab(site).open(f"image.html#image={image_key(1)}")
    frame = page.locator(".stage").bounding_box()
    for patch in (0, 5, 11):
        left, top = looked.BOX[0] + 20 * (patch % 4) + 10, 30 * (patch // 4) + 15
        page.mouse.move(frame["x"] + left / 120 * frame["width"], frame["y"] + top / 90 * frame["height"])
        values = looked.maps(1)[:, patch]
        peaks = [
            str(neuron)
            for neuron, row in zip(looked.NEURONS, looked.maps(1), strict=True)
            if row.argmax() == patch
        ]
        assert (
            page.locator("li.neuron.peak").evaluate_all("all => all.map((one) => one.dataset.neuron)")
            == peaks
        )
        assert set(peaks) <= set(
            page.locator("li.neuron.lit").evaluate_all("all => all.map((one) => one.dataset.neuron)")
        )
        here = page.locator("li.neuron .here").all_inner_texts()
        assert [float(text) for text in here] == pytest.approx(values.tolist(), rel=0.01)
    page.mouse.click(frame["x"] + 30 / 120 * frame["width"], frame["y"] + 15 / 90 * frame["height"])
    page.mouse.move(5, 5)
    assert state(page)["patch"] == "0"
    assert page.locator("li.neuron .here").first.inner_text() != ""  # pinned: it stays


# Other pages.


def test_the_atlas_finds_sorts_and_counts(site: Path, tab: Tabs) -> None:
    page = tab(site).open("atlas.html")
    assert page.locator("table.atlas tbody tr").count() == 8
    page.get_by_role("searchbox").fill("wolf")
    expect(page.locator("table.atlas tbody tr")).to_have_count(0)
    page.get_by_role("searchbox").fill("dog")
    expect(page.locator("table.atlas tbody tr")).to_have_count(8)
    layer = looked.NEURONS[1].layer
    page.locator(".hit").nth(layer).click()
    expected = [str(one) for one in looked.NEURONS if one.layer == layer]
    assert sorted(page.locator("table.atlas a.name").all_inner_texts()) == sorted(expected)
    assert state(page) == {"q": "dog", "layer": str(layer)}
    page.locator(".hit").nth(layer).focus()
    page.keyboard.press("Enter")
    assert "layer" not in state(page)
    page.get_by_label("Order").select_option("layer")
    names = page.locator("table.atlas a.name").all_inner_texts()
    assert names == [str(one) for one in sorted(looked.NEURONS)]
    page.get_by_label("Interpretable").select_option("no")
    assert page.locator("table.atlas tbody tr").count() == 0


def test_the_images_are_searched(site: Path, tab: Tabs) -> None:
    page = tab(site).open("index.html")
    page.get_by_role("searchbox").fill("__proto__")
    expect(page.locator("a.tile")).to_have_count(1)
    assert state(page) == {"q": "__proto__"}
    page.get_by_role("searchbox").fill("")
    page.get_by_label("Object", exact=True).select_option("__proto__")
    expect(page.locator("a.tile")).to_have_count(1)


def test_the_neuron_page_shows_random_images_and_the_band(site: Path, tab: Tabs) -> None:
    page = tab(site).open(f"neuron.html#neuron={looked.NEURONS[2]}")
    rows = page.locator(".tile-row")
    assert [rows.nth(n).locator("li").count() for n in range(2)] == [looked.FIRED, looked.FIRED]
    assert "Random images" in rows.nth(1).inner_text()
    assert page.locator("#effect path.draw").count() == 4
    assert page.locator("#effect path.band").count() == 1
    assert "p = 0.50" in page.locator(".effect-said").inner_text()
    page.get_by_role("button", name="\u00d75").click()
    assert "p = 0.90" in page.locator(".effect-said").inner_text()
    assert state(page)["scale"] == "5"
    special = page.locator("#tokens .token.special").first
    assert special.inner_text() == "<pad>"
    assert "\u00b7\u21b5" in page.locator("#tokens").inner_text()  # white space is seen
    assert "(empty)" in page.locator("#tokens").inner_text()


# Keys.


def test_keys(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    page.keyboard.press("?")
    assert "next, previous word" in page.locator("dialog[open]").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.keyboard.press("ArrowRight")
    assert state(page)["word"] == "2"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("j")
    assert state(page) == {"word": "1", "neuron": str(looked.NEURONS[1])}
    page.keyboard.press("k")
    for key, name, value in (
        ("m", "map", "mask"),
        ("f", "fill", "cells"),
        ("o", "show", "model"),
        ("-", "opacity", "60"),
        ("[", "pct", "94"),
        ("r", "rank", "max"),
        ("d", "theme", "dark"),
    ):
        page.keyboard.press(key)
        assert state(page)[name] == value
    page.locator(".glass").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert state(page)["patch"] == str(1 * 4 + 2 + 1)  # from the middle one to the right
    page.keyboard.press("x")
    assert "patch" not in state(page)
    with pytest.raises(Error, match="two meanings"):
        page.evaluate("molyneux.keys([{ keys: ['x'], label: 'again', run: () => {} }])")
    page.keyboard.press("n")
    page.wait_for_url(re.compile(f"image={image_key(1)}"))
    assert state(page)["theme"] == "dark"


# Hostile texts.


@pytest.mark.parametrize(
    "place",
    [
        *PAGES,
        *(f"image.html#image={image_key(n)}" for n in range(8)),
        "run.html#table=words",
        "atlas.html#side=suppressed",
    ],
)
def test_hostile_texts_do_nothing(place: str, site: Path, tab: Tabs) -> None:
    page = tab(site).open(place)
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("Object.prototype.toString.call({})") == "[object Object]"
    assert page.locator("img[onerror], script:not([src])").count() == 0
    text = page.evaluate("document.body.innerText")
    assert not set("\u202e\u2028\u2029\x1b") & set(text + page.title())


def test_the_miniature_is_labelled_everywhere(site: Path, tab: Tabs) -> None:
    one = tab(site)
    for name in PAGES:
        page = one.open(name)
        assert "not the paper\u2019s model" in page.locator("#bar").inner_text()
        assert "not the paper\u2019s model" in page.locator("#foot").inner_text()


@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_a_telephone(name: str, site: Path, tab: Tabs) -> None:
    page = tab(site, width=390, height=844).open(name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_has_an_alternative(name: str, site: Path, tab: Tabs) -> None:
    page = tab(site).open(name)
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("svg.chart:not([aria-label])").count() == 0


def test_a_missing_shard_is_told(site: Path, tab: Tabs, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "pages"
    shutil.copytree(site, folder)
    (folder / "data" / "images" / f"{image_key(2)}.js").unlink()
    one = tab(folder)
    page = one.open(f"image.html#image={image_key(2)}")
    assert "could not be loaded" in page.locator("#failure").inner_text()
    one.errors.clear()  # the browser itself complains about the file


def test_state_as_the_live_edit_meets_it(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    told = page.evaluate(
        "new Promise((resolve) => molyneux.on('shown', (now) =>"
        " resolve([now.page, now.word, now.neuron, now.data.key])))"
    )
    assert told == ["image", 1, str(looked.NEURONS[0]), image_key(0)]
    assert page.locator("#live").is_hidden()
    assert page.evaluate("window.MOLYNEUX_LIVE === undefined")
    assert json.loads(page.evaluate("JSON.stringify(molyneux.diff('a b c d', 'a x c'))")) == [
        ["a", False],
        ["x", True],
        ["c", False],
    ]
