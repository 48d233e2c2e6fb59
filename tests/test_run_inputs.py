"""What happens to a run whose items cannot be used: everything ends as a row or as skipped with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from molyneux.data.gate import open_image
from molyneux.ground.errors import ImageError, SettingError
from molyneux.ground.parts import part_name
from molyneux.ground.rows import Skipped
from molyneux.ground.run import open_run, writing
from molyneux.ground.work import each, work
from runs import Found, Thing, found, identity, parts, things

# F35: data that cannot be read; everything ends as ok or skipped with a reason.


def test_an_image_that_vanishes_is_skipped_with_its_reason_and_nothing_is_modified(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    from PIL import Image

    for number in range(4):
        Image.new("RGB", (4, 4)).save(pictures / f"{number}.png")
    (pictures / "1.png").write_bytes(b"no image")
    for path in [*pictures.iterdir(), pictures]:
        path.chmod(0o555)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in pictures.iterdir()}

    def look(thing: Thing) -> Found:
        if thing.id == "3":  # while the work goes on
            pictures.chmod(0o755)
            (pictures / "3.png").unlink(missing_ok=True)
        picture = open_image(pictures / f"{thing.id}.png")
        return Found(str(picture.image.size), (), ())

    with writing(tmp_path / "run", identity()) as run:
        done = work(run.stage("found", [Thing(str(n)) for n in range(4)], row=Found), each(look))
    assert (done.given, done.used, done.skipped) == (4, 2, {"missing": 1, "not-an-image": 1})
    results = open_run(tmp_path / "run").results("found", Found)
    assert "3.png" in results.skipped["3"].detail
    del before["3.png"]
    assert before == {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in pictures.iterdir()}


def test_errors_that_are_no_images_fault_end_the_work(tmp_path: Path) -> None:
    def wrong(thing: Thing) -> Found | Skipped:
        if thing.id == "image 3":
            raise SettingError("prompt", expected="another")
        if thing.id == "image 1":
            raise ImageError("image", reason="empty", expected="bytes")
        return found(thing)

    with pytest.raises(SettingError), writing(tmp_path / "run", identity()) as run:
        work(run.stage("found", things(6), row=Found, part_size=2), each(wrong))
    assert list(parts(tmp_path / "run")) == [part_name(0)]
    results = open_run(tmp_path / "run").results("found", Found, partial=True)
    assert (results.used, results.missing, results.tally.skipped) == (1, 4, {"empty": 1})
