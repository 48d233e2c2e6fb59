"""The entries of COCO's annotation files, each looked at before anything relies on it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molyneux.data.masks import CocoObject, mask_problem
from molyneux.data.report import Findings

__all__ = ["Images", "Spoken", "captions_of", "images_of", "load", "objects_of"]

_LARGEST = 10**6  # pixels a side


@dataclass(frozen=True)
class Images:
    """The valid images of a split."""

    names: Mapping[int, str]
    """Id -> file name."""
    sizes: Mapping[int, tuple[int, int]]
    """Id -> height, width."""


@dataclass(frozen=True)
class Spoken:
    """What people drew and said about the images of a split."""

    objects: Mapping[int, tuple[CocoObject, ...]]
    """Image id -> objects, in the order of their annotation ids."""
    captions: Mapping[int, tuple[str, ...]]
    has_objects: bool
    has_captions: bool


def load(path: Path, findings: Findings) -> dict[str, Any] | None:
    """An annotation file, or None with a finding if its root is not COCO's."""
    try:
        content = json.loads(path.read_bytes())  # half a gigabyte at worst: every hook would cost minutes
    except (OSError, ValueError, RecursionError) as error:
        findings.add("not-json", f"{path}: {getattr(error, 'strerror', None) or error}")
        return None
    lists = (
        ("images", "annotations", "categories") if "instances_" in path.name else ("images", "annotations")
    )
    if not isinstance(content, dict):
        findings.add("not-coco", f"{path}: its root is no object")
        return None
    absent = [name for name in lists if not isinstance(content.get(name), list)]
    if absent:
        findings.add("not-coco", f"{path}: no list {', '.join(absent)}")
        return None
    return content


def images_of(files: Sequence[tuple[str, Mapping[str, Any]]], findings: Findings) -> Images:
    """The images that the files of a split list, each once; both files list the same ones as a rule."""
    names: dict[int, str] = {}
    sizes: dict[int, tuple[int, int]] = {}
    taken: set[str] = set()
    for file, content in files:
        seen: set[int] = set()
        for place, entry in enumerate(content["images"]):
            where = f"{file} images[{place}]"
            if not _is_image(entry):
                findings.add("image-entry", where)
                continue
            number, name, size = entry["id"], entry["file_name"], (entry["height"], entry["width"])
            if number in seen or (number in names and (names[number], sizes[number]) != (name, size)):
                findings.add("image-id-twice", f"{where} id {number}")
            elif not _inside(name):
                findings.add("outside", f"{where} {name!r}")
            elif number not in names and name in taken:
                findings.add("image-name-twice", f"{where} {name!r}")
            else:
                names[number], sizes[number] = name, size
                taken.add(name)
            seen.add(number)
    return Images(names, sizes)


def objects_of(
    content: Mapping[str, Any], images: Images, findings: Findings
) -> dict[int, tuple[CocoObject, ...]]:
    """Image id -> its valid objects, in the order of their annotation ids."""
    categories = _categories(content["categories"], findings)
    entries = _each_once(content["annotations"], _is_object, images, findings)
    found: dict[int, list[CocoObject]] = {}
    for number, entry in sorted(entries.items()):
        if entry["category_id"] not in categories:
            findings.add("unknown-category", f"annotation {number}: category {entry['category_id']}")
            continue
        image = entry["image_id"]
        size = images.sizes[image]
        if problem := mask_problem(entry["segmentation"], size):
            findings.add(problem[0], f"annotation {number}: {problem[1]}")
            continue
        category = categories[entry["category_id"]]
        found.setdefault(image, []).append(
            CocoObject(category, entry["segmentation"], size, bool(entry["iscrowd"]))
        )
    return {image: tuple(objects) for image, objects in found.items()}


def captions_of(content: Mapping[str, Any], images: Images, findings: Findings) -> dict[int, tuple[str, ...]]:
    """Image id -> what people wrote, in the order of the file."""
    entries = _each_once(content["annotations"], _is_caption, images, findings)
    found: dict[int, list[str]] = {}
    for entry in entries.values():
        found.setdefault(entry["image_id"], []).append(entry["caption"])
    return {image: tuple(captions) for image, captions in found.items()}


def _each_once(
    entries: Sequence[Any], valid: Any, images: Images, findings: Findings
) -> dict[int, Mapping[str, Any]]:
    """Annotation id -> annotation, of those whose keys, id and image are right."""
    found: dict[int, Mapping[str, Any]] = {}
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict) or not valid(entry):
            findings.add("annotation-entry", f"annotations[{place}]")
        elif entry["id"] in found:
            findings.add("annotation-id-twice", f"annotations[{place}] id {entry['id']}")
        elif entry["image_id"] not in images.names:
            findings.add("unknown-image", f"annotation {entry['id']}: image {entry['image_id']}")
        else:
            found[entry["id"]] = entry
    return found


def _categories(entries: Sequence[Any], findings: Findings) -> dict[int, str]:
    names: dict[int, str] = {}
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict) or not _numbers(entry, "id") or not isinstance(entry.get("name"), str):
            findings.add("category-entry", f"categories[{place}]")
        elif entry["id"] in names:
            findings.add("category-id-twice", f"categories[{place}] id {entry['id']}")
        else:
            names[entry["id"]] = entry["name"]
    return names


def _numbers(entry: Mapping[str, Any], *keys: str) -> bool:
    return all(type(entry.get(key)) is int and 0 <= entry[key] < 2**63 for key in keys)


def _is_image(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and _numbers(entry, "id", "height", "width")
        and isinstance(entry.get("file_name"), str)
        and bool(entry["file_name"])
        and all(0 < entry[side] <= _LARGEST for side in ("height", "width"))
    )


def _is_object(entry: Mapping[str, Any]) -> bool:
    return (
        _numbers(entry, "id", "image_id", "category_id", "iscrowd")
        and entry["iscrowd"] in (0, 1)
        and ("segmentation" in entry)
    )


def _is_caption(entry: Mapping[str, Any]) -> bool:
    return _numbers(entry, "id", "image_id") and isinstance(entry.get("caption"), str)


def _inside(name: str) -> bool:
    """Whether a name stays below its folder on every system: data must not choose which files are read."""
    parts = re.split(r"[/\\]", name)
    return not ({"", ".", ".."} & set(parts) or "\0" in name or re.match(r"[A-Za-z]:", name))
