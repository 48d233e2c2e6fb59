"""The report of a real, small run: everything is there, nothing is loaded from elsewhere, nothing runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from molyneux.experiments.table import COMPARABLE, NOT_COMPARABLE
from molyneux.ground.files import kept
from molyneux.ground.manifest import read_manifest, write_manifest
from molyneux.ground.plain import from_json
from molyneux.ground.run import open_run
from molyneux.ground.run_errors import RunError
from molyneux.ground.tables import write_table
from molyneux.report.page import write_report
from report_runs import EVIL, hostile, page_of, reported, typed

FIGURES = [
    "neurons",
    "prompts",
    "firing",
    "segmentation",
    "fields",
    "selectivity",
    "ablation",
    "ablated-captions",
    "layers",
]
TABLES = [
    "agreement",
    "prompts",
    "prompts-patches",
    "gallery",
    "ablated-captions",
    "layers",
    "segmentation",
    "ablation",
]
NUMBERS = [
    *("Table 1", "Table 2", "Table S.1", "Table S.2", "Table S.3", "Layer histogram (S.6)"),
    *(f"Figure {number}" for number in ("2", "3", "4", "5", "6", "S.1", "S.2", "S.3")),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reported(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def light(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run without its pictures, whose figures take the most time."""
    copy = tmp_path_factory.mktemp("light") / "run"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("report", "pictures"))
    return copy


