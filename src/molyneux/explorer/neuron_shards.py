"""The shards of neurons: lists of them, and one each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from molyneux.explorer.image_shards import PAGE, grid_of
from molyneux.explorer.lookups import Lookups, name_of
from molyneux.explorer.shards import key_of, packed
from molyneux.ground.neuron import NeuronId

__all__ = ["neuron_index", "neuron_row", "neuron_shard"]

_FEW = 5
_WORDS = 50  # of a neuron, that a search finds it by
_NAMED = 60


def neuron_index(looks: Lookups, page: int) -> dict[str, object]:
    """One page of the list of neurons, as ``looks`` chose them: those that most first nouns list come first."""
    return {"rows": [neuron_row(looks, name) for name in looks.neurons.ids[page * PAGE : (page + 1) * PAGE]]}


def neuron_row(looks: Lookups, name: str) -> dict[str, Any]:
    """A neuron as lists show it."""
    row, named = looks.neurons[name], looks.named.get(name, [])
    words = Counter(dict.fromkeys({(one["image"], one["word"].lower()) for one in named}, 1))
    counted = Counter(word for _, word in words)
    neuron = NeuronId.parse(name)
    return {
        "name": name,
        "layer": neuron.layer,
        "unit": neuron.unit,
        "interpretable": row["interpretable"],
        "boosted": [one["text"] for one in row["boosted"][:_FEW]],
        "suppressed": [one["text"] for one in row["suppressed"][:_FEW]],
        "images": looks.images_of[name],
        "words": sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:_WORDS],
        "categories": looks.categories_of(sorted({one["image"] for one in named})),
        "best": max((one["score"] for one in named if one["by"] == "sum"), default=None),
    }


def neuron_shard(looks: Lookups, name: str) -> dict[str, object]:
    """All that a neuron's page shows."""
    row, named = looks.neurons[name], looks.named.get(name, [])
    neuron = NeuronId.parse(name)
    layer = [one for one in looks.neurons.ids if NeuronId.parse(one).layer == neuron.layer]
    by_images = sorted(layer, key=lambda one: (-looks.images_of[one], one))
    values = looks.activations[:, looks.listed[name]]
    return {
        "name": name,
        "layer": neuron.layer,
        "unit": neuron.unit,
        "interpretable": row["interpretable"],
        "boosted": [[one["text"], one["logit"], one["p"]] for one in row["boosted"]],
        "suppressed": [[one["text"], one["logit"], one["p"]] for one in row["suppressed"]],
        "norm": row["norm"],
        "norm_rank": row["norm_rank"],
        "layer_units": looks.run.manifest.identity.settings.get("units"),
        "named_rank": by_images.index(name) + 1,
        "layer_named": len(layer),
        "images": looks.images_of[name],
        "looked": len(looks.keys),
        "handed_in": None,
        "nearest": [_near(looks, one) for one in row["nearest"]],
        "images_seen": len(values),
        "activations": packed(values.astype("<f4").tobytes()),
        **_shown(looks, name, values),
        "named": [_place(looks, one) for one in named[:_NAMED]],
        "named_places": len(named),
        "effects": [_effect(looks, one) for one in row["effects"]],
    }


def _place(looks: Lookups, place: dict[str, Any]) -> dict[str, object]:
    """A word in whose list the neuron stands."""
    image = looks.light[place["image"]]
    told = {"key": looks.keys[place["image"]], "id": place["image"], "caption": image["caption"]}
    told |= {key: place[key] for key in ("word", "index", "by", "rank", "score")}
    return told | {"first": image["words"][place["index"]]["first"]}


def _near(looks: Lookups, near: dict[str, Any]) -> dict[str, object]:
    name = name_of(near["neuron"])
    return {
        "name": name,
        "cosine": near["cosine"],
        "tokens": near["tokens"],
        "page": name in looks.neurons,
    }


def _shown(looks: Lookups, name: str, values: np.ndarray) -> dict[str, list[dict[str, object]]]:
    """The images that it fires on most, and as many at random, in the order in which ``looks`` chose them."""
    count = looks.firing.settings["fired"]
    places = {"top": looks.strongest(name, count), "random": looks.at_random(name, count)}
    return {kind: _tiles(looks, name, values, some) for kind, some in places.items()}


def _tiles(looks: Lookups, name: str, values: np.ndarray, places: Sequence[int]) -> list[dict[str, object]]:
    found = []
    for place in places:
        image = looks.firing.ids[place]
        if image not in looks.maps:
            continue
        row = looks.maps[image]
        index = [name_of(one) for one in row["neurons"]].index(name)
        size = 4 * row["patches"]
        found.append(
            {
                "key": key_of(image),
                "id": image,
                "page": image in looks.keys,
                "name": image.rpartition("/")[2],
                "caption": row["caption"],
                "activation": float(values[place]),
                "patch": looks.firing[image]["patches"][looks.listed[name]],
                "map": packed(row["maps"][index * size : (index + 1) * size]),
                "grid": grid_of(row["grid"]),
                "width": row["width"],
                "height": row["height"],
            }
        )
    return found


def _effect(looks: Lookups, effect: dict[str, Any]) -> dict[str, object]:
    told = {name: effect[name] for name in ("word", "text", "p", "scales", "own", "random")}
    image = looks.light[effect["image"]]
    first = image["words"][effect["word"]]["first"]
    return (
        {"key": looks.keys[effect["image"]], "id": effect["image"], "caption": image["caption"]}
        | {"first": first}
        | told
    )
