"""Every panel can be taken away as a picture, a table or Python, and says where it comes from."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import looked

Tabs = Callable[..., Any]
COMMENTS = re.compile(r"\A(?:#[^\r\n]*\r\n)+")


def take(page: Any, panel: str, kind: str) -> bytes:
    """What a panel's menu gives as a file."""
    page.locator(f"#{panel} details.menu summary").click()
    with page.expect_download() as waiting:
        page.locator(f"#{panel} details.menu button", has_text=kind).click()
    return Path(waiting.value.path()).read_bytes()


def python(page: Any, panel: str) -> str:
    page.locator(f"#{panel} details.menu summary").click()
    page.locator(f"#{panel} details.menu button", has_text="Python").click()
    code = page.locator("dialog.code code").inner_text()
    page.locator("dialog.code button", has_text="Close").click()
    return str(code)


def rows_of(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV, without the comments before them."""
    return list(csv.DictReader(io.StringIO(COMMENTS.sub("", content.decode()), newline="")))


def told_by(content: bytes) -> dict[str, Any]:
    """The comments before the rows."""
    lines = content.decode().split("\r\n")
    told = [
        line[2:].partition(": ") for line in itertools.takewhile(lambda line: line.startswith("# "), lines)
    ]
    return {key: json.loads(value) for key, _, value in told}


def test_the_neurons_as_csv_and_json(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    rows = rows_of(take(page, "neurons", "CSV"))
    assert [row["neuron"] for row in rows] == [str(neuron) for neuron in looked.NEURONS]
    assert [float(row["score"]) for row in rows] == pytest.approx([1 / (n + 1) for n in range(8)])
    told = json.loads(take(page, "neurons", "JSON"))
    assert told["rows"][0]["tokens"][1] == " dog"
    where = told["provenance"]
    assert (where["model"], where["miniature"], where["seed"]) == ("miniature", True, 5)
    assert where["weights"] == [["model", "ab" * 32]]


def test_the_strip_as_csv(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    rows = rows_of(take(page, "strip", "CSV"))
    assert len(rows) == 2 * (1 + 1 + 3)
    assert {row["arm"] for row in rows} == {"top", "interpretable", "random"}


def test_the_map_as_csv_svg_and_png(site: Path, tab: Tabs) -> None:
    page = tab(site).open(f"image.html#neuron={looked.NEURONS[2]}&object=0")
    rows = rows_of(take(page, "stage", "CSV"))
    assert [float(row["activation"]) for row in rows] == pytest.approx(looked.maps(0)[2].tolist(), rel=1e-6)
    assert (rows[5]["left"], rows[5]["top"], rows[5]["right"], rows[5]["bottom"]) == ("40", "30", "60", "60")
    drawing = ElementTree.fromstring(take(page, "stage", "SVG"))
    name = "{http://www.w3.org/2000/svg}"
    assert len(drawing.findall(f".//{name}image")) == 3
    assert json.loads(drawing.findtext(f"{name}desc") or "")["seed"] == 5
    assert "not the paper's model" in "".join(text.text or "" for text in drawing.iter(f"{name}text"))
    assert not [node for node in drawing.iter() if any(key.startswith("on") for key in node.attrib)]
    picture = Image.open(io.BytesIO(take(page, "stage", "PNG"))).convert("RGB")
    assert picture.width == 2 * 560
    pixels = np.asarray(picture)[: 2 * 420]
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 500  # the picture and its map are in it


@pytest.mark.parametrize(
    ("page_name", "panel"),
    [("neuron", "histogram"), ("neuron", "effect"), ("neuron", "place"), ("atlas", "layers")],
)
def test_charts_as_pictures(page_name: str, panel: str, site: Path, tab: Tabs) -> None:
    page = tab(site).open(f"{page_name}.html")
    text = take(page, panel, "SVG").decode()
    assert "class=" not in text
    assert "var(" not in text
    ElementTree.fromstring(text)
    picture = Image.open(io.BytesIO(take(page, panel, "PNG"))).convert("RGB")
    assert len(picture.getcolors(1_000_000) or []) > 5


def test_cells_that_a_spreadsheet_would_run_are_made_safe(site: Path, tab: Tabs) -> None:
    page = tab(site).open("run.html#table=words")
    words = [row["word"] for row in rows_of(take(page, "tables", "CSV"))]
    assert words[-1] == "'" + looked.HOSTILE[-1]
    told = json.loads(take(page, "tables", "JSON"))
    assert [row["word"] for row in told["rows"]] == list(looked.HOSTILE)
    assert told["rows"][1]["value"] == pytest.approx(1 / 3)


HARD = [
    "# no comment",
    "a#b,=1+1",
    "two\nlines",
    "x",
    '=cmd|"/C calc"!A0',
    ",-1;+2\t@3",
    "\uff1d1 \U0001f600\u2028",
    '"',
]
SPLIT = re.compile(r"[,;\t|]")


@pytest.fixture
def hard(site: Path, tab: Tabs) -> bytes:
    """A CSV whose texts and whose provenance are made to break out."""
    told = """(texts) => {
      molyneux.run.provenance.command = texts.join(" ") + '\\\\"' + '"';
      molyneux.run.provenance.data = texts.map((text) => [text, text]);
      return molyneux.csv(texts.map((text, n) => ({text, n, half: n / 2})));
    }"""
    return str(tab(site).open("image.html").evaluate(told, HARD)).encode()


def test_a_csv_is_read_by_pandas(hard: bytes) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(io.BytesIO(hard), comment="#")
    assert list(table.columns) == ["text", "n", "half"]
    assert [text.removeprefix("'") for text in table["text"]] == HARD
    assert (table["n"].dtype, table["half"].dtype) == ("int64", "float64")
    assert table["half"].tolist() == [n / 2 for n in range(len(HARD))]


def test_a_csv_is_read_by_pythons_module(hard: bytes) -> None:
    assert [row["text"].removeprefix("'") for row in rows_of(hard)] == HARD
    told = told_by(hard)
    assert (told["seed"], told["model"]) == (5, "miniature")
    assert told["data"] == [[text, text] for text in HARD]
    # One that knows no comments has them as rows of their own: none runs on into the next line.
    every = list(csv.reader(io.StringIO(hard.decode(), newline="")))
    assert len(every) == len(told) + 1 + len(HARD)
    assert [row[0].split(":")[0] for row in every[: len(told)]] == [f"# {key}" for key in told]


def test_comments_hold_nothing_that_a_spreadsheet_would_run(hard: bytes) -> None:
    comments = COMMENTS.match(hard.decode())
    assert comments
    assert comments[0].isascii()
    cells = [cell.strip(" \"'") for line in comments[0].splitlines() for cell in SPLIT.split(line)]
    assert len(cells) > 30
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize(
    ("panel", "columns", "name"),
    [
        ("caption", {"image"}, "caption"),
        ("stage", {"image", "word", "neuron"}, f"{looked.NEURONS[0]}-map"),
        ("neurons", {"image", "word", "neuron"}, "dog-sum-neurons"),
        ("strip", {"image", "word", "count"}, "dog-sum-without-5-captions"),
    ],
)
def test_files_of_a_page_as_first_opened_say_what_is_in_them(
    panel: str, columns: set[str], name: str, site: Path, tab: Tabs
) -> None:
    page = tab(site).open("image.html")
    image = page.evaluate("molyneux.load('images/index-0').then(({rows}) => rows[0])")
    page.locator(f"#{panel} details.menu summary").click()
    with page.expect_download() as waiting:
        page.locator(f"#{panel} details.menu button", has_text="CSV").click()
    content = Path(waiting.value.path()).read_bytes()
    assert waiting.value.suggested_filename.endswith(f"-{name}.csv")
    rows = rows_of(content)
    assert columns <= set(rows[0])
    assert {row["image"] for row in rows} == {image["id"]}
    assert "word" not in columns or {row["word"] for row in rows} == {"dog"}
    told = told_by(content)
    assert (told["image"], told["word"], told["neuron"]) == (image["id"], "dog", str(looked.NEURONS[0]))
    place, _, fragment = told["page"].partition("#")
    state = dict(one.split("=") for one in fragment.split("&"))
    assert place == "image.html"
    assert {
        "image": image["key"],
        "word": "1",
        "neuron": str(looked.NEURONS[0]),
        "n": "5",
    }.items() <= state.items()
    assert {
        "rank": "sum",
        "map": "heat",
        "fill": "smooth",
        "opacity": "65",
        "pct": "95",
    }.items() <= state.items()
    page.evaluate("(place) => { location.href = place; }", told["page"])
    page.wait_for_function("location.hash.includes('word=1')")
    assert page.locator('#caption [aria-pressed="true"]').inner_text() == "dog"


def test_files_of_other_pages_say_what_is_shown(site: Path, tab: Tabs) -> None:
    page = tab(site).open("neuron.html")
    told = told_by(take(page, "effect", "CSV"))
    assert told["neuron"] == str(looked.NEURONS[0])
    assert told["page"] == f"neuron.html#neuron={looked.NEURONS[0]}&scale=0&on=0"
    page = tab(site).open("run.html")
    assert told_by(take(page, "tables", "CSV"))["page"].startswith("run.html#table=words")
    page = tab(site).open("atlas.html")
    assert "sort=images" in told_by(take(page, "list", "CSV"))["page"]


def test_a_png_says_where_it_comes_from(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    content = take(page, "stage", "PNG")
    picture = Image.open(io.BytesIO(content))
    picture.load()  # checks every chunk's sum
    told = json.loads(picture.info["provenance"])
    assert (told["model"], told["seed"], told["word"]) == ("miniature", 5, "dog")
    assert told["weights"] == [["model", "ab" * 32]]
    assert told["data"] == [["images", "cd" * 32]]
    assert told["created"].startswith("20")
    assert told["page"].startswith("image.html#image=")
    assert told["image"].endswith(".png")
    drawing = ElementTree.fromstring(take(page, "stage", "SVG"))
    name = "{http://www.w3.org/2000/svg}"
    assert json.loads(drawing.findtext(f"{name}desc") or "") == told
    words = "".join(text.text or "" for text in drawing.iter(f"{name}text"))
    assert f"data {'cd' * 6}" in words
    assert told["created"][:10] in words


@pytest.mark.parametrize(
    ("place", "panels"),
    [
        ("image.html#object=0", ("stage", "neurons", "strip")),
        ("neuron.html", ("tokens", "place", "tiles", "histogram", "effect", "nearest")),
        ("atlas.html", ("list",)),
        ("run.html", ("tables",)),
    ],
)
def test_the_python_of_every_panel_compiles(
    place: str, panels: tuple[str, ...], site: Path, tab: Tabs
) -> None:
    page = tab(site).open(place)
    for panel in panels:
        code = python(page, panel)
        assert code.isascii()
        compile(code, panel, "exec")
        assert "import" in code


def test_a_word_with_a_line_break_stays_in_its_comment(site: Path, tab: Tabs) -> None:
    page = tab(site).open(f"neuron.html#neuron={looked.NEURONS[0]}")
    page.evaluate(
        "(name) => molyneux.load('neurons/' + name).then((data) => { data.effects[0].text = 'dog\\nimport os'; })",
        str(looked.NEURONS[0]),
    )
    code = python(page, "effect")
    assert '# "dog\\u000aimport os" in: ' in code
    assert "import os" not in code.splitlines()


def test_the_python_is_copied(site: Path, tab: Tabs) -> None:
    page = tab(site, permissions=["clipboard-read", "clipboard-write"]).open("image.html")
    code = python(page, "neurons")
    page.locator("#neurons details.menu summary").click()
    page.locator("#neurons details.menu button", has_text="Python").click()
    page.locator("dialog.code button", has_text="Copy").click()
    page.wait_for_selector("#toast.seen")
    assert page.evaluate("navigator.clipboard.readText()") == code
