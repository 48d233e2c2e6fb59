"""COCO folders, against pycocotools."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from molyneux.data.coco import read_coco
from molyneux.ground.errors import SettingError
from molyneux.miniature.dataset import captions_of, write_coco


def test_a_written_miniature_reads_back_as_pycocotools_reads_it(tmp_path) -> None:
    folder = write_coco(tmp_path, [100_003, 100_001, 100_002], side=64)
    theirs = COCO(folder / "annotations" / "instances_val2017.json")
    images = read_coco(folder)
    assert [image.id for image in images] == [100_001, 100_002, 100_003]
    for image in images:
        assert image.path.exists()
        assert list(image.captions) == captions_of(image.id)
        annotations = theirs.loadAnns(theirs.getAnnIds(image.id))
        assert len(image.objects) == len(annotations) >= 1
        for found, annotation in zip(image.objects, annotations, strict=True):
            assert found.category == theirs.cats[annotation["category_id"]]["name"]
            assert np.array_equal(found.mask(), theirs.annToMask(annotation).astype(bool))


def test_polygons_and_compressed_runs_are_read_too(tmp_path) -> None:
    whole = np.zeros((20, 30), bool)
    whole[5:15, 8:21] = True
    packed = coco_mask.encode(np.asfortranarray(whole.astype(np.uint8)))
    packed["counts"] = packed["counts"].decode()
    polygon = [[2.0, 2.0, 12.0, 2.0, 12.0, 9.0, 2.0, 9.0]]
    common = {"image_id": 7, "category_id": 18, "area": 1.0, "bbox": [0, 0, 1, 1]}
    instances = {
        "images": [{"id": 7, "file_name": "seven.jpg", "height": 20, "width": 30}],
        "categories": [{"id": 18, "name": "dog"}],
        "annotations": [
            {"id": 2, "segmentation": polygon, "iscrowd": 0} | common,
            {"id": 1, "segmentation": packed, "iscrowd": 1} | common,
        ],
    }
    (tmp_path / "annotations").mkdir()
    for kind, content in (("instances", instances), ("captions", {"images": [], "annotations": []})):
        (tmp_path / "annotations" / f"{kind}_val2017.json").write_text(json.dumps(content))
    (image,) = read_coco(tmp_path)
    first, second = image.objects
    assert first.crowd
    assert np.array_equal(first.mask(), whole)
    assert not second.crowd
    assert np.array_equal(
        second.mask(), coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygon, 20, 30))).astype(bool)
    )


@pytest.mark.parametrize("content", ["", "[]", '{"images": []}', '{"images": {}, "annotations": []}', "{"])
def test_what_is_not_cocos_is_refused_by_name(tmp_path, content: str) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_val2017.json").write_text(content)
    with pytest.raises(SettingError, match="instances_val2017"):
        read_coco(tmp_path)
