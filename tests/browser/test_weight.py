"""What pages weigh: the first one no more for more images, and the benchmark that tells it still runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import looked
from molyneux.explorer.export import export

BENCH = Path(__file__).parents[2] / "bench"
MODULES = ("book", "image_shards", "neuron_shards", "run_shards")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``bench/explorer.py``, as a module."""
    monkeypatch.syspath_prepend(str(BENCH))
    import explorer

    return explorer


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists in parts of 10 rows where they have 500, so that 45 images are what 2,250 would be."""
    for name in MODULES:
        module = __import__(f"molyneux.explorer.{name}", fromlist=["PAGE"])
        if hasattr(module, "PAGE"):
            monkeypatch.setattr(module, "PAGE", 10)


@pytest.mark.usefixtures("short_parts")
def test_the_first_page_asks_for_the_same_however_many_images(
    chromium: Any, bench: Any, tmp_path: Path
) -> None:
    asked, late = {}, {}
    for images in (15, 45):
        run = looked.run_of_looks(tmp_path / f"run{images}", images=images)
        folder = export(run, tmp_path / f"pages{images}").folder
        assert len(list((folder / "data" / "images").glob("index-*.js"))) == -(-images // 10)
        found = bench.opened(chromium, folder, "index.html")
        assert 0 < found.seconds < 20
        soon, whole = (
            {path.relative_to(folder.resolve()).as_posix() for path in some if path.suffix != ".jpg"}
            for some in (found.soon, found.whole)
        )
        asked[images], late[images] = soon, whole - soon
        assert bench.size_of(found.soon) < 1_000_000
    assert {"data/run.js", "data/images/index-0.js"} < asked[15] == asked[45]
    assert late == {n: {f"data/images/index-{part}.js" for part in range(1, -(-n // 10))} for n in (15, 45)}
    parts = [tmp_path / f"pages{n}" / "data" / "images" / "index-0.js" for n in (15, 45)]
    assert len(parts[0].read_bytes()) == len(parts[1].read_bytes())


def test_no_page_weighs_much(chromium: Any, bench: Any, site: Path) -> None:
    """The second in which they can be used is measured by the benchmark, with nothing else running."""
    for place in bench.heaviest(site).values():
        found = bench.opened(chromium, site, place)
        assert 50_000 < bench.size_of(found.soon) <= bench.size_of(found.whole) < 1_000_000, place


def test_what_is_asked_for_is_counted_once_and_nowhere_else(bench: Any, tmp_path: Path) -> None:
    (tmp_path / "a b.js").write_bytes(b"12345")
    url = (tmp_path / "a b.js").as_uri()
    files = bench.files_of(tmp_path, [url, url, f"{url}#x", "data:image/png;base64,AA"])
    assert bench.size_of(files) == 5
    for elsewhere in ((tmp_path.parent / "x.js").as_uri(), "https://example.org/x.js"):
        with pytest.raises(AssertionError, match="something else"):
            bench.files_of(tmp_path, [elsewhere])


@pytest.mark.slow
def test_the_benchmark_tells_a_table_and_the_bars(chromium: Any, tmp_path: Path) -> None:
    looked.run_of_looks(tmp_path / "run", images=2)
    words = ["--run", "run", "--images", "3", "--rounds", "2", "--json", "told.json"]
    done = subprocess.run(
        [sys.executable, str(BENCH / "explorer.py"), *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "told.json").read_text())["rows"]
    assert [row["images"] for row in rows.values()] == [2, 3]
    for row in rows.values():
        assert list(row["pages"]) == ["first page", "an image", "a neuron", "all neurons", "the run"]
        assert all(len(page["seconds"]) == 2 for page in row["pages"].values())
    assert re.search(
        r"^\| \| a run: 2 images, 8 neurons \| made by hand: 3 images, 8 neurons \|$", done.stdout, re.M
    )
    assert done.stdout.count("(bar ") == 2
