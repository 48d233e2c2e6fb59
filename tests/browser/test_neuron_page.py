"""The neuron page: its histogram to the bin, the random images, the effect; what its keys and links restore."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

import numpy as np
import pytest

import looked
from molyneux.experiments.looks_where import fired_most, random_images
from molyneux.explorer.book import Book
from molyneux.explorer.shelf import Shelf

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
Tabs = Callable[..., Any]
NEURON = str(looked.NEURONS[2])


def state(page: Any) -> dict[str, str]:
    """What the URL holds."""
    told = page.evaluate("location.hash")
    return {name: values[0] for name, values in parse_qs(told[1:]).items()}


def shard(page: Any, name: str = NEURON) -> dict[str, Any]:
    return dict(page.evaluate(f"molyneux.load('neurons/{name}')"))


def rewritten(site: Path, tmp_path: Path, name: str, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of the pages in which one neuron's shard is another."""
    folder = tmp_path / "pages"
    shutil.copytree(site, folder)
    path = folder / "data" / "neurons" / f"{name}.js"
    head, _, body = path.read_text().partition(",")
    data = json.loads(body.rpartition(")")[0])
    change(data)
    path.write_text(f"{head},{json.dumps(data)});\n")
    return folder


def firing(values: np.ndarray) -> Callable[[dict[str, Any]], None]:
    """Other activations on other many images, the tiles' own among them."""

    def change(data: dict[str, Any]) -> None:
        shown = [one["activation"] for kind in ("top", "random") for one in data[kind]]
        told = np.concatenate([values, shown]).astype("<f4")
        data["activations"] = base64.b64encode(told.tobytes()).decode()

    return change


# The histogram.


@pytest.mark.parametrize("many", [3, 400])
def test_the_histogram_counts_as_numpy_does(many: int, site: Path, tab: Tabs, tmp_path: Path) -> None:
    values = np.random.default_rng(many).gamma(2.0, 1.5, many)
    page = tab(rewritten(site, tmp_path, NEURON, firing(values))).open(f"neuron.html#neuron={NEURON}")
    told = np.frombuffer(base64.b64decode(shard(page)["activations"]), "<f4").astype(float)
    bars = page.locator("#histogram .bar")
    drawn = bars.evaluate_all("all => all.map((one) => [one.x.baseVal.value, one.height.baseVal.value])")
    counts, edges = np.histogram(told, bins=len(drawn))
    assert bars.evaluate_all("all => all.map((one) => Number(one.dataset.count))") == counts.tolist()
    heights = np.array([height for _, height in drawn])
    assert heights == pytest.approx(counts / counts.max() * heights.max(), abs=1e-3)
    across = lines(page, "text.tick[data-value]", "x")  # the axis: value -> place
    slope, start = np.polyfit(*zip(*across, strict=True), 1)
    assert [place for place, _ in drawn] == pytest.approx(edges[:-1] * slope + start + 1, abs=1e-3)
    quantiles = page.locator("#histogram [data-quantile]").all_inner_texts()
    assert [float(one) for one in quantiles] == pytest.approx(np.quantile(told, [0.5, 0.9, 1]), rel=0.006)


def test_marks_stand_at_their_values(site: Path, tab: Tabs) -> None:
    page = tab(site).open(f"neuron.html#neuron={NEURON}")
    data, scale = shard(page), lines(page, "text.tick[data-value]", "x")
    assert len(scale) >= 3
    slope, start = np.polyfit(*zip(*scale, strict=True), 1)
    for kind in ("top", "random"):
        marks = lines(page, f".mark.{kind}", "x1")
        assert [value for value, _ in marks] == [one["activation"] for one in data[kind]]
        assert [place for _, place in marks] == pytest.approx(
            [one["activation"] * slope + start for one in data[kind]], abs=1e-3
        )


def lines(page: Any, selector: str, place: str) -> list[list[float]]:
    """[value, place] of what a chart draws for values."""
    found = page.locator(f"#histogram {selector}")
    return found.evaluate_all(  # type: ignore[no-any-return]
        f"all => all.map((one) => [Number(one.dataset.value), Number(one.getAttribute('{place}'))])"
    )


