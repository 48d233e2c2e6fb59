"""A small folder in COCO's layout, written by tests, with everything that COCO has."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from molyneux.data.report import DataReport

HEIGHT, WIDTH = 12, 16
SQUARE = [[2.0, 2.0, 8.0, 2.0, 8.0, 8.0, 2.0, 8.0]]
RUNS = {"size": [HEIGHT, WIDTH], "counts": [20, 100, HEIGHT * WIDTH - 120]}


def packed(mask: np.ndarray) -> dict[str, Any]:
    told = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(told["size"]), "counts": told["counts"].decode()}


def contents() -> dict[str, dict[str, Any]]:
    """Four images, polygons, both kinds of run lengths, a crowd, captions."""
    images = [{"id": n, "file_name": f"{n:012d}.jpg", "height": HEIGHT, "width": WIDTH} for n in (7, 3, 5, 9)]
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[3:7, 2:11] = True
    objects = [
        {"id": 1, "image_id": 7, "category_id": 18, "segmentation": copy.deepcopy(SQUARE), "iscrowd": 0},
        {"id": 2, "image_id": 7, "category_id": 18, "segmentation": packed(mask), "iscrowd": 1},
        {"id": 3, "image_id": 3, "category_id": 17, "segmentation": copy.deepcopy(RUNS), "iscrowd": 0},
        {"id": 4, "image_id": 5, "category_id": 17, "segmentation": packed(mask), "iscrowd": 0},
    ]
    captions = [
        {"id": 10 * n + k, "image_id": n, "caption": f"image {n} {k}"} for n in (3, 5, 7) for k in (0, 1)
    ]
    categories = [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}]
    return {
        "instances": {"images": images, "annotations": objects, "categories": categories},
        "captions": {"images": copy.deepcopy(images), "annotations": captions},
    }


def write(folder: Path, told: dict[str, Any] | None = None, *, split: str = "val2017") -> Path:
    told = contents() if told is None else told
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    (folder / split).mkdir(exist_ok=True)
    for kind, content in told.items():
        (folder / "annotations" / f"{kind}_{split}.json").write_text(json.dumps(content))
    for number in (3, 5, 7, 9):
        Image.new("RGB", (WIDTH, HEIGHT), (number * 20, 0, 0)).save(folder / split / f"{number:012d}.jpg")
    return folder


def counts(report: DataReport, *severities: str) -> dict[str, int]:
    return {p.kind: p.count for p in report.problems if not severities or p.severity in severities}