@pytest.fixture(scope="module")
def attacked(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = hostile(run, tmp_path_factory.mktemp("hostile") / "run")
    write_report(copy)
    return copy / "report"


def test_every_figure_and_table_of_the_paper_is_there(run: Path) -> None:
    report, page = run / "report", page_of(run / "report")
    for number in NUMBERS:
        assert f"{number}." in page.text
    for name in FIGURES:
        with Image.open(report / "figures" / f"{name}.png") as opened:
            assert opened.width > 1000
        assert (report / "figures" / f"{name}.svg").read_text(encoding="utf8").startswith("<?xml")
    for name in TABLES:
        assert json.loads((report / "tables" / f"{name}.json").read_text())["rows"]
        assert (report / "tables" / f"{name}.csv").stat().st_size > 40


def test_the_page_says_what_it_stands_on(run: Path) -> None:
    page, manifest = page_of(run / "report"), open_run(run).manifest
    assert "14 of 14 images used." in page.text
    assert "not-sampled" in page.text
    assert "BERTScore F1: miniature, layer" in page.text
    assert "paper: GPT-J on COCO, not comparable" in page.text
    assert manifest.identity.weights["model"][:16] in page.text
    assert manifest.identity.versions["torch"] in page.text
    assert page.text.count("Supported if:") == 14


def test_a_miniature_is_labelled_on_the_page_and_in_every_figure(run: Path) -> None:
    page = page_of(run / "report")
    assert page.text.index("A miniature, not the paper's model.") < page.text.index("Reproduction report")
    captions = [one for one in page.text.split("Figure ") if one.startswith(("2.", "5.", "6.", "S.1."))]
    assert all("A miniature, not the paper's model." in one[:900] for one in captions)


def test_nothing_is_loaded_from_elsewhere_and_every_link_leads_somewhere(run: Path) -> None:
    report, page = run / "report", page_of(run / "report")
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert page.addresses
    for address in page.addresses:
        if address.startswith("#"):
            assert address[1:] in ids
        else:
            assert "://" not in address
            assert not address.startswith(("/", "..", "data:"))
            assert (report / address).is_file(), address
    assert not page.all("script")
    assert not page.all("link")
    assert "@import" not in (report / "index.html").read_text(encoding="utf8")
    assert all(one.get("alt") for one in page.all("img"))


def test_hostile_words_do_nothing(attacked: Path) -> None:
    page = page_of(attacked)
    assert not page.all("script")
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert all(one.get("src") != "x" for one in page.all("img"))
    text = (attacked / "index.html").read_text(encoding="utf8")
    assert "<script" not in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "alert(1)" in page.text  # it was there to be escaped
    for path in attacked.glob("figures/*.svg"):
        assert "<script" not in path.read_text(encoding="utf8")


def test_hostile_words_stay_data_in_the_files(attacked: Path) -> None:
    assert json.loads((attacked / "report.json").read_text())["model"] == EVIL.replace("\x1b", "\x1b")
    assert all(path.name.isascii() for path in attacked.rglob("*"))


def test_the_same_run_gives_the_same_report(light: Path, tmp_path: Path) -> None:
    first, again = (
        write_report(light, tmp_path / "first").parent,
        write_report(light, tmp_path / "again").parent,
    )
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(names) > 40
    for name in names:
        assert (first / name).read_bytes() == (again / name).read_bytes(), name


def test_a_part_of_a_run_says_what_is_missing(run: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    shutil.copytree(run, part, ignore=shutil.ignore_patterns("report", "segmentation*", "ablat*", "pictures"))
    page = page_of(write_report(part).parent)
    assert "Figure 6, Figure S.3, Table S.3: this run does not hold the experiment “ablation”." in page.text
    assert "Figure 5, Figure S.1: this run does not hold the experiment “segmentation”." in page.text
    assert "Figure 2: the run holds no small copies of its images" in page.text
    assert "The run holds no ablation experiment." in page.text
    assert "Figure 3." in page.text
    assert not (part / "report" / "figures" / "ablation.svg").exists()


def test_damage_is_told_and_the_rest_shown(light: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    shutil.copytree(light, part)
    (part / "tables" / "ablation.json").write_text("{}")
    rows = part / "prompts" / "part-00000.parquet"
    rows.write_bytes(rows.read_bytes()[:-9])
    page = page_of(write_report(part).parent)
    assert "table ablation.json does not read" in page.text
    assert "part-00000.parquet" in page.text
    assert "Table 2." in page.text
    assert "Figure 3." not in page.text


def test_an_empty_run_has_a_page(run: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(run / "manifest.json", empty)
    page = page_of(write_report(empty).parent)
    assert page.text.count("this run does not hold the experiment") >= 7
    assert not list((empty / "report").glob("figures/*"))


def test_another_folder_is_never_replaced(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(RunError, match="an earlier report"):
        write_report(run, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "words"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_verb(light: Path, tmp_path: Path) -> None:
    made = typed("report", str(light), "--out", str(tmp_path / "page"))
    assert made.exit_code == 0, made.output
    assert made.stdout.strip() == str(tmp_path / "page" / "index.html")
    told = json.loads(typed("report", str(light), "--out", str(tmp_path / "page"), "--json").stdout)
    assert told["miniature"] is True
    assert len(told["verdicts"]) == 14
    said = typed("report", str(light), "--out", str(tmp_path / "page"), "--markdown").stdout
    assert "| Change of p(c) without 143 units" in said
    assert "† paper: GPT-J on COCO, not comparable" in said
    assert typed("report", str(tmp_path)).exit_code == 2


def test_a_report_takes_neither_torch_nor_a_model(light: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from molyneux.report.page import write_report; "
        f"write_report(Path({str(light)!r}), Path({str(tmp_path / 'page')!r})); "
        "assert not {'torch', 'transformers', 'molyneux.models'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_papers_own_model_is_compared(light: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(light, copy)
    manifest = read_manifest(copy)
    settings = dict(manifest.identity.settings) | {"model": "limber-beit", "miniature": False}
    write_manifest(copy, replace(manifest, identity=replace(manifest.identity, settings=settings)))
    for name in ("agreement", "ablation"):
        told: Any = from_json(kept(copy / "tables" / f"{name}.json"))
        rows = [
            {key: COMPARABLE if value == NOT_COMPARABLE else value for key, value in row.items()}
            for row in told.pop("rows")
        ]
        write_table(copy / "tables", told.pop("name"), rows, **told)
    page = page_of(write_report(copy).parent)
    assert "miniature, not" not in page.text
    greyed = [words for words in page.all("td") if "not" in str(words.get("class")).split()]
    compared = [words for words in page.all("td") if str(words.get("class")).split() == ["paper"]]
    assert len(compared) > 8
    assert len(greyed) < len(page_of(write_report(light).parent).all("td")) / 4
    size = page.text.split("falls by 80% on average.")[1][:200]
    assert "Another model" not in size