@pytest.mark.parametrize("width", [390, 1440])
def test_text_in_charts_is_large_enough_and_apart(width: int, site: Path, tab: Tabs) -> None:
    page = tab(site, width=width).open(f"neuron.html#neuron={NEURON}")
    for panel in ("place", "histogram", "effect"):
        boxes = page.locator(f"#{panel} .chart text").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect()).map((b) => [b.left, b.top, b.right, b.bottom])"
        )
        frame = page.locator(f"#{panel} .chart").bounding_box()
        assert min(box[3] - box[1] for box in boxes) >= 10, panel
        assert min(box[0] for box in boxes) >= frame["x"] - 1, panel
        assert max(box[2] for box in boxes) <= frame["x"] + frame["width"] + 1, panel
        for n, (left, top, right, bottom) in enumerate(boxes):
            for other in boxes[n + 1 :]:
                wide = min(right, other[2]) - max(left, other[0])
                high = min(bottom, other[3]) - max(top, other[1])
                assert wide <= 1 or high <= 4, (panel, n)


# Images.


def test_random_images_are_drawn_from_all_and_the_repeated_ones_are_marked(site: Path, tab: Tabs) -> None:
    page = tab(site).open(f"neuron.html#neuron={NEURON}")
    data = shard(page)
    strongest = {one["key"] for one in data["top"]}
    expected = [one["key"] in strongest for one in data["random"]]
    assert 0 < sum(expected) < len(expected)
    rows = page.locator(".tile-row")
    marks = rows.nth(1).locator("li").evaluate_all("all => all.map((one) => !!one.querySelector('.again'))")
    assert marks == expected
    assert rows.nth(0).locator(".again").count() == 0
    many = sum(expected)
    told = f"{many} of them {'is' if many == 1 else 'are'} among its strongest too, and marked"
    assert told in rows.nth(1).inner_text()
    assert "Drawn from all 8 images" in rows.nth(1).inner_text()


def test_the_draw_leaves_no_image_out() -> None:
    """Every image is drawn as often as any other, the strongest too."""
    fired = {str(n): looked.Firing((float(n),), (0,)) for n in range(10)}
    drawn = [
        image for unit in range(600) for image in random_images(fired, looked.NeuronId(0, unit), 2, seed=1)
    ]
    counts = np.array([drawn.count(image) for image in fired])
    assert fired_most(fired, 0, 1) == ["9"]
    assert np.abs(counts - 120).max() < 40  # four standard deviations of a binomial


def test_the_tiles_can_be_taken_away_as_a_picture(site: Path, tab: Tabs, tmp_path: Path) -> None:
    page = tab(site).open(f"neuron.html#neuron={NEURON}")
    tree = ElementTree.parse(taken(page, "tiles", "SVG", tmp_path))
    images = [one for one in tree.iter() if one.tag.endswith("}image")]
    assert len(images) == 2 * 2 * looked.FIRED  # a picture and its map each
    assert all(one.get("href", "").startswith("data:image/") for one in images)
    texts = "".join(tree.getroot().itertext())
    assert "also a strongest" in texts
    assert '"model":"miniature"' in texts  # where it comes from
    assert taken(page, "tiles", "PNG", tmp_path).read_bytes()[:4] == b"\x89PNG"


