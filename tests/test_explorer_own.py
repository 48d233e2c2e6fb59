"""Runs that somebody sent: nothing behind a link is published, and what is no table, file or stage does no harm."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

import looked
from molyneux.explorer.book import Book
from molyneux.explorer.export import export
from molyneux.explorer.table_shards import absent_tables
from molyneux.ground.files import keep, kept
from molyneux.ground.left_out import LEFT_OUT, keep_left_out
from molyneux.ground.run import Run, open_run
from molyneux.ground.run_errors import DamagedError, RunError
from molyneux.ground.tables import write_table

_CALL = re.compile(r'molyneux\.shard\("([^"]+)",(.*)\);\n', re.DOTALL)


def read(text: str) -> tuple[str, dict]:  # type: ignore[type-arg]
    """What a shard gives to the page."""
    match = _CALL.fullmatch(text)
    assert match is not None
    return match[1], json.loads(match[2])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return looked.run_of_looks(tmp_path_factory.mktemp("runs") / "made by hand", images=8)


def test_a_link_in_the_run_is_not_followed(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    (tmp_path / "secret.csv").write_text("secret")
    (tmp_path / "run" / "tables" / "link.csv").symlink_to(tmp_path / "secret.csv")
    made = export(open_run(tmp_path / "run"), tmp_path / "pages")
    assert "downloads/tables/link.csv" not in {
        p.relative_to(made.folder).as_posix() for p in made.folder.rglob("*")
    }


@pytest.mark.parametrize("linked", ["report", "figures", "tables", "report/deeper"])
def test_a_linked_folder_in_the_run_is_not_followed(run: Run, tmp_path: Path, linked: str) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / linked, ignore_errors=True)
    shutil.copytree(run.tables, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "secret.json").write_text('{"secret": 1}')
    (tmp_path / "run" / linked).parent.mkdir(exist_ok=True)
    (tmp_path / "run" / linked).symlink_to(tmp_path / "elsewhere")
    made = export(open_run(tmp_path / "run"), tmp_path / "pages")
    assert not list(made.folder.rglob("*secret*"))
    assert not (made.folder / "downloads" / linked).exists()
    assert (made.folder / "downloads" / "manifest.json").is_file()
    assert (made.folder / "data" / "tables" / "words.js").exists() == (linked != "tables")


@pytest.mark.parametrize("linked", ["folder", "part", "description", "hash"])
@pytest.mark.parametrize("stage", ["looks", "looks-neurons"])
def test_a_stage_with_a_link_in_it_is_as_if_it_were_not_there(
    run: Run, tmp_path: Path, stage: str, linked: str
) -> None:
    """Another run's rows, and with them its pictures, are not published by a run that links to them."""
    shutil.copytree(run.folder, tmp_path / "run")
    shutil.copytree(run.folder / stage, tmp_path / "elsewhere")
    place = tmp_path / "run" / stage
    if linked == "folder":
        shutil.rmtree(place)
        place.symlink_to(tmp_path / "elsewhere")
    else:
        name = {"part": "part-00000.parquet", "description": "stage.json", "hash": "stage.json.sha256"}[
            linked
        ]
        (place / name).unlink()
        (place / name).symlink_to(tmp_path / "elsewhere" / name)
    opened = open_run(tmp_path / "run")
    assert stage in opened.stages()
    book = Book(opened)
    assert stage not in [one["name"] for one in read(book.shard("run") or "")[1]["stages"]]
    names = list(book.shards())
    kind = "images" if stage == "looks" else "neurons"
    assert [name for name in names if name.startswith(f"{kind}/")] == []
    made = export(opened, tmp_path / "pages")
    assert (made.images if stage == "looks" else made.neurons) == 0


@pytest.mark.parametrize("name", ["words.json", "words.csv"])
def test_a_linked_table_is_not_offered(run: Run, tmp_path: Path, name: str) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    place = tmp_path / "run" / "tables" / name
    place.rename(tmp_path / name)
    place.symlink_to(tmp_path / name)
    book = Book(open_run(tmp_path / "run"))
    assert f"tables/{name}" not in book.downloads()
    assert (book.shard("tables/words") is None) == (name == "words.json")


