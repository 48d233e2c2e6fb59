"""The stages of ``looks`` in a run, read a row at a time: pictures and maps of thousands of images stay on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32

from molyneux.explorer.look_columns import check_columns, check_settings
from molyneux.explorer.shards import key_of
from molyneux.ground.neuron import NeuronId
from molyneux.ground.results import read_table
from molyneux.ground.run import Run
from molyneux.ground.run_errors import RunError
from molyneux.ground.seeds import generator_of
from molyneux.ground.stage import read_description

__all__ = ["RANKINGS", "Lookups", "Rows"]

RANKINGS = ("sum", "max")
"""The orders of a word's neurons that pages know; others are not shown."""

_LIGHT = ("id", "outcome", "reason", "caption", "tokens", "probabilities", "words", "objects", "label")


class Rows:
    """A stage's table; a row becomes Python values when it is asked for."""

    def __init__(self, run: Run, name: str, *, partial: bool = False) -> None:
        """Args: partial: take what is there of a stage that is not finished; else there is nothing of it yet.

        Raises:
            RunError: its columns or settings are none that pages may show.
            DamagedError: a file of it is not what was written.
        """
        there = name in run.stages()
        self.table: pa.Table = pa.table({"id": []})
        with suppress(RunError):  # parts are missing
            found = read_table(run.folder / name, partial=partial) if there else self.table
            self.table = found if found.num_rows else self.table
        if self.table.num_rows:
            check_columns(name, self.table.schema)
        self.whole = there and read_description(run.folder / name)["given"] == self.table.num_rows
        self.settings: dict[str, Any] = {}
        if there:
            told = read_description(run.folder / name)["settings"]
            self.settings = told if isinstance(told, dict) else {}
            check_settings(name, self.settings)
        ids = self.table["id"].to_pylist()
        outcomes = self.table["outcome"].to_pylist() if len(ids) else []
        self._places = {item: n for n, item in enumerate(ids) if outcomes[n] == "ok"}

    def __contains__(self, item: str) -> bool:
        return item in self._places

    def __getitem__(self, item: str) -> dict[str, Any]:
        (row,) = self.table.slice(self._places[item], 1).to_pylist()
        return dict(row)

    @property
    def ids(self) -> list[str]:
        """Of the rows that are there, in order."""
        return list(self._places)


