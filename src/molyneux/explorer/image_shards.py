"""The shards of images: lists of them, and one each."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from PIL import Image

from molyneux.explorer.lookups import RANKINGS, Lookups, categories, name_of
from molyneux.explorer.shards import data_uri, key_of, mime_of, packed

__all__ = ["PAGE", "fires_of", "image_index", "image_shard", "thumbnail"]

PAGE = 500
"""Rows of a list that travel together."""
_THUMB = 224
_FIRES = 4


def image_index(looks: Lookups, page: int) -> dict[str, object]:
    """One page of the list of images."""
    rows = []
    for image in list(looks.keys)[page * PAGE : (page + 1) * PAGE]:
        row = looks.light[image]
        noun = next((word for word in row["words"] if word["noun"]), None)
        rows.append(
            {
                "key": looks.keys[image],
                "id": image,
                "name": image.rpartition("/")[2],
                "caption": row["caption"],
                "noun": None if noun is None else noun["text"],
                "p": None if noun is None else row["probabilities"][noun["first"]],
                "categories": categories(row),
            }
        )
    return {"rows": rows}


def thumbnail(picture: bytes) -> bytes:
    """A JPEG for lists."""
    mime_of(picture)
    image = Image.open(io.BytesIO(picture), formats=("PNG", "JPEG")).convert("RGB")
    image.thumbnail((_THUMB, _THUMB))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82, optimize=True)
    return out.getvalue()


def image_shard(looks: Lookups, image: str) -> dict[str, object]:
    """All that an image's page shows."""
    row = looks.images[image]
    order = list(looks.keys)
    place = order.index(image)
    around = (order[place - 1] if place else None, order[place + 1] if place + 1 < len(order) else None)
    selected = next((index for index, word in enumerate(row["words"]) if word["noun"]), None)
    return {
        "key": looks.keys[image],
        "id": image,
        "name": image.rpartition("/")[2],
        "previous": None if around[0] is None else looks.keys[around[0]],
        "next": None if around[1] is None else looks.keys[around[1]],
        "width": row["width"],
        "height": row["height"],
        "picture": data_uri(row["picture"]),
        "view": data_uri(row["view"]),
        "patches": row["patches"],
        "grid": grid_of(row["grid"]),
        "boxes": [box or None for box in row["boxes"]] or None,
        "caption": row["caption"],
        "tokens": [list(pair) for pair in zip(row["tokens"], row["probabilities"], strict=True)],
        "selected": selected,
        "references": row["references"],
        "words": [
            _word(word) | {"alone": looks.alone.get((image, index), [])}
            for index, word in enumerate(row["words"])
        ],
        "neurons": [_neuron(looks, one) for one in row["said"]],
        "maps": packed(row["maps"]),
        "objects": [
            {"category": one["category"], "crowd": one["crowd"], "runs": one["runs"]}
            for one in row["objects"]
        ],
    }


def grid_of(grid: dict[str, Any] | None) -> dict[str, object] | None:
    """A grid as pages read it."""
    return None if grid is None else {name: grid[name] for name in ("rows", "columns", "box")}


def _word(word: dict[str, Any]) -> dict[str, object]:
    told = {name: word[name] for name in ("text", "start", "end", "first", "last", "noun", "logit", "p")}
    rankings = {
        ranked["by"]: {
            "neurons": [[name_of(one["neuron"]), one["score"], one["patch"]] for one in ranked["neurons"]],
            "strip": _strip(ranked["edits"]),
        }
        for ranked in word["rankings"]
        if ranked["by"] in RANKINGS
    }
    return told | {"computed": bool(rankings), "rankings": rankings}


def _strip(edits: Sequence[dict[str, Any]]) -> dict[str, object] | None:
    """Edits by count and arm."""
    if not edits:
        return None
    counts = sorted({one["count"] for one in edits})
    made = []
    for count in counts:
        arms: dict[str, dict[str, Any]] = {}
        for one in edits:
            if one["count"] == count:
                arm = arms.setdefault(one["arm"], {"arm": one["arm"], "units": one["units"], "draws": []})
                arm["draws"].append([one["p"], one["caption"]])
        made.append({"n": count, "arms": list(arms.values())})
    return {"units": made}


def _neuron(looks: Lookups, said: dict[str, Any]) -> dict[str, object]:
    name = name_of(said["neuron"])
    return {
        "name": name,
        **said["neuron"],
        "tokens": [list(pair) for pair in zip(said["tokens"], said["logits"], strict=True)],
        "interpretable": said["interpretable"],
        "others": looks.images_of[name] - 1,
        "page": name in looks.neurons,
        "fires": fires_of(looks, name),
    }


def fires_of(looks: Lookups, name: str) -> dict[str, object] | None:
    """The images that a neuron fires on most and some at random: key, largest activation, whether it has a page.

    None where the neuron has no page.
    """
    if name not in looks.neurons:
        return None
    ids, values = looks.firing.ids, looks.activations[:, looks.listed[name]]

    def some(places: Sequence[int]) -> list[list[object]]:
        shown = [place for place in places if ids[place] in looks.maps]
        return [[key_of(ids[place]), float(values[place]), ids[place] in looks.keys] for place in shown]

    return {
        "seen": len(ids),
        "top": some(looks.strongest(name, _FIRES)),
        "random": some(looks.at_random(name, _FIRES)),
    }
