"""The shards of an atlas: what every neuron of the model says, and from each token back to those that say it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from molyneux.explorer.lookups import Lookups
from molyneux.ground.files import kept
from molyneux.ground.neuron import NeuronId
from molyneux.ground.plain import from_json
from molyneux.ground.results import read_table
from molyneux.ground.run import Run, open_run
from molyneux.ground.run_errors import RunError

__all__ = ["AtlasShards"]

_MARK = "atlas.json"
_WORDS, _NEURONS = 128, 2048  # rows a shard: of a GPT-J some 400 kB each
_TOKENS = 10  # of each side of a neuron
_COMPARED = 20
_PART = re.compile(r"(words|neurons)-(0|[1-9][0-9]{0,6})")


class AtlasShards:
    """An atlas beside a run of the same model.

    Args:
        folder: as ``molyneux atlas build`` wrote it.

    Raises:
        RunError: it is no atlas, or one of another model than the run's.
    """

    def __init__(self, folder: Path, looks: Lookups) -> None:
        if not (folder / _MARK).is_file():
            fix = "molyneux atlas build MODEL FOLDER makes one."
            raise RunError("atlas", value=str(folder), expected="a folder that atlas build wrote", fix=fix)
        self.atlas: Run = open_run(folder)
        told = self.atlas.manifest.identity.settings
        self.layers, self.units = int(told["layers"]), int(told["units"])
        self._check(looks)

    def _check(self, looks: Lookups) -> None:
        """An atlas holds no hash of the whole model: what neurons of the run say tells."""
        settings = looks.run.manifest.identity.settings
        same = (settings.get("layers"), settings.get("units")) == (self.layers, self.units)
        for name in looks.neurons.ids[:_COMPARED] if same else []:
            row = self._row(NeuronId.parse(name))
            theirs = [self.texts[token] for token in row["boosted"][:5]] if row else None
            same &= theirs == [one["text"] for one in looks.neurons[name]["boosted"][:5]]
        if not same:
            raise RunError(
                "atlas",
                value=str(self.atlas.folder),
                expected="an atlas of the model that the run was made with",
            )

    @cached_property
    def _neurons(self) -> pa.Table:
        return read_table(self.atlas.folder / "neurons").combine_chunks()

    @cached_property
    def _words(self) -> pa.Table:
        return read_table(self.atlas.folder / "words").combine_chunks()

    @cached_property
    def texts(self) -> list[str | None]:
        """Every token's text; None of what is no token."""
        rows = read_table(self.atlas.folder / "tokens").to_pylist()
        return [row["text"] if row["real"] else None for row in rows]

    def _row(self, neuron: NeuronId) -> dict[str, Any] | None:
        (row,) = self._neurons.slice(neuron.layer * self.units + neuron.unit, 1).to_pylist()
        return row if row["outcome"] == "ok" else None

    def about(self) -> dict[str, object]:
        """What the run's shard says of it."""
        told = from_json(kept(self.atlas.tables / "summary.json"))
        assert isinstance(told, dict)
        return {
            "name": self.atlas.folder.resolve().name,
            "neurons": self.layers * self.units,
            "tokens": told["tokens"],
            "by_layer": [[row["neurons"], row["interpretable"]] for row in told["by_layer"]],
            "by_chance": told["by_chance"],
            "words_a_shard": _WORDS,
            "neurons_a_shard": _NEURONS,
        }

    def names(self) -> Iterator[str]:
        """All shards, below ``atlas/``."""
        yield "tokens"
        yield from (f"words-{n}" for n in range(math.ceil(len(self.texts) / _WORDS)))
        yield from (f"neurons-{n}" for n in range(math.ceil(self.layers * self.units / _NEURONS)))

    def shard(self, name: str) -> dict[str, object] | None:
        """One of them; None where there is none of that name."""
        if name == "tokens":
            return {"texts": self.texts}
        match = _PART.fullmatch(name)
        if match is None:
            return None
        table, size = (self._words, _WORDS) if match[1] == "words" else (self._neurons, _NEURONS)
        start = int(match[2]) * size
        if start >= table.num_rows:
            return None
        rows = table.slice(start, size).to_pylist()
        return {"rows": [_word(row) if match[1] == "words" else _neuron(row) for row in rows]}


def _word(row: dict[str, Any]) -> list[list[list[object]]]:
    """Boosted by and suppressed by: [number of the neuron, logit, interpretable as 0 or 1] each."""
    return [
        [
            [number, _short(logit), int(words)]
            for number, logit, words in zip(one["neurons"], one["logits"], one["interpretable"], strict=True)
        ]
        for one in (row["boosted"], row["suppressed"])
    ]


def _neuron(row: dict[str, Any]) -> list[object] | None:
    """Interpretable as 0 or 1, then [token, logit] of each side."""
    if row["outcome"] != "ok":
        return None
    sides = [
        [[token, _short(logit)] for token, logit in zip(row[side], row[f"{side}_logits"], strict=True)][
            :_TOKENS
        ]
        for side in ("boosted", "suppressed")
    ]
    return [int(row["interpretable"]), *sides]


def _short(value: float) -> float:
    """The same float32 in as few digits as tell it from all others: half the bytes, and no ties that are none."""
    return float(str(np.float32(value)))
