"""The run page and the list of images: tables to hand in, figures in words, and Python that gives what is shown."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from PIL import Image

import looked
from molyneux.explorer.export import export
from molyneux.explorer.shards import key_of
from molyneux.ground.manifest import read_manifest
from molyneux.ground.run import Run, open_run, writing
from molyneux.ground.work import each, work
from molyneux.report.record import read_record
from molyneux.report.shown import in_order, shown

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = playwright.expect
Tabs = Callable[..., Any]
AXE = Path(__file__).parent / "vendor" / "axe.min.js"


@dataclass(frozen=True)
class Count:
    number: int


def state(page: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(page.url.partition("#")[2]).items()}


def text_of(locator: Any) -> str:
    return re.sub(r"[ \u00a0\n]+", " ", locator.inner_text()).strip()


# Tables.


def test_tables_are_in_the_papers_order_and_worded_as_in_the_report(
    whole: Path, whole_pages: Path, tab: Tabs
) -> None:
    tables = read_record(whole).tables
    page = tab(whole_pages).open("run.html")
    names = page.locator("#tables nav a").evaluate_all("all => all.map((one) => one.dataset.name)")
    assert names == in_order(list(tables))
    assert names[0] == "agreement"
    for name in names:
        page.locator(f'#tables nav a[data-name="{name}"]').click()
        expect(page.locator("#table h3")).to_have_text(tables[name].title)
        view = shown(tables[name])
        rows = page.locator("#table tbody tr")
        assert rows.count() == len(view.groups[0].rows) > 0
        first = rows.first.locator("td").all_inner_texts()
        assert len(first) == len(view.head) == len(view.groups[0].rows[0])
        for found, cell in zip(first, view.groups[0].rows[0], strict=True):
            if cell.kind not in ("image",) and not cell.tokens and not cell.pieces:
                said = found.replace("\u2020", "").split()
                assert " ".join(said) == " ".join(f"{cell.text} {cell.small}".split())
        text = page.locator("#table table").inner_text()
        assert not re.search(r"\de[-+\u2212]?\d|_", text)  # no powers of ten, no names of columns
        assert f"{tables[name].used} of {tables[name].given} images used" in text_of(page.locator("#table"))


def test_figures_of_the_paper_stand_beside_ours_with_their_mark(whole_pages: Path, tab: Tabs) -> None:
    page = tab(whole_pages).open("run.html#table=agreement")
    assert "23.43\u2020" in page.locator("#table td.paper").all_inner_texts()
    assert "\u2020 paper: GPT-J on COCO, not comparable" in page.locator("#table .notes").inner_text()
    means = page.locator("#table tbody tr").first.locator("td").nth(1).inner_text().replace("\u00a0", " ")
    assert re.fullmatch(r"0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]", means)
    page = tab(whole_pages).open("run.html#table=layers")
    assert "Paper: most between layers 5 and 10 of 28." in page.locator("#table .notes").inner_text()


def test_tokens_neurons_and_images(named: tuple[Run, Path], tab: Tabs) -> None:
    page = tab(named[1]).open("run.html#table=gallery")
    row = page.locator("#table tbody tr").first
    assert row.locator(".chip").all_inner_texts() == ["dog", "\u21b5", "<pad>", "\u00b7\u00b7two"]
    assert row.locator(".chip.special").inner_text() == "<pad>"
    assert row.locator("a.name").get_attribute("href") == f"neuron.html#neuron={looked.NEURONS[0]}"
    assert page.locator("#table tbody tr").nth(2).locator("a.name").count() == 0  # it has no page
    image = sorted(named[0].results("looks").rows)[2]
    assert f"image={key_of(image)}" in row.locator("a").first.get_attribute("href")
    assert page.locator("#table tbody tr").nth(2).locator("td").nth(6).inner_text() == "0.0000"
    row.locator("a.name").click()
    page.wait_for_selector(".neuron-name")


def test_a_table_nobody_knows_has_its_intervals_in_one_column(named: tuple[Run, Path], tab: Tabs) -> None:
    page = tab(named[1]).open("run.html#table=long")
    assert page.locator("#table th").all_inner_texts() == ["place", "value"]
    cells = page.locator("#table tbody tr").nth(7).locator("td").all_inner_texts()
    assert [cell.replace("\u00a0", " ") for cell in cells] == ["7", "1 [1, 1]"]


def test_a_long_table_says_that_it_is_cut_and_gives_the_whole(named: tuple[Run, Path], tab: Tabs) -> None:
    page = tab(named[1]).open("run.html#table=long&sort=-0")
    assert (
        "The first 1,000 of 1,200 rows, sorted among themselves" in page.locator("#table .cut").inner_text()
    )
    assert page.locator("#table tbody td").first.inner_text() == "999"
    with page.expect_download() as waiting:
        page.locator("#table a.button", has_text="CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text())))
    assert len(rows) == 1200


def test_a_click_on_a_column_sorts_and_the_url_holds_it(whole: Path, whole_pages: Path, tab: Tabs) -> None:
    def said(row: Mapping[str, Any]) -> str:
        return f"{row['score']:.4f}".replace("-", "\u2212")

    table = read_record(whole).tables["gallery"]
    scores = [said(row) for row in table.rows]
    ordered = [said(row) for row in sorted(table.rows, key=lambda row: -row["score"])]
    assert scores != ordered
    page = tab(whole_pages).open("run.html#table=gallery")

    def column() -> list[str]:
        found: list[str] = page.locator("#table tbody td:nth-child(7)").all_inner_texts()
        return found

    assert column() == scores
    page.get_by_role("button", name="score").click()
    assert state(page) == {"table": "gallery", "sort": "-6"}
    assert column() == ordered
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    assert page.evaluate("document.activeElement.dataset.column") == "6"
    page.keyboard.press("Enter")
    assert column() == ordered[::-1]
    again = tab(whole_pages).open("run.html#table=gallery&sort=6")
    assert again.locator("#table tbody td:nth-child(7)").all_inner_texts() == ordered[::-1]
    page.get_by_role("button", name="score").click()
    assert state(page) == {"table": "gallery"}
    assert column() == scores
    page.get_by_role("button", name="tokens").click()
    assert state(page)["sort"] == "7"
    page.locator('#tables nav a[data-name="agreement"]').click()
    assert state(page) == {"table": "agreement"}  # another table has other columns
    for nonsense in ("99", "x", "--1", "1e9"):
        page = tab(whole_pages).open(f"run.html#table=agreement&sort={nonsense}")
        assert page.locator("th[aria-sort]").count() == 0


def test_what_is_not_there_comes_last_both_ways(whole_pages: Path, tab: Tabs) -> None:
    for sort in ("2", "-2"):
        page = tab(whole_pages).open(f"run.html#table=agreement&sort={sort}")
        assert page.locator("#table tbody tr").last.locator("td").first.inner_text() == "random"


# Figures.


def test_figures_have_titles_captions_and_words_for_those_who_cannot_see(
    whole: Path, whole_pages: Path, tab: Tabs
) -> None:
    told = json.loads((whole / "report" / "report.json").read_text())["figures"]
    assert len(told) == 9
    page = tab(whole_pages).open("run.html")
    links = page.locator("#figures nav a")
    assert links.evaluate_all("all => all.map((one) => one.dataset.name)") == [one["name"] for one in told]
    titles = links.locator(".what").all_inner_texts()
    assert len(set(titles)) == 9
    assert not {one["name"] for one in told} & set(titles)
    for one in told:
        page = tab(whole_pages).open(f"run.html#figure={one['name']}")
        picture = page.locator("#figures img")
        assert picture.get_attribute("alt") == one["alt"]
        assert len(one["alt"]) > 40
        assert picture.evaluate("one => one.decode().then(() => one.naturalWidth > 100)")
        assert one["caption"].strip() in page.locator("figcaption").inner_text()
        for link in page.locator("#figures .heading a.button").all():
            assert (whole_pages / (link.get_attribute("href") or "")).is_file()


@pytest.mark.parametrize(("theme", "width"), [("dark", 1440), ("light", 390), ("dark", 390)])
def test_figures_follow_the_theme_and_the_width(theme: str, width: int, whole_pages: Path, tab: Tabs) -> None:
    page = tab(whole_pages, theme=theme, width=width).open("run.html#figure=ablation")
    path = page.locator("#figures img").get_attribute("src")
    assert ("-dark" in path) == (theme == "dark")
    assert ("-narrow" in path) == (width == 390)


def test_files_of_figures_say_where_they_come_from(whole: Path, whole_pages: Path) -> None:
    weights = read_manifest(whole).identity.weights["model"][:16]
    for path in (whole_pages / "downloads" / "report" / "figures").glob("*.png"):
        told = Image.open(path).info
        assert weights in told["Source"]
        assert "not the paper's model" in told["Source"]
        assert "seed: 0" in told["Source"]
        assert told["Title"]
        drawing = path.with_suffix(".svg").read_text()
        assert weights in drawing.partition("<defs>")[0]


def test_a_figure_leads_to_its_numbers(whole_pages: Path, tab: Tabs) -> None:
    page = tab(whole_pages).open("run.html#figure=layers")
    page.get_by_role("link", name="Its numbers").click()
    assert state(page) == {"figure": "layers", "table": "layers"}
    expect(page.locator("#table h3")).to_have_text("Layers of the top neurons")


# What is missing.


def test_the_run_page_says_what_was_skipped(site: Path, tab: Tabs) -> None:
    page = tab(site).open("run.html")
    assert "7 of 8 images used; skipped: no noun 1" in page.locator("#tables").inner_text()
    assert "ab" * 32 in page.locator("#manifest").inner_text()
    assert page.locator("#stages tbody tr").count() == 4
    assert page.locator("#what .status").inner_text() == "\u2713 finished"
    assert page.locator("#unfinished").count() == 0
    missing = page.locator(".absent li").all_inner_texts()
    assert missing == ["agreement", "prompts", "segmentation", "ablation", "layers", "gallery", "selectivity"]


def test_a_run_that_failed_shows_what_it_holds_and_what_is_missing(tab: Tabs, tmp_path: Path) -> None:
    run = looked.run_of_looks(tmp_path / "run", images=5)

    def make(item: looked.Item) -> Count:
        if item.id == "3":
            raise ValueError("no <b>room</b> left")
        return Count(1)

    def fail() -> None:
        command = ["molyneux", "reproduce", "--out", "a b"]
        with writing(run.folder, run.manifest.identity, command=command) as again:
            items = [looked.Item(str(n)) for n in range(6)]
            work(again.stage("counted", items, row=Count, part_size=2), each(make))

    with pytest.raises(ValueError, match="room"):
        fail()
    page = tab(export(open_run(run.folder), tmp_path / "pages").folder).open("run.html")
    assert page.locator("#what .status").inner_text() == "\u2717 failed: not finished"
    assert "no <b>room</b> left" in page.locator("#what").inner_text()
    told = page.locator("#unfinished").inner_text()
    assert "Not computed yet: counted: 4 of 6." in told
    assert "molyneux reproduce --out 'a b'" in told
    row = page.locator("#stages tr.open-stage td").all_inner_texts()
    assert row == ["counted", "2", "6", "none", "4"]
    assert page.locator("#stages tr.open-stage").count() == 1


def test_pages_of_images_wait_for_stages_that_are_not_whole(tab: Tabs, tmp_path: Path) -> None:
    run = looked.run_of_looks(tmp_path / "run", images=3)
    for name in ("looks-maps", "looks-neurons"):
        for path in (run.folder / name).glob("part-*"):
            path.unlink()
    made = export(open_run(run.folder), tmp_path / "pages")
    assert (made.images, made.neurons) == (3, 0)
    page = tab(made.folder).open("image.html")
    assert page.locator("li.neuron").count() == len(looked.NEURONS)
    page = tab(made.folder).open("run.html")
    assert page.locator("#stages tr.open-stage td:first-child").all_inner_texts() == [
        "looks-maps",
        "looks-neurons",
    ]


# Keys, widths, accessibility.


def test_keys_step_through_tables_and_figures(whole_pages: Path, tab: Tabs) -> None:
    page = tab(whole_pages).open("run.html")
    page.keyboard.press("j")
    assert state(page) == {"table": "agreement-interpretable"}
    page.keyboard.press("k")
    page.keyboard.press("n")
    assert state(page) == {"table": "agreement", "figure": "prompts"}
    page.keyboard.press("p")
    page.keyboard.press("?")
    told = page.locator("dialog[open]").inner_text()
    assert all(
        said in told for said in ("next table", "previous table", "next figure", "table in its own order")
    )
    page = tab(whole_pages).open("index.html")
    page.keyboard.press("?")
    assert "next page of images" in page.locator("dialog[open]").inner_text()


def test_keys_turn_pages_of_images(tab: Tabs, tmp_path: Path) -> None:
    run = looked.run_of_looks(tmp_path / "run", images=61)
    page = tab(export(run, tmp_path / "pages").folder).open("index.html")
    page.keyboard.press("p")
    assert page.locator("a.tile").count() == 60
    page.keyboard.press("n")
    page.keyboard.press("n")
    expect(page.locator("a.tile")).to_have_count(1)
    assert state(page) == {"page": "1"}


def test_on_a_telephone_only_the_table_scrolls(whole_pages: Path, tab: Tabs) -> None:
    page = tab(whole_pages, width=390, height=844).open("run.html")
    picker = page.get_by_label("Table", exact=True)
    for name in picker.locator("option").evaluate_all("all => all.map((one) => one.value)"):
        picker.select_option(name)
        page.wait_for_function("(name) => location.hash.includes(`table=${name}`)", arg=name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        box = page.locator("#table .wide-table").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    assert page.locator("#tables nav ul").first.is_hidden()


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_no_serious_fault_in_the_papers_tables(
    theme: str, width: int, whole_pages: Path, named: tuple[Run, Path], tab: Tabs
) -> None:
    places = ((whole_pages, "run.html#table=agreement&sort=-1"), (named[1], "run.html#table=gallery"))
    for folder, place in (*places, (named[1], "index.html")):
        page = tab(folder, theme=theme, width=width).open(place)
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
        serious = [
            (one["id"], [node["html"][:160] for node in one["nodes"][:3]])
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == [], place
