"""A COCO 2017 validation folder as it is distributed, in small: odd sizes, EXIF, crowds, polygons, both run lengths.

Every image shows a bright rectangle on noise, and the annotations outline it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from coco_folder import packed

CATEGORIES = {1: "person", 18: "dog", 17: "cat", 6: "bus"}
SIZES = [(97, 131), (64, 48), (320, 100), (33, 200), (50, 50), (224, 224), (61, 75), (300, 225)]
"""Width and height; the numbers go round."""
COUNT = 12
TURNED, LISTED_ONLY, BROKEN, BARE, TWINS = 3, 7, 8, 9, 10
"""Numbers of the images with an EXIF orientation, without a file, cut short, without annotations, with two dogs."""


def size_of(number: int) -> tuple[int, int]:
    return SIZES[number % len(SIZES)]


def box_of(number: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the rectangle, upright."""
    width, height = size_of(number)
    return width // 5, height // 4, 3 * width // 5, 3 * height // 4


def mask_of(number: int) -> np.ndarray:
    width, height = size_of(number)
    left, top, right, bottom = box_of(number)
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    return mask


def _picture(number: int) -> Image.Image:
    width, height = size_of(number)
    pixels = np.random.default_rng(number).integers(0, 120, (height, width, 3), dtype=np.uint8)
    pixels[mask_of(number)] = (255, 40 * (number % 5), 0)
    return Image.fromarray(pixels)


def _segmentation(number: int) -> Any:
    """Polygons (one or two), run lengths, or compressed run lengths, in turn."""
    left, top, right, bottom = box_of(number)
    middle = (left + right) // 2
    if number % 4 == 0:
        return [[left, top, right, top, right, bottom, left, bottom]]
    if number % 4 == 1:
        return [
            [left, top, middle, top, middle, bottom, left, bottom],
            [middle, top, right, top, right, bottom, middle, bottom],
        ]
    mask = mask_of(number)
    if number % 4 == 2:
        return packed(mask)
    flat = mask.flatten(order="F").astype(int)
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges.tolist(), flat.size]).tolist()
    return {"size": list(mask.shape), "counts": runs if not flat[0] else [0, *runs]}


def _annotations() -> list[dict[str, Any]]:
    categories = sorted(CATEGORIES)
    objects = []
    for number in range(COUNT):
        if number == BARE:
            continue
        kind = 18 if number == TWINS else categories[number % 3]
        base = {"image_id": 100 + number, "category_id": kind, "bbox": [0, 0, 1, 1], "area": 1.0}
        objects.append(base | {"segmentation": _segmentation(number), "iscrowd": 0})
        if number == TWINS:
            objects.append(base | {"segmentation": _segmentation(0 if number % 4 else number), "iscrowd": 0})
            objects[-1]["segmentation"] = packed(~mask_of(number))
        if number % 5 == 0:
            crowd = {"segmentation": packed(~mask_of(number)), "iscrowd": 1, "category_id": 1}
            objects.append(base | crowd)
    return [one | {"id": 900 + place} for place, one in enumerate(objects)]


def write(folder: Path) -> Path:
    """The folder: 12 images listed, 11 files, one of them cut short."""
    (folder / "annotations").mkdir(parents=True)
    (folder / "val2017").mkdir()
    images = []
    for number in range(COUNT):
        width, height = size_of(number)
        name = f"{100 + number:012d}.jpg"
        images.append(
            {"id": 100 + number, "file_name": name, "width": width, "height": height, "license": 1}
            | {
                "coco_url": f"http://images.cocodataset.org/val2017/{name}",
                "date_captured": "2013-11-14 17:02:52",
            }
        )
        if number != LISTED_ONLY:
            _save(_picture(number), folder / "val2017" / name, turned=number == TURNED)
    broken = folder / "val2017" / f"{100 + BROKEN:012d}.jpg"
    broken.write_bytes(broken.read_bytes()[:-200])
    told = [
        {
            "id": 5 * n + k,
            "image_id": 100 + n,
            "caption": f"A {'dog' if n % 2 else 'cat'} on grass near a ball {k}.",
        }
        for n in range(COUNT)
        for k in range(5)
        if n != BARE
    ]
    head = {"info": {"year": 2017}, "licenses": [{"id": 1, "name": "free"}], "images": images}
    kinds = [{"id": id_, "name": name, "supercategory": "thing"} for id_, name in CATEGORIES.items()]
    instances = head | {"annotations": _annotations(), "categories": kinds}
    (folder / "annotations" / "instances_val2017.json").write_text(json.dumps(instances))
    (folder / "annotations" / "captions_val2017.json").write_text(json.dumps(head | {"annotations": told}))
    return folder


def _save(picture: Image.Image, path: Path, *, turned: bool) -> None:
    if not turned:
        picture.save(path, quality=95)
        return
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: so it is stored turned the other way
    picture.transpose(Image.Transpose.ROTATE_90).save(path, quality=95, exif=exif)


def write_classes(folder: Path) -> Path:
    """ImageNet's layout: train/ and val/ of three classes, JPEGs of odd sizes."""
    for split, each in (("train", 3), ("val", 2)):
        for place, name in enumerate(("n02123394", "n02084071", "n03792782")):
            (folder / split / name).mkdir(parents=True)
            for number in range(each):
                file = (
                    f"{name}_{number}.JPEG"
                    if split == "train"
                    else f"ILSVRC2012_val_{place}{number:07d}.JPEG"
                )
                _picture(20 + 5 * place + number + (split == "val")).save(folder / split / name / file)
    return folder
