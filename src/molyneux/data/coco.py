"""Folders in COCO's layout: images, captions, and the masks of their objects."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from molyneux.ground.errors import AssetError, SettingError

__all__ = ["CocoImage", "CocoObject", "read_coco"]


@dataclass(frozen=True)
class CocoObject:
    """One annotated object."""

    category: str
    segmentation: Any
    """As in the file: run lengths, compressed or not, or polygons."""
    size: tuple[int, int]
    """height, width of its image."""
    crowd: bool

    def mask(self) -> Bool[np.ndarray, "height width"]:
        """The object's pixels.

        Raises:
            AssetError: polygons or compressed run lengths, and pycocotools is not installed.
        """
        encoded = self.segmentation
        if isinstance(encoded, dict) and isinstance(encoded["counts"], list):
            runs = np.asarray(encoded["counts"])
            flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
            return flat.reshape(self.size, order="F")
        try:
            from pycocotools import mask as coco
        except ImportError as error:
            raise AssetError(
                "mask", expected="pycocotools, for polygons", fix="pip install 'molyneux[coco]'"
            ) from error
        if isinstance(encoded, list):
            encoded = coco.merge(coco.frPyObjects(encoded, *self.size))
        return np.asarray(coco.decode(encoded), dtype=bool)


@dataclass(frozen=True)
class CocoImage:
    """One image with what people said and drew about it."""

    id: int
    path: Path
    captions: tuple[str, ...]
    objects: tuple[CocoObject, ...]
    """In the order of their annotation ids."""


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise SettingError(
            "COCO file", value=str(path), expected="JSON as COCO distributes it", fix=str(error)
        ) from error
    for key in ("images", "annotations"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise SettingError("COCO file", value=str(path), expected=f"an object with a list {key!r}")
    return dict(content)


def read_coco(folder: Path, *, split: str = "val2017") -> list[CocoImage]:
    """Every image of a COCO folder, ordered by id.

    Reads ``annotations/instances_<split>.json``, ``annotations/captions_<split>.json`` and the paths in
    ``<split>/``; opens no image.

    Raises:
        SettingError: an annotation file is missing or is not COCO's.
    """
    instances = _load(folder / "annotations" / f"instances_{split}.json")
    spoken = _load(folder / "annotations" / f"captions_{split}.json")
    names = {category["id"]: category["name"] for category in instances.get("categories", [])}
    captions: dict[int, list[str]] = {}
    for line in spoken["annotations"]:
        captions.setdefault(line["image_id"], []).append(line["caption"])
    sizes = {image["id"]: (image["height"], image["width"]) for image in instances["images"]}
    objects: dict[int, list[CocoObject]] = {}
    for one in sorted(instances["annotations"], key=lambda annotation: annotation["id"]):
        found = CocoObject(
            names[one["category_id"]], one["segmentation"], sizes[one["image_id"]], bool(one["iscrowd"])
        )
        objects.setdefault(one["image_id"], []).append(found)
    return [
        CocoImage(
            id=image["id"],
            path=folder / split / image["file_name"],
            captions=tuple(captions.get(image["id"], ())),
            objects=tuple(objects.get(image["id"], ())),
        )
        for image in sorted(instances["images"], key=lambda image: image["id"])
    ]