def test_a_drawing_takes_pictures_of_images_without_a_page_along(
    site: Path, tab: Tabs, tmp_path: Path
) -> None:
    """As an export of thousands of images has them: a shard of their own, since no script may read a file."""

    def without(data: dict[str, Any]) -> None:
        for one in (*data["top"], *data["random"]):
            one["page"] = False

    folder = rewritten(site, tmp_path, NEURON, without)
    run = looked.run_of_looks(tmp_path / "run", images=8)
    book = Book(run)
    keys = list(book.looks.keys.values())
    book.looks.__dict__["keys"] = {}  # no image of the run has a page
    for key in keys:
        text = book.shard(f"pictures/{key}")
        assert text is not None
        (folder / "data" / "pictures").mkdir(exist_ok=True)
        (folder / "data" / "pictures" / f"{key}.js").write_text(text)
    assert [name for name in book.shards() if name.startswith("pictures/")] == [
        f"pictures/{key}" for key in book.thumbs()
    ]
    assert Book(run).shard(f"pictures/{book.thumbs()[0]}") is None  # with a page it needs none
    page = tab(folder).open(f"neuron.html#neuron={NEURON}")
    tree = ElementTree.parse(taken(page, "tiles", "SVG", tmp_path))
    kinds = [one.get("href", "")[:15] for one in tree.iter() if one.tag.endswith("}image")]
    assert kinds.count("data:image/jpeg") == 2 * looked.FIRED
    assert "map alone" not in "".join(tree.getroot().itertext())


def test_a_server_has_pictures_of_images_without_a_page(tmp_path: Path) -> None:
    run = looked.run_of_looks(tmp_path / "run", images=3)
    first, *others = Book(run).thumbs()
    book = Book(run)
    book.looks.__dict__["keys"] = {image: key for image, key in book.looks.keys.items() if key == first}
    shelf = Shelf(book, token=None)
    for key in others:
        assert (shelf.thumb(key) or b"")[:2] == b"\xff\xd8"
        assert shelf.shard(f"pictures/{key}") is not None
    assert shelf.thumb("0" * 16) is None
    assert shelf.shard(f"pictures/{first}") is None


def taken(page: Any, panel: str, kind: str, folder: Path) -> Path:
    """What a button of the panel hands out."""
    page.locator(f"#{panel} details.menu summary").click()
    with page.expect_download() as waiting:
        page.locator(f"#{panel} details.menu button", has_text=re.compile(f"^{kind}$")).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


# The effect.


def test_the_effect_on_another_word(site: Path, tab: Tabs, tmp_path: Path) -> None:
    def second(data: dict[str, Any]) -> None:
        first = data["effects"][0]
        data["effects"].append(first | {"text": "cat", "p": 0.4, "own": [0.4, 0.4, 0.4, 0.40004]})

    one = tab(rewritten(site, tmp_path, NEURON, second))
    page = one.open(f"neuron.html#neuron={NEURON}")
    page.get_by_label("The word that it is tried on").select_option("1")
    assert state(page)["on"] == "1"
    page.get_by_role("button", name="\u00d75").click()
    said = page.locator(".effect-said").inner_text()
    assert "p = 0.400040 (+0.01%; as it is, 0.400000)" in said  # digits enough to tell them apart
    page = one.open(page.url.rpartition("/")[2])
    assert "as it is, 0.400000" in page.locator(".effect-said").inner_text()
    page = one.open(f"neuron.html#neuron={NEURON}&on=7")
    assert "as it is, 0.400000" not in page.locator(".effect-said").inner_text()


def test_how_many_random_neurons_change_less(site: Path, tab: Tabs, tmp_path: Path) -> None:
    def close(data: dict[str, Any]) -> None:
        data["effects"][0]["own"] = [0.785, 0.8, 0.8, 0.9]

    page = tab(rewritten(site, tmp_path, NEURON, close)).open(f"neuron.html#neuron={NEURON}")
    # Random ones, off: 0.78, 0.79, 0.80, 0.81 of 0.80.
    assert "more than 3 of the 4 do" in page.locator(".effect-said").inner_text()
    page.keyboard.press("s")
    assert "As it is" in page.locator(".effect-said").inner_text()
    page.keyboard.press("s")
    assert "Each of the 4 changes p as much or more" in page.locator(".effect-said").inner_text()
    page.keyboard.press("s")
    assert "more than each of the 4" in page.locator(".effect-said").inner_text()


# Keys and links.


