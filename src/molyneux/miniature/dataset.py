"""The miniature's images as a folder in COCO's layout: pictures, masks and captions, from seeds alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from molyneux.ground.errors import SettingError
from molyneux.miniature.captions import describe
from molyneux.miniature.scene import CATEGORIES, Scene
from molyneux.miniature.world import Rendering, render, sample_scene

__all__ = [
    "DEVELOPMENT",
    "HELD_OUT",
    "TRAINING",
    "captions_of",
    "read_captions",
    "run_lengths",
    "scene_of",
    "write_coco",
]

#: Seeds of images that nothing is trained or tuned on.
HELD_OUT = range(0, 100_000)
#: Seeds of images to look at while tuning recipes.
DEVELOPMENT = range(100_000, 200_000)
#: Seeds of images to train on.
TRAINING = range(1_000_000, 2**31)

#: JPEG quality of the pictures; about 12 kB each at 256 pixels.
QUALITY = 88

_INFO = {
    "description": "A synthetic miniature in COCO's layout: scenes drawn by molyneux, no photographs",
    "url": "",
    "version": "1",
    "year": 2026,
    "contributor": "molyneux",
    "date_created": "",
}
_LICENSES = [{"id": 1, "name": "MIT License", "url": "https://opensource.org/license/mit"}]


def scene_of(seed: int) -> Scene:
    """The scene of a seed; the same for ever."""
    return sample_scene(np.random.default_rng(seed))


def captions_of(seed: int) -> list[str]:
    """The five captions of a seed's scene, each continuing "a picture of"."""
    return describe(scene_of(seed), np.random.default_rng([seed, 1]))


def run_lengths(mask: Bool[np.ndarray, "height width"]) -> dict[str, Any]:
    """A mask as COCO's uncompressed run-length encoding.

    Lengths of runs of 0 and 1 in turn, down the columns from left to right; the first is of 0, if 0 long.
    """
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate([[0], changes, [flat.size]])
    counts = np.diff(edges).tolist()
    return {"counts": [0, *counts] if flat[0] else counts, "size": list(mask.shape)}


def write_coco(out: Path, seeds: Sequence[int], *, side: int = 256) -> Path:
    """Write a data set in COCO's layout and formats, and return its folder.

    ``annotations/instances_val2017.json``, ``annotations/captions_val2017.json``, ``val2017/%012d.jpg``. An
    image's id is its seed. Segmentations are uncompressed run lengths (``iscrowd`` 0), exact to the pixel, of
    what is visible; an object that is wholly hidden has no annotation.

    Args:
        out: folder; made where it is not there.
        seeds: of the scenes, each once; see HELD_OUT, DEVELOPMENT and TRAINING.
        side: of the pictures, in pixels.

    Raises:
        SettingError: a seed twice, negative, or none at all.
    """
    if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise SettingError(
            "seeds",
            value=f"{len(seeds)} of them, {len(set(seeds))} different",
            expected="one or more different numbers from 0",
        )
    pictures = out / "val2017"
    pictures.mkdir(parents=True, exist_ok=True)
    images, objects, captions = [], [], []
    for seed in seeds:
        scene = scene_of(seed)
        rendering = render(scene, side=side)
        name = f"{seed:012d}.jpg"
        rendering.image.save(pictures / name, "JPEG", quality=QUALITY, optimize=True)
        images.append({"id": seed, "file_name": name, "height": side, "width": side, "license": 1})
        objects += _objects(seed, scene, rendering)
        captions += [{"image_id": seed, "caption": text} for text in captions_of(seed)]
    categories = [{"supercategory": "thing", "id": id_, "name": name} for name, id_ in CATEGORIES.items()]
    head = {"info": _INFO, "licenses": _LICENSES, "images": images}
    _write(out, "instances", head | {"annotations": _numbered(objects), "categories": categories})
    _write(out, "captions", head | {"annotations": _numbered(captions)})
    return out


def _objects(seed: int, scene: Scene, rendering: Rendering) -> list[dict[str, Any]]:
    """An annotation for each visible thing; boxes are [left, top, width, height] in pixels."""
    found = []
    for thing, mask in zip(scene.things, rendering.masks, strict=True):
        if not mask.any():
            continue
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        left, top = float(columns[0]), float(rows[0])
        box = [left, top, float(columns[-1]) + 1 - left, float(rows[-1]) + 1 - top]
        found.append(
            {
                "image_id": seed,
                "category_id": CATEGORIES[thing.category],
                "segmentation": run_lengths(mask),
                "area": float(mask.sum()),
                "bbox": box,
                "iscrowd": 0,
            }
        )
    return found


def _numbered(annotations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ids from 1: COCO's own evaluation takes an annotation id of 0 for none."""
    return [{"id": number} | annotation for number, annotation in enumerate(annotations, start=1)]


def _write(out: Path, kind: str, content: dict[str, Any]) -> None:
    path = out / "annotations" / f"{kind}_val2017.json"
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    part.replace(path)


def read_captions(folder: Path) -> dict[Path, list[str]]:
    """The pictures of a folder that ``write_coco`` wrote, each with its captions, by their ids."""
    content = json.loads((folder / "annotations" / "captions_val2017.json").read_text(encoding="utf-8"))
    paths = {image["id"]: folder / "val2017" / image["file_name"] for image in content["images"]}
    found: dict[Path, list[str]] = {paths[key]: [] for key in sorted(paths)}
    for annotation in content["annotations"]:
        found[paths[annotation["image_id"]]].append(annotation["caption"])
    return found