def test_a_linked_report_says_nothing_about_figures(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    figures, report = (tmp_path / "run" / name for name in ("figures", "report"))
    figures.mkdir()
    report.mkdir()
    Image.new("RGB", (4, 4)).save(figures / "one.png")
    secret = {"figures": [{"name": "one", "title": "secret", "alt": "secret"}]}
    (tmp_path / "report.json").write_text(json.dumps(secret))
    (report / "report.json").symlink_to(tmp_path / "report.json")
    (told,) = read(Book(open_run(tmp_path / "run")).shard("run") or "")[1]["figures"]
    assert (told["name"], told["title"], told["alt"]) == ("one", "one", "")
    (report / "report.json").unlink()
    shutil.copy(tmp_path / "report.json", report / "report.json")
    (told,) = read(Book(open_run(tmp_path / "run")).shard("run") or "")[1]["figures"]
    assert (told["title"], told["alt"]) == ("secret", "secret")


def test_a_linked_manifest_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").symlink_to(run.folder / "manifest.json")
    with pytest.raises(RunError, match="of its own"):
        export(open_run(tmp_path / "run"), tmp_path / "pages")


def test_what_is_no_file_is_not_read(run: Run, tmp_path: Path) -> None:
    """A pipe would be waited for without end."""
    shutil.copytree(run.folder, tmp_path / "run")
    os.mkfifo(tmp_path / "run" / "tables" / "pipe.json")
    os.mkfifo(tmp_path / "run" / "looks" / "pipe")
    side = tmp_path / "run" / "tables" / "words.json.sha256"
    side.unlink()
    os.mkfifo(side)
    book = Book(open_run(tmp_path / "run"))
    assert "tables/pipe" not in list(book.shards())
    assert book.looks.keys == {}
    with pytest.raises(DamagedError, match="no SHA-256"):
        kept(tmp_path / "run" / "tables" / "words.json")
    os.mkfifo(tmp_path / "run" / "tables" / "two.json")
    side.unlink()
    side.with_name("two.json.sha256").write_text("0" * 64)
    with pytest.raises(DamagedError, match="no regular file"):
        kept(tmp_path / "run" / "tables" / "two.json")
    side.symlink_to("/dev/zero")
    with pytest.raises(DamagedError, match="no SHA-256"):
        kept(tmp_path / "run" / "tables" / "words.json")


@pytest.mark.parametrize(
    "text", ["[]", '{"rows": 3}', '{"rows": [1]}', '{"rows": [{"a": 1}], "skipped": 5}', "no"]
)
def test_a_file_that_is_no_table_is_told(run: Run, tmp_path: Path, text: str) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    keep(tmp_path / "run" / "tables" / "words.json", text.encode())
    made = export(open_run(tmp_path / "run"), tmp_path / "pages")
    assert list(made.left_out) == ["words"]
    assert not (made.folder / "data" / "tables" / "words.js").exists()


def test_a_table_of_another_version_is_shown_by_its_columns(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    rows = [{"layer": 1, "mean": 0.5, "low": 0.25, "high": 0.75, "p_now": 1e-9, "other_things": ["a", "b"]}]
    write_table(tmp_path / "run" / "tables", "layers", rows)
    shard = read(Book(open_run(tmp_path / "run")).shard("tables/layers") or "")[1]
    assert [one["text"] for one in shard["head"]] == ["layer", "mean", "p now", "other things"]
    assert shard["cells"] == [
        [
            {"text": "1", "value": 1.0},
            {"text": "0.500", "small": "[0.250, 0.750]", "value": 0.5},
            {"text": "< 0.0001", "value": 1e-9},
            {"text": "a, b", "tokens": ["a", "b"]},
        ]
    ]


def test_a_run_that_is_reached_by_a_link_keeps_its_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(run.folder)
    names = sorted(Book(run).downloads())
    assert "tables/words.json" in names
    assert sorted(Book(open_run(tmp_path / "link")).downloads()) == names


@pytest.mark.parametrize("linked", [False, True])
def test_reasons_of_what_was_left_out_are_told_from_the_runs_own_file_alone(
    run: Run, tmp_path: Path, linked: bool
) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    keep_left_out(tmp_path / "run", {"segmentation": "no <b>masks</b>"})
    if linked:
        (tmp_path / "run" / LEFT_OUT).rename(tmp_path / LEFT_OUT)
        (tmp_path / "run" / LEFT_OUT).symlink_to(tmp_path / LEFT_OUT)
    absent = dict(absent_tables(open_run(tmp_path / "run")))
    assert absent["segmentation"] == (None if linked else "no <b>masks</b>")
    assert absent["prompts"] is None


def test_a_damaged_file_of_reasons_stops_no_page(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    keep_left_out(tmp_path / "run", {"segmentation": "no masks"})
    (tmp_path / "run" / LEFT_OUT).write_text("{")
    assert dict(absent_tables(open_run(tmp_path / "run")))["segmentation"] is None
