"""What the run page and the list of images give away; their Python, typed where the run lies, gives the same."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from molyneux.explorer.shards import key_of
from molyneux.ground.run import Run

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
Tabs = Callable[..., Any]


def take(page: Any, panel: str, kind: str) -> bytes:
    page.locator(f"#{panel} details.menu summary").click()
    with page.expect_download() as waiting:
        page.locator(f"#{panel} details.menu button", has_text=kind).click()
    return Path(waiting.value.path()).read_bytes()


def run_python(
    page: Any, panel: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[str], dict[str, Any]]:
    """The lines that a panel's Python prints in the folder that holds the run, and its names."""
    page.locator(f"#{panel} details.menu summary").click()
    page.locator(f"#{panel} details.menu button", has_text="Python").click()
    code = page.locator("dialog.code code").inner_text()
    page.locator("dialog.code button", has_text="Close").click()
    assert code.isascii()
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(code, panel, "exec"), names)
    return out.getvalue().splitlines(), names


PANELS = {
    "what": "run",
    "tables": "agreement",
    "figures": "figures",
    "stages": "stages",
    "manifest": "manifest",
}


@pytest.mark.parametrize("panel", [*PANELS, "downloads"])
def test_every_panel_gives_csv_and_json(panel: str, whole_pages: Path, tab: Tabs) -> None:
    page = tab(whole_pages).open("run.html")
    told = json.loads(take(page, panel, "JSON"))
    rows = [
        row
        for row in csv.reader(io.StringIO(take(page, panel, "CSV").decode()))
        if not row[0].startswith("# ")
    ]
    assert rows[0] == list(told["rows"][0])
    assert len(rows) - 1 == len(told["rows"]) > 0
    assert told["provenance"]["model"] == "miniature"


def test_python_of_the_run_and_its_stages(
    whole: Path, whole_pages: Path, tab: Tabs, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tab(whole_pages).open("run.html")
    lines, _ = run_python(page, "what", whole.parent, monkeypatch)
    shown_facts = page.locator("#what dd").all_inner_texts()
    assert lines[0].split()[0] in shown_facts[0]
    assert lines[0].split()[1] in shown_facts
    assert lines[1] in shown_facts
    lines, _ = run_python(page, "stages", whole.parent, monkeypatch)
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#stages tbody tr").all()]
    assert [line.split()[:4] for line in lines] == [
        [name, used, given, missing.replace("\u2013", "0")] for name, used, given, _, missing in rows
    ]
    for line, row in zip(lines, rows, strict=True):
        said = {f"{n} {why.replace('-', ' ')}" for why, n in eval(line.split(maxsplit=4)[4]).items()}
        assert said == set(row[3].split("\n")) - {"none"}


def test_python_of_the_manifest_and_the_downloads(
    whole: Path, whole_pages: Path, tab: Tabs, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tab(whole_pages).open("run.html")
    lines, _ = run_python(page, "manifest", whole.parent, monkeypatch)
    names = page.locator("#manifest dt").all_inner_texts()
    values = page.locator("#manifest dd").all_inner_texts()
    told = [line.split(maxsplit=2)[1:] for line in lines]
    assert [name for name, _ in told] == names
    said = {"None": "\u2013", "True": "true", "False": "false"}
    assert [said.get(value, value) for _, value in told] == values
    lines, _ = run_python(page, "downloads", whole.parent, monkeypatch)
    assert [line.split(maxsplit=1)[1] for line in lines] == page.locator("#downloads a").all_inner_texts()
    for line, link in zip(lines, page.locator("#downloads a").all(), strict=True):
        assert (whole_pages / link.get_attribute("href")).stat().st_size == int(line.split()[0])


def test_python_of_tables(whole: Path, whole_pages: Path, tab: Tabs, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("agreement", "segmentation"):
        page = tab(whole_pages).open(f"run.html#table={name}")
        lines, _ = run_python(page, "tables", whole.parent, monkeypatch)
        rows = page.locator("#table tbody tr")
        assert len(lines) == rows.count()
        for n, line in enumerate(lines):
            row = eval(line)
            said = row.get("arm") or row["category"]
            assert rows.nth(n).locator("td").first.inner_text() == said
            mean = row["bert_mean"] if name == "agreement" else row["top_mean"]
            assert rows.nth(n).locator("td").nth(1).inner_text().startswith(f"{mean:.3f}")


def test_python_of_a_figure_draws_it_again(
    whole: Path, whole_pages: Path, tab: Tabs, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tab(whole_pages).open("run.html#figure=layers")
    lines, _ = run_python(page, "figures", whole.parent, monkeypatch)
    drawn = whole.parent / lines[-1]
    taken = whole_pages / page.locator("#figures a.button", has_text="PNG").get_attribute("href")
    assert drawn.parts[-3:] == ("report-again", "figures", "layers.png")
    assert drawn.read_bytes() == taken.read_bytes()


@pytest.mark.parametrize("search", ["", "q=__proto__", "category=__proto__", "q=dog&sort=p", "sort=noun"])
def test_python_of_the_list_of_images(
    search: str, named: tuple[Run, Path], tab: Tabs, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tab(named[1]).open(f"index.html#{search}")
    _, names = run_python(page, "grid", named[0].folder.parent, monkeypatch)
    keys = page.locator("a.tile").evaluate_all("all => all.map((one) => one.href.split('image=')[1])")
    assert [key_of(image) for image, *_ in names["found"]] == keys
    assert keys
    told = json.loads(take(page, "grid", "JSON"))["rows"]
    assert [(row["image"], row["noun"], row["p"], row["caption"]) for row in told] == [
        (image, noun, pytest.approx(p), caption) for image, noun, p, caption in names["found"]
    ]
