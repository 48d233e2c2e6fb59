"""molyneux export: shards that cannot act, pages that need nothing else, folders that are never half there."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import looked
from molyneux.explorer.book import Book, page_files
from molyneux.explorer.export import MARK, export
from molyneux.explorer.shards import key_of, shard_text
from molyneux.ground.run import Run, open_run
from molyneux.ground.run_errors import DamagedError, RunError

_CALL = re.compile(r'molyneux\.shard\("([^"]+)",(.*)\);\n', re.DOTALL)


def read(text: str) -> tuple[str, dict]:  # type: ignore[type-arg]
    """What a shard gives to the page."""
    match = _CALL.fullmatch(text)
    assert match is not None
    return match[1], json.loads(match[2])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return looked.run_of_looks(tmp_path_factory.mktemp("runs") / "made by hand", images=8)


@pytest.fixture(scope="module")
def pages(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(run, tmp_path_factory.mktemp("exports") / "pages").folder


# Shards.


@pytest.mark.parametrize("text", looked.HOSTILE)
def test_no_text_ends_a_script(text: str) -> None:
    made = shard_text("run", {"a": text, "b": [text, {"c": text}]})
    assert made.isascii()
    assert not set("<>&\u2028\u2029\x1b") & set(made)
    assert read(made) == ("run", {"a": text, "b": [text, {"c": text}]})


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", "a/", 'a"b', "a\nb", "", "a/../b", "ä"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="names no shard"):
        shard_text(name, {})


def test_what_is_not_finite_is_null() -> None:
    assert read(shard_text("x", {"a": [float("nan"), float("-inf"), 1.5]}))[1] == {"a": [None, None, 1.5]}


def test_keys_are_opaque() -> None:
    assert key_of("val2017/000.jpg") == hashlib.sha256(b"val2017/000.jpg").hexdigest()[:16]


# What shards hold.


def test_every_shard_reads_and_is_named_after_its_file(pages: Path) -> None:
    files = sorted((pages / "data").rglob("*.js"))
    assert len(files) == 1 + 1 + 1 + 1 + 8 + len(looked.NEURONS)
    for path in files:
        name, _ = read(path.read_text("ascii"))
        assert path == pages / "data" / f"{name}.js"


def test_an_image_has_what_the_run_has(run: Run) -> None:
    book = Book(run)
    image = book.looks.images.ids[2]
    text = book.shard(f"images/{key_of(image)}")
    assert text is not None
    data = read(text)[1]
    row = run.results("looks").rows[image]
    assert data["id"] == image
    assert data["caption"] == row["caption"]
    assert data["tokens"] == [list(pair) for pair in zip(row["tokens"], row["probabilities"], strict=True)]
    assert data["selected"] == 1
    assert data["words"][1]["text"] == "dog"
    assert [one["computed"] for one in data["words"]] == [True, True, False, True]
    assert (data["previous"], data["next"]) == tuple(key_of(book.looks.images.ids[n]) for n in (1, 3))
    values = np.frombuffer(base64.b64decode(data["maps"]), "<f4").reshape(len(looked.NEURONS), -1)
    assert (values == looked.maps(2)).all()
    assert data["neurons"][0]["others"] == 7
    first = data["words"][1]["rankings"]["sum"]
    assert first["neurons"][0] == [str(looked.NEURONS[0]), 1.0, int(looked.maps(2)[0].argmax())]
    arms = {arm["arm"]: arm for arm in first["strip"]["units"][1]["arms"]}
    assert first["strip"]["units"][1]["n"] == 50
    assert len(arms["random"]["draws"]) == 3
    assert arms["top"]["draws"][0][0] == pytest.approx(0.4)


def test_pictures_travel_in_the_shard_as_they_were_stored(run: Run) -> None:
    book = Book(run)
    image = book.looks.images.ids[0]
    data = read(book.shard(f"images/{key_of(image)}") or "")[1]
    head, _, body = data["picture"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(body) == looked.picture(0)


def test_a_neuron_shows_its_strongest_images_and_random_ones(run: Run) -> None:
    book = Book(run)
    neuron = looked.NEURONS[3]
    data = read(book.shard(f"neurons/{neuron}") or "")[1]
    place = 3
    strengths = {image: looked.maps(n)[place].max() for n, image in enumerate(book.looks.images.ids)}
    expected = sorted(strengths, key=lambda image: (-strengths[image], image))[: looked.FIRED]
    assert [one["key"] for one in data["top"]] == [key_of(image) for image in expected]
    assert len(data["random"]) == looked.FIRED
    for one in (*data["top"], *data["random"]):
        number = next(n for n, image in enumerate(book.looks.images.ids) if key_of(image) == one["key"])
        values = np.frombuffer(base64.b64decode(one["map"]), "<f4")
        assert (values == looked.maps(number)[place]).all()
        assert one["activation"] == pytest.approx(float(values.max()))
        assert one["patch"] == int(values.argmax())
    assert data["effects"][0]["own"] == [0.5, 0.8, 0.85, 0.9]
    assert data["images"] == 8


def test_lists_and_tables(run: Run) -> None:
    book = Book(run)
    rows = read(book.shard("images/index-0") or "")[1]["rows"]
    assert [row["key"] for row in rows] == [key_of(image) for image in book.looks.images.ids]
    assert rows[0]["noun"] == "dog"
    assert "crowd" not in rows[0]["categories"]
    neurons = read(book.shard("neurons/index-0") or "")[1]["rows"]
    assert {row["name"] for row in neurons} == set(map(str, looked.NEURONS))
    table = read(book.shard("tables/words") or "")[1]
    assert [row[0] for row in table["rows"]] == list(looked.HOSTILE)
    assert (table["used"], table["given"], table["skipped"]) == (7, 8, [["no-noun", 1]])
    told = read(book.shard("run") or "")[1]
    assert told["miniature"] is True
    assert told["provenance"]["weights"] == [["model", "ab" * 32]]
    assert {"name": "looks", "given": 8, "used": 8, "missing": 0, "skipped": []} in told["stages"]


@pytest.mark.parametrize(
    "name",
    [
        "images/index-1",
        "images/index-00",
        "images/index--1",
        "images/index-²",
        "images/0",
        "neurons/L99.u1",
        "tables/none",
        "other/x",
        "",
        "images/../run",
        "neurons/index-1",
    ],
)
def test_there_are_no_other_shards(run: Run, name: str) -> None:
    assert Book(run).shard(name) is None


def test_thumbnails_are_small_jpegs(pages: Path) -> None:
    for path in (pages / "data" / "thumbs").iterdir():
        image = Image.open(io.BytesIO(path.read_bytes()))
        assert image.format == "JPEG"
        assert max(image.size) <= 224


# The pages.


def test_pages_ship_and_hold_no_inline_code() -> None:
    files = page_files()
    names = [name for name in files if name.endswith(".html")]
    assert sorted(names) == ["atlas.html", "image.html", "index.html", "neuron.html", "run.html"]
    for name in names:
        text = files[name].read_text()
        assert "default-src 'none'; script-src 'self' file:;" in text
        assert re.search(r"<script(?![^>]*\ssrc=)", text) is None
        assert re.search(r"\s(on\w+|style)=", text) is None
        assert "<style" not in text
        assert "<!-- molyneux:live -->" in text
        for path in re.findall(r'(?:src|href)="([^"#]+)"', text):
            assert path in files, path


def test_scripts_write_no_markup_and_ask_no_one() -> None:
    for name, path in page_files().items():
        if not name.endswith(".js") or name == "assets/live.js":
            continue
        text = path.read_text()
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "fetch(",
            "XMLHttpRequest",
            "WebSocket",
            "sendBeacon",
            "localStorage",
            "cookie",
        ):
            assert word not in text, f"{word} in {name}"
    for name, path in page_files().items():
        found = set(re.findall(r"https?://[^\s\"')]+", path.read_text()))
        assert found <= {"http://www.w3.org/2000/svg"}, name


def test_the_wheel_would_hold_the_pages(tmp_path: Path) -> None:
    """Hatchling takes all files of the package; the source tree has them under it."""
    root = Path(sys.modules["molyneux"].__file__ or "").parent
    assert all(path.is_relative_to(root) for path in page_files().values())


# Writing.


def test_export_again_takes_the_place_of_the_first(run: Run, tmp_path: Path) -> None:
    first = export(run, tmp_path / "pages")
    (tmp_path / "pages" / "left-over.txt").write_text("old")
    again = export(run, tmp_path / "pages")
    assert (again.files, again.bytes) == (first.files, first.bytes)
    assert not (tmp_path / "pages" / "left-over.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["pages"]


def test_two_exports_are_the_same_bytes(run: Run, tmp_path: Path) -> None:
    folders = [export(run, tmp_path / name).folder for name in "ab"]
    contents = [
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in folders
    ]
    assert contents[0] == contents[1]


def test_other_folders_are_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_text("mine")
    for place in (tmp_path / "photos", run.folder, run.folder / "pages", run.folder.parent):
        with pytest.raises(RunError, match="export"):
            export(run, place)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="a folder"):
        export(run, tmp_path / "file")
    assert (tmp_path / "photos" / "one.jpg").read_text() == "mine"
    assert not (run.folder / "pages").exists()


def test_a_damaged_run_is_refused_and_the_old_pages_stay(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    copy = open_run(tmp_path / "run")
    export(copy, tmp_path / "pages")
    part = tmp_path / "run" / "looks" / "part-00000.parquet"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    with pytest.raises(DamagedError):
        export(open_run(tmp_path / "run"), tmp_path / "pages")
    assert (tmp_path / "pages" / MARK).is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pages", "run"]


def test_a_run_without_looks_has_pages_for_its_tables(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    for stage in (tmp_path / "run").glob("looks*"):
        shutil.rmtree(stage)
    made = export(open_run(tmp_path / "run"), tmp_path / "pages")
    assert (made.images, made.neurons) == (0, 0)
    assert (made.folder / "data" / "tables" / "words.js").is_file()


def test_exporting_needs_no_torch(run: Run, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from molyneux.ground.run import open_run; "
        "from molyneux.explorer.export import export; "
        f"export(open_run(Path({str(run.folder)!r})), Path({str(tmp_path / 'pages')!r})); "
        "print(sorted({'torch', 'transformers'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_many_images_stay_quick(tmp_path: Path) -> None:
    """510 images: what the first page loads stays small, and pages of images do not grow."""
    run = looked.run_of_looks(tmp_path / "run", images=510)
    start = time.perf_counter()
    made = export(run, tmp_path / "pages")
    assert time.perf_counter() - start < 60
    first = ["index.html", *(name for name in page_files() if name.startswith("assets/")), "data/run.js"]
    index = [
        path.relative_to(made.folder).as_posix()
        for path in (made.folder / "data" / "images").glob("index-*.js")
    ]
    assert len(index) == 2
    assert sum((made.folder / name).stat().st_size for name in [*first, *index]) < 1_000_000
    one = {path.stat().st_size for path in (made.folder / "data" / "images").glob("????????????????.js")}
    assert max(one) < 40_000
