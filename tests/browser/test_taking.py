"""Every panel can be taken away as a picture, a table or Python, and says where it comes from."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import looked

Tabs = Callable[..., Any]


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
    """The rows of a CSV, without the provenance after them."""
    found = list(csv.DictReader(io.StringIO(content.decode())))
    return [row for row in found if not next(iter(row.values())).startswith("# ")]


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
    assert "# dog\\u000aimport os in: " in code
    assert "import os" not in code.splitlines()


def test_the_python_is_copied(site: Path, tab: Tabs) -> None:
    page = tab(site, permissions=["clipboard-read", "clipboard-write"]).open("image.html")
    code = python(page, "neurons")
    page.locator("#neurons details.menu summary").click()
    page.locator("#neurons details.menu button", has_text="Python").click()
    page.locator("dialog.code button", has_text="Copy").click()
    page.wait_for_selector("#toast.seen")
    assert page.evaluate("navigator.clipboard.readText()") == code
