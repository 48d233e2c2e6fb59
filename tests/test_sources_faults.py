"""One report of everything wrong with a COCO folder (F20, F21), before any computing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from coco_folder import HEIGHT, WIDTH, contents, counts, packed, write
from molyneux.data.coco import open_coco, read_coco
from molyneux.data.folders import open_classes, open_data, open_folder
from molyneux.data.masks import CocoObject, mask_problem, run_lengths_of
from molyneux.data.report import PROBLEMS
from molyneux.ground.errors import SettingError
from molyneux.ground.plain import from_json, to_json

# F20, F21: each fault by itself, all of them together.


def put(kind: str, *path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(told: dict[str, Any]) -> None:
        place = told[kind]
        for step in path[:-1]:
            place = place[step]
        if value is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = value

    return change


def more(kind: str, name: str, number: int, **changes: Any) -> Callable[[dict[str, Any]], None]:
    """Entry ``number`` of a list once more, with changes."""
    return lambda told: told[kind][name].append(told[kind][name][number] | changes)


A = ("instances", "annotations")
FAULTS: dict[str, list[tuple[str, Callable[[dict[str, Any]], None]]]] = {
    "keys": [
        ("image-entry", put("instances", "images", 0, "file_name", value=...)),
        ("image-entry", put("instances", "images", 0, "height", value=0)),
        ("image-entry", put("instances", "images", 0, "id", value="7")),
        ("image-entry", put("instances", "images", 0, "id", value=True)),
        ("image-entry", put("instances", "images", 0, value=None)),
        ("category-entry", put("instances", "categories", 0, "name", value=...)),
        ("annotation-entry", put(*A, 0, "image_id", value=...)),
        ("annotation-entry", put(*A, 0, "segmentation", value=...)),
        ("annotation-entry", put(*A, 0, "iscrowd", value=2)),
        ("annotation-entry", put(*A, 0, "id", value=-1)),
        ("annotation-entry", put(*A, 0, value=[])),
        ("annotation-entry", put("captions", "annotations", 0, "caption", value=5)),
    ],
    "ids": [
        ("image-id-twice", more("instances", "images", 0, file_name="other.jpg")),
        ("image-id-twice", put("captions", "images", 0, "height", value=99)),
        ("image-name-twice", more("instances", "images", 0, id=99)),
        ("category-id-twice", more("instances", "categories", 0)),
        ("annotation-id-twice", more(*A, 0)),
        ("annotation-id-twice", more("captions", "annotations", 0)),
        ("unknown-image", put(*A, 0, "image_id", value=1000)),
        ("unknown-image", put("captions", "annotations", 0, "image_id", value=1000)),
        ("unknown-category", put(*A, 0, "category_id", value=1000)),
    ],
    "names": [
        ("outside", more("instances", "images", 0, id=99, file_name=name))
        for name in (
            "../secret.jpg",
            "/etc/passwd",
            "a/../../b.jpg",
            "..\\b.jpg",
            "C:\\b.jpg",
            "a\0.jpg",
            "./b",
        )
    ],
    "masks": [
        ("mask-size", put(*A, 2, "segmentation", "size", value=[WIDTH, HEIGHT])),
        ("mask-size", put(*A, 2, "segmentation", "size", value=...)),
        ("mask-counts", put(*A, 2, "segmentation", "counts", value=[20, 100])),
        ("mask-counts", put(*A, 2, "segmentation", "counts", value=[20, 100, 73])),
        ("mask-counts", put(*A, 2, "segmentation", "counts", value=[-1, 121, 72])),
        ("mask-counts", put(*A, 2, "segmentation", "counts", value=[20.0, 100, 72])),
        ("mask-counts", put(*A, 2, "segmentation", "counts", value=None)),
        ("mask-counts", put(*A, 3, "segmentation", "counts", value="04")),
        ("mask-counts", put(*A, 3, "segmentation", "counts", value="\u00e9")),
        ("mask-counts", put(*A, 3, "segmentation", "counts", value="o" * 99)),
        ("polygon", put(*A, 0, "segmentation", value=[])),
        ("polygon", put(*A, 0, "segmentation", value=None)),
        ("polygon", put(*A, 0, "segmentation", value=[[1, 2, 3, 4]])),
        ("polygon", put(*A, 0, "segmentation", value=[[1, 2, 3, 4, 5, 6, 7]])),
        ("polygon", put(*A, 0, "segmentation", value=[[1, 2, 3, 4, 5, float("nan")]])),
        ("polygon", put(*A, 0, "segmentation", value=[[1, 2, 3, 4, 5, "6"]])),
        ("polygon", put(*A, 0, "segmentation", value=[[1, 2, 3, 4, 5, 60]])),
        ("polygon", put(*A, 0, "segmentation", value=[[-9, 2, 3, 4, 5, 6]])),
    ],
}


def spread(cases: list[tuple[str, Any]]) -> list[Any]:
    return [pytest.param(*case, id=f"{case[0]}-{number}") for number, case in enumerate(cases)]


@pytest.mark.parametrize(("kind", "change"), spread([case for cases in FAULTS.values() for case in cases]))
def test_each_fault_is_found_left_out_and_refused(tmp_path: Path, kind: str, change) -> None:
    told = contents()
    change(told)
    data = open_coco(write(tmp_path, told))
    assert counts(data.report, "error", "fatal").get(kind) == 1
    taken_along = {"unknown-image", "unknown-category"}  # of an image or category that is left out
    assert set(counts(data.report, "error", "fatal")) <= {kind, *taken_along}
    with pytest.raises(SettingError, match=kind):
        data.usable()
    rest = data.usable(lenient=True)
    assert len(rest) >= 3
    assert all((tmp_path / "val2017") in source.path.parents for source in rest)
    for source in rest:
        for one in source.objects or ():
            assert one.mask().shape == (HEIGHT, WIDTH)
    with pytest.raises(SettingError, match=kind):
        read_coco(tmp_path)


def test_one_report_names_all_problems(tmp_path: Path) -> None:
    told = contents()
    more(*A, 0)(told)
    put(*A, 1, "image_id", value=1000)(told)
    put(*A, 2, "segmentation", "size", value=[1, 1])(told)
    told["instances"]["annotations"] += [{"id": 100 + n} for n in range(20)]
    report = open_coco(write(tmp_path, told)).report
    wrong = {"annotation-id-twice": 1, "unknown-image": 1, "mask-size": 1, "annotation-entry": 20}
    assert counts(report, "error") == wrong
    with pytest.raises(SettingError) as caught:
        report.require()
    for kind, count in wrong.items():
        assert f"{count} x {kind}" in str(caught.value)
    (many,) = [problem for problem in report.problems if problem.count == 20]
    assert len(many.examples) == 5
    assert from_json(to_json(report))["usable"] == 4  # type: ignore[index, call-overload]


LISTS = '{"images": {}, "annotations": [], "categories": []}'
ROOTS = ["", "{", "[]", "null", '{"images": []}', LISTS, "[" * 100_000]


@pytest.mark.parametrize("content", ROOTS, ids=lambda text: text[:12])
@pytest.mark.parametrize("kind", ["instances", "captions"])
def test_a_file_that_is_not_cocos_stops_all(tmp_path: Path, content: str, kind: str) -> None:
    write(tmp_path)
    (tmp_path / "annotations" / f"{kind}_val2017.json").write_text(content)
    data = open_coco(tmp_path)
    assert data.report.of("fatal")
    with pytest.raises(SettingError, match=f"{kind}_val2017"):
        data.usable(lenient=True)


def test_nothing_there_is_fatal(tmp_path: Path) -> None:
    for data in (
        open_coco(tmp_path),
        open_folder(tmp_path / "no"),
        open_classes(tmp_path),
        open_data(tmp_path),
    ):
        assert data.sources == ()
        with pytest.raises(SettingError):
            data.usable(lenient=True)


HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(st.data())
def test_whatever_stands_in_a_file_gives_a_report(tmp_path: Path, data) -> None:
    """Any value in any place: no exception, every mask that is let through is of the image's size."""
    told = contents()
    for _ in range(data.draw(st.integers(1, 3))):
        place = told[data.draw(st.sampled_from(["instances", "captions"]))]
        while True:
            keys = list(place) if isinstance(place, dict) else range(len(place))
            key = data.draw(st.sampled_from(list(keys)))
            if isinstance(place[key], dict | list) and place[key] and data.draw(st.integers(0, 5)):
                place = place[key]
            else:
                place[key] = data.draw(HOSTILE)
                break
    found = open_coco(write_json_only(tmp_path, told))
    assert {problem.kind for problem in found.report.problems} <= PROBLEMS.keys()
    for source in found.sources:
        for one in source.objects or ():
            assert one.mask().shape == one.size


def write_json_only(folder: Path, told: dict[str, Any]) -> Path:
    if not (folder / "val2017").exists():
        write(folder)
    for kind, content in told.items():
        (folder / "annotations" / f"{kind}_val2017.json").write_text(json.dumps(content))
    return folder


@given(st.integers(1, 9), st.integers(1, 9), st.randoms(use_true_random=False))
def test_run_lengths_are_read_as_pycocotools_reads_them(height: int, width: int, chance) -> None:
    mask = np.array([[chance.random() < 0.4 for _ in range(width)] for _ in range(height)])
    told = packed(mask)
    assert mask_problem(told, (height, width)) is None
    one = CocoObject("x", told, (height, width), False)
    assert np.array_equal(one.mask(), mask)
    unpacked = {"size": told["size"], "counts": run_lengths_of(told["counts"])}
    assert coco_mask.frPyObjects(unpacked, height, width)["counts"].decode() == told["counts"]


def test_long_run_lengths_too() -> None:
    mask = np.zeros((4000, 3000), bool)
    mask[1000:3999, 7:2000] = True
    assert np.array_equal(CocoObject("x", packed(mask), mask.shape, False).mask(), mask)