def test_keys_of_the_neuron_page(site: Path, tab: Tabs) -> None:
    page = tab(site).open("neuron.html")
    names = [row["name"] for row in page.evaluate("molyneux.load('neurons/index-0')")["rows"]]
    heading = page.get_by_role("heading", level=1)
    assert heading.inner_text() == names[0]
    for key, place in (("j", 1), ("j", 2), ("k", 1), ("k", 0), ("k", 0)):
        page.keyboard.press(key)
        expect(heading).to_have_text(names[place])
    for scale in ("1", "2", "5", None):
        page.keyboard.press("s")
        assert state(page).get("scale") == scale
        pressed = page.locator("#effect .choices [aria-pressed=true]").get_attribute("data-value")
        assert pressed == (scale or "0")
    page.keyboard.press("?")
    assert "next, previous neuron of the run" in page.locator("dialog[open]").inner_text()


def test_a_link_to_a_neuron_restores_it_and_back_goes_back(site: Path, tab: Tabs) -> None:
    one = tab(site)
    page = one.open(f"neuron.html#neuron={NEURON}&scale=5&theme=dark")
    assert page.get_by_role("heading", level=1).inner_text() == NEURON
    assert "Multiplied by 5" in page.locator(".effect-said").inner_text()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.get_by_role("button", name="\u00d72").click()
    page.go_back()
    expect(page.locator(".effect-said")).to_have_text(re.compile("^Multiplied by 5"))
    page = one.open(f"neuron.html#neuron={NEURON}&scale=3&on=x&live=")
    assert "Switched off" in page.locator(".effect-said").inner_text()  # 3 was not tried


def test_a_neuron_without_a_page_says_why(site: Path, tab: Tabs) -> None:
    one = tab(site)
    page = one.open("neuron.html#neuron=L5.u49")
    told = page.locator("#failure").inner_text()
    assert "L5.u49 has no page in this run: only 8 neurons" in told
    assert "--atlas" in told
    one.errors.clear()  # the browser itself complains about the file


def test_keys_and_links_of_the_list(site: Path, tab: Tabs) -> None:
    one = tab(site)
    page = one.open("atlas.html")
    for key, name, values in (
        ("v", "side", ("suppressed", None)),
        ("i", "interpretable", ("yes", "no", None)),
        ("o", "sort", ("score", "layer", "word", "images")),
    ):
        for value in values:
            page.keyboard.press(key)
            assert state(page).get(name) == value
    page.keyboard.press("/")
    page.keyboard.type("dog")
    page.keyboard.press("Tab")
    assert state(page)["q"] == "dog"
    page.locator("#bar .brand").focus()
    page.keyboard.press("x")
    assert "q" not in state(page)
    layer = looked.NEURONS[1].layer
    page = one.open(
        f"atlas.html#q=dog&side=suppressed&layer={layer}&interpretable=yes&sort=layer&category=__proto__"
    )
    assert page.get_by_role("searchbox").input_value() == "dog"
    labels = {"Side": "suppressed", "Interpretable": "yes", "Order": "layer"}
    assert {label: page.get_by_label(label, exact=True).input_value() for label in labels} == labels
    assert page.get_by_label("Object on the images that list it").input_value() == "__proto__"
    assert page.locator(".hit").nth(layer).get_attribute("aria-pressed") == "true"
    names = page.locator("table.atlas a.name").all_inner_texts()
    assert names == [str(one) for one in sorted(looked.NEURONS) if one.layer == layer]
    page = one.open("atlas.html#sort=nonsense&side=x&interpretable=maybe&layer=-1&page=99")
    assert page.locator("table.atlas tbody tr").count() == 8
    assert page.get_by_label("Order").input_value() == "images"


def test_all_categories_and_words_of_a_neuron_are_searched(site: Path, tab: Tabs) -> None:
    """Not only the five that a list shows."""
    page = tab(site).open("atlas.html")
    rows = page.evaluate("molyneux.load('neurons/index-0')")["rows"]
    assert {len(row["categories"]) for row in rows} == {8}
    for name, _ in rows[0]["categories"]:
        page.get_by_label("Object on the images that list it").select_option(name)
        assert page.locator("table.atlas tbody tr").count() == 8