@dataclass(frozen=True)
class Lookups:
    """What all pages of a run ask for."""

    run: Run

    @cached_property
    def images(self) -> Rows:
        return Rows(self.run, "looks", partial=True)

    @cached_property
    def firing(self) -> Rows:
        return Rows(self.run, "looks-firing")

    @cached_property
    def maps(self) -> Rows:
        return Rows(self.run, "looks-maps")

    @cached_property
    def neurons(self) -> Rows:
        """None before all that their pages show is there."""
        behind = all(one.whole for one in (self.images, self.firing, self.maps))
        return Rows(self.run, "looks-neurons" if behind else "")

    @cached_property
    def keys(self) -> dict[str, str]:
        """Image with a page -> key."""
        return {item: key_of(item) for item in self.images.ids}

    @cached_property
    def light(self) -> dict[str, dict[str, Any]]:
        """Image with a page -> its row without pictures and maps."""
        if not self.keys:
            return {}
        rows = self.images.table.select(
            [n for n in _LIGHT if n in self.images.table.column_names]
        ).to_pylist()
        return {row["id"]: row for row in rows if row["outcome"] == "ok"}

    @cached_property
    def named(self) -> dict[str, list[dict[str, Any]]]:
        """Neuron -> the words that list it: image, word's index and text, ranking, rank, score; best first."""
        found: dict[str, list[dict[str, Any]]] = {}
        for image, row in self.light.items():
            for index, word in enumerate(row["words"]):
                for ranked in _shown(word):
                    for rank, one in enumerate(ranked["neurons"]):
                        told = {"image": image, "word": word["text"], "index": index, "by": ranked["by"]}
                        told |= {"rank": rank + 1, "score": one["score"]}
                        found.setdefault(name_of(one["neuron"]), []).append(told)
        return {
            name: sorted(some, key=lambda one: (one["rank"], -one["score"], one["image"]))
            for name, some in found.items()
        }

    @cached_property
    def alone(self) -> dict[tuple[str, int], list[list[Any]]]:
        """Image and word's index -> neurons switched off alone: name, p before, p after, p after each random one."""
        found = dict[tuple[str, int], dict[str, list[Any]]]()
        for image, row in self.light.items():
            for index, word in enumerate(row["words"]):
                for one in filter(None, (ranked.get("alone") for ranked in _shown(word))):
                    name = name_of(one["neuron"])
                    told = [name, one["base"], one["p"], one["random"]]
                    found.setdefault((image, index), {})[name] = told
        for name, effect in self._effects():
            if 0 in effect["scales"]:
                off = effect["scales"].index(0)
                told = [name, effect["p"], effect["own"][off], [draw[off] for draw in effect["random"]]]
                found.setdefault((effect["image"], effect["word"]), {}).setdefault(name, told)
        return {place: list(some.values()) for place, some in found.items()}

    def _effects(self) -> list[tuple[str, dict[str, Any]]]:
        """What neurons with a page were tried on."""
        table = self.neurons.table
        if "effects" not in table.column_names:
            return []
        rows = table.select(["id", "effects"]).to_pylist()
        return [(row["id"], effect) for row in rows for effect in row["effects"] or ()]

    @cached_property
    def images_of(self) -> Counter[str]:
        """Neuron -> images in whose lists it stands."""
        return Counter({name: len({one["image"] for one in some}) for name, some in self.named.items()})

    @cached_property
    def activations(self) -> Float32[np.ndarray, "image neuron"]:
        """The largest activation over patches, images in the order of ``firing.ids``, neurons of ``listed``."""
        if not self.firing.ids:
            return np.zeros((0, 0), dtype=np.float32)
        column = self.firing.table["activations"].to_pylist()
        return np.array([row for row in column if row is not None], dtype=np.float32)

    @cached_property
    def listed(self) -> dict[str, int]:
        """Neuron with a page -> its column in ``activations``."""
        return {name: place for place, name in enumerate(self.firing.settings.get("neurons", []))}

    def strongest(self, name: str, count: int) -> list[int]:
        """Places in ``firing.ids`` of the images that a neuron with a page fires on most."""
        ids, values = self.firing.ids, self.activations[:, self.listed[name]]
        return sorted(range(len(ids)), key=lambda place: (-float(values[place]), ids[place]))[:count]

    def at_random(self, name: str, count: int) -> list[int]:
        """Places of images at random: the same draw as in the experiment, which stored maps of the first of them."""
        ids = self.firing.ids
        rng = generator_of(self.run.manifest.identity.seed, name, purpose="looks random images")
        at = {image: place for place, image in enumerate(ids)}
        names = sorted(ids)
        return [at[names[place]] for place in rng.permutation(len(ids))[:count].tolist()]

    def categories_of(self, images: Sequence[str]) -> list[tuple[str, int]]:
        """Categories of annotated objects (or labels) of some images, most common first."""
        counted = Counter(
            category for image in images if image in self.light for category in categories(self.light[image])
        )
        return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))


def _shown(word: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [ranked for ranked in word["rankings"] if ranked["by"] in RANKINGS]


def categories(row: Mapping[str, Any]) -> list[str]:
    """The categories of an image: its objects', else its label."""
    found = sorted({one["category"] for one in row["objects"] or () if not one["crowd"]})
    return found or ([row["label"]] if row["label"] else [])


def name_of(neuron: Mapping[str, int]) -> str:
    """A neuron as rows hold it, by name."""
    return str(NeuronId(neuron["layer"], neuron["unit"]))
