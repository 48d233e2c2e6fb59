"""Data sets: what is read, folders of any names (F33), fingerprints."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from coco_folder import HEIGHT, WIDTH, counts, write
from molyneux.data.coco import open_coco, read_coco
from molyneux.data.fingerprint import fingerprint
from molyneux.data.folders import open_classes, open_data, open_folder
from molyneux.data.gate import open_image
from molyneux.data.sources import DataSet
from molyneux.ground.errors import SettingError
from molyneux.ground.plain import from_json

# What is read.


def test_a_coco_folder_as_it_is_distributed(tmp_path: Path) -> None:
    data = open_coco(write(tmp_path))
    assert counts(data.report) == {"crowd": 1, "no-captions": 1, "no-objects": 1}
    assert [source.id for source in data.usable()] == [f"val2017/{n:012d}.jpg" for n in (3, 5, 7, 9)]
    seven = data.sources[2]
    assert (seven.name, seven.captions) == ("7", ("image 7 0", "image 7 1"))
    assert seven.objects is not None
    assert [(one.category, one.crowd) for one in seven.objects] == [("dog", False), ("dog", True)]
    assert open_image(seven.path).image.size == (WIDTH, HEIGHT)
    mask = seven.objects[1].mask()
    assert mask[3:7, 2:11].all()
    assert mask.sum() == 36
    assert data.sources[3].objects == ()


def test_every_mask_is_pycocotools_own(tmp_path: Path) -> None:
    for source in open_coco(write(tmp_path)).sources:
        for one in source.objects or ():
            encoded = one.segmentation
            if isinstance(encoded, list) or isinstance(encoded["counts"], list):
                encoded = coco_mask.frPyObjects(encoded, HEIGHT, WIDTH)
                encoded = coco_mask.merge(encoded) if isinstance(encoded, list) else encoded
            assert np.array_equal(one.mask(), coco_mask.decode(encoded).astype(bool))


def test_any_subset_and_several_splits(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, split="train2017")
    (tmp_path / "val2017" / f"{5:012d}.jpg").unlink()
    Image.new("RGB", (1, 1)).save(tmp_path / "val2017" / "extra.png")
    both = open_coco(tmp_path)
    assert len(both.usable()) == 7
    assert both.report.given == 8
    assert counts(both.report)["missing-file"] == counts(both.report)["unlisted-file"] == 1
    assert len(open_coco(tmp_path, splits=["train2017"]).sources) == 4
    (tmp_path / "annotations" / "instances_val2017.json").unlink()
    only = open_coco(tmp_path, splits=["val2017"])
    assert only.usable()[0].objects is None
    assert only.usable()[0].captions == ("image 3 0", "image 3 1")
    assert counts(only.report)["no-instances-file"] == 1


def test_read_coco_gives_what_is_listed(tmp_path: Path) -> None:
    images = read_coco(write(tmp_path))
    assert [image.id for image in images] == [3, 5, 7, 9]
    assert images[2].captions == ("image 7 0", "image 7 1")
    (tmp_path / "annotations" / "captions_val2017.json").unlink()
    with pytest.raises(SettingError, match="captions_val2017"):
        read_coco(tmp_path)


# Folders.


def classes(folder: Path) -> Path:
    for name in ("n01", "n02", "leer"):
        (folder / name).mkdir(parents=True)
    for name in ("n01/a.JPEG", "n01/b.png", "n02/c.jpg", "n02/.hidden.jpg", "n02/notes.txt", "top.txt"):
        (folder / name).write_bytes(b"x")
    (folder / "n01" / "deeper").mkdir()
    return folder


def test_a_folder_a_class(tmp_path: Path) -> None:
    data = open_classes(classes(tmp_path))
    assert [(source.id, source.label) for source in data.usable()] == [
        ("n01/a.JPEG", "n01"), ("n01/b.png", "n01"), ("n02/c.jpg", "n02")
    ]  # fmt: skip
    assert counts(data.report) == {"other-file": 2, "other-folder": 1, "empty-class": 1}
    assert [source.id for source in open_classes(tmp_path, classes=["n02"]).sources] == ["n02/c.jpg"]
    assert counts(open_classes(tmp_path, classes=["n02", "n77"]).report)["no-folder"] == 1


def test_the_kind_is_recognised(tmp_path: Path) -> None:
    assert open_data(write(tmp_path / "a")).kind == "coco"
    assert open_data(classes(tmp_path / "b")).kind == "classes"
    (tmp_path / "b" / "x.png").write_bytes(b"")
    assert open_data(tmp_path / "b").kind == "folder"
    assert open_data(tmp_path / "a" / "val2017").kind == "folder"
    with pytest.raises(SettingError, match="no-annotations"):
        open_data(tmp_path / "a" / "val2017", splits=["val2017"]).usable()


NAMES = [
    "a b.png",
    "neue\nzeile.png",
    "日本.png",
    "e\u0301.png",
    "\u00e9.png",
    "-rf.png",
    "con.png",
    "'\".png",
]
NAMES += ["n" * 240 + ".png", "\udcff\udcfe.png", "\u202egnp.png", "\x1b[31m.png", "$(x).png"]


def test_files_of_any_name(tmp_path: Path) -> None:
    for name in NAMES:
        Image.new("RGB", (2, 2)).save(tmp_path / "x.png")
        (tmp_path / "x.png").rename(tmp_path / name)
    data = open_folder(tmp_path)
    assert len(data.usable()) == len(NAMES)
    for source in data.sources:
        source.id.encode()
        assert open_image(source.path).image.size == (2, 2)
    assert len(fingerprint(data, data.sources)["images"]) == 64


def test_names_that_look_alike_once_printed_are_an_error(tmp_path: Path) -> None:
    for name in ("\udcff.png", "\\udcff.png"):
        (tmp_path / name).write_bytes(b"")
    assert counts(open_folder(tmp_path).report, "error") == {"id-twice": 1}


def test_a_report_is_inert(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31m\u202e\n.txt").write_bytes(b"")
    (problem, _) = open_folder(tmp_path).report.problems
    assert str(problem).isprintable()


# Fingerprints.


def test_data_are_the_same_wherever_they_lie_and_others_once_changed(tmp_path: Path) -> None:
    def told(folder: Path, chosen: slice = slice(None)) -> dict[str, str]:
        data = open_coco(folder)
        return fingerprint(data, data.sources[chosen])

    first = told(write(tmp_path / "a"))
    assert set(first) == {"images", "count", "instances_val2017.json", "captions_val2017.json"}
    assert told(write(tmp_path / "b")) == first
    assert told(tmp_path / "b", slice(2))["images"] != first["images"]
    path = tmp_path / "b" / "val2017" / f"{3:012d}.jpg"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\0")
    assert told(tmp_path / "b")["images"] != first["images"]
    path.write_bytes(content)
    assert told(tmp_path / "b") == first
    captions = tmp_path / "b" / "annotations" / "captions_val2017.json"
    captions.write_text(captions.read_text().replace("image 7 0", "image 7 9"))
    changed = told(tmp_path / "b")
    assert {key for key in first if first[key] != changed[key]} == {"captions_val2017.json"}


def older(folder: Path) -> None:
    """As if it had been written an hour ago."""
    then = time.time_ns() - 3600 * 10**9
    for path in folder.rglob("*.*"):
        os.utime(path, ns=(then, then))


def test_hashes_are_remembered_as_long_as_size_and_time_stay(tmp_path: Path, monkeypatch) -> None:
    write(tmp_path / "a")
    older(tmp_path / "a")
    data, cache = open_coco(tmp_path / "a"), tmp_path / "inputs.json"
    first = fingerprint(data, data.sources, cache=cache)
    assert len(from_json(cache.read_bytes())["files"]) == 6  # type: ignore[index, call-overload, arg-type]
    with monkeypatch.context() as patched:
        patched.setattr("hashlib.file_digest", lambda *words: pytest.fail("read again"))
        assert fingerprint(data, data.sources, cache=cache) == first
    path = data.sources[0].path
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\0")  # same size, another time
    assert fingerprint(data, data.sources, cache=cache)["images"] != first["images"]
    path.write_bytes(content)
    for damaged in (b"", b"[]", b'{"files": {"val2017/000000000003.jpg": [1, 2]}}', b'{"files": 3}'):
        cache.write_bytes(damaged)
        assert fingerprint(data, data.sources, cache=cache) == first


def test_a_file_changed_just_now_is_not_remembered(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"1")
    data, cache = open_folder(tmp_path / "a"), tmp_path / "inputs.json"
    first = fingerprint(data, data.sources, cache=cache)
    stamp = data.sources[0].path.stat().st_mtime_ns
    data.sources[0].path.write_bytes(b"2")
    os.utime(data.sources[0].path, ns=(stamp, stamp))
    assert fingerprint(data, data.sources, cache=cache) != first


def test_an_image_that_has_gone_makes_other_data(tmp_path: Path) -> None:
    data = open_coco(write(tmp_path))
    first = fingerprint(data, data.sources)
    data.sources[0].path.unlink()
    assert fingerprint(data, data.sources)["images"] != first["images"]
    assert isinstance(replace(data, files=()), DataSet)
