"""Looking into an atlas: a neuron's lists, a word's neurons. Loads no torch and no model."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from molyneux.experiments.atlas_place import found_at
from molyneux.experiments.atlas_rows import NEURONS, SUMMARY, TOKENS, WORDS, AtlasSettings, NeuronRow
from molyneux.experiments.atlas_told import atlas_told, entry_told
from molyneux.ground.errors import NeuronNameError
from molyneux.ground.files import kept
from molyneux.ground.manifest import Manifest, read_manifest
from molyneux.ground.neuron import NeuronId
from molyneux.ground.notebook import Shown, Told
from molyneux.ground.parts import part_name, read_part
from molyneux.ground.plain import Json, from_json
from molyneux.ground.printable import inert, shown_token
from molyneux.ground.results import read_table
from molyneux.ground.rows import Skipped, from_table
from molyneux.ground.stage import read_description

__all__ = ["Atlas", "Entry", "Token", "open_atlas"]

_PARTS = 16  # kept in memory


@dataclass(frozen=True)
class Token:
    """A token in a neuron's list."""

    id: int
    text: str
    logit: float


@dataclass(frozen=True, repr=False)
class Entry(Shown):
    """A neuron as the atlas has it."""

    neuron: NeuronId
    interpretable: bool
    log_total: float
    boosted: tuple[Token, ...]
    suppressed: tuple[Token, ...]

    def _told(self) -> Told:
        return entry_told(self)

    def __repr__(self) -> str:
        said = ", ".join(shown_token(token.text, space=False) for token in self.boosted[:3])
        return f"Entry({self.neuron}: {said}, ...)"


@dataclass(frozen=True, repr=False)
class Atlas(Shown):
    """An atlas that is open to look into; every file that is read is held against its hash."""

    folder: Path
    manifest: Manifest
    summary: Mapping[str, Any]
    """The model's name, real tokens, skipped neurons by reason, and counts ``by_layer``."""
    _read: OrderedDict[tuple[str, int], pa.Table] = field(
        default_factory=OrderedDict, repr=False, compare=False
    )

    @property
    def model(self) -> str:
        """The model's name, as it was given."""
        return str(self.summary["model"])

    @property
    def layers(self) -> int:
        return int(self._settings["layers"])  # type: ignore[arg-type]

    @property
    def units(self) -> int:
        """A layer."""
        return int(self._settings["units"])  # type: ignore[arg-type]

    @property
    def settings(self) -> AtlasSettings:
        told = self._settings
        return AtlasSettings(k=told["k"], final_norm=told["final_norm"], bias=told["bias"])  # type: ignore[arg-type]

    @cached_property
    def texts(self) -> list[str]:
        """Every token's text; places are ids."""
        return list(self._tokens["text"].to_pylist())

    @cached_property
    def real(self) -> list[bool]:
        """Whether neurons can list the token; places are ids."""
        return list(self._tokens["real"].to_pylist())

    def entry(self, neuron: NeuronId | str) -> Entry | Skipped:
        """A neuron's lists, or why it has none.

        Raises:
            NeuronNameError: the name does not parse, or the model has no such neuron.
            DamagedError: the part that holds it is not what was written.
        """
        found = self.resolve(neuron)
        number = found.layer * self.units + found.unit
        ((_, row),) = from_table(self.row(NEURONS, number), NeuronRow)
        if isinstance(row, Skipped):
            return row
        return Entry(
            found,
            row.interpretable,
            row.log_total,
            tuple(self._spelled(row.boosted, row.boosted_logits)),
            tuple(self._spelled(row.suppressed, row.suppressed_logits)),
        )

    def resolve(self, neuron: NeuronId | str) -> NeuronId:
        """A neuron that the atlas has, from its name or itself.

        Raises:
            NeuronNameError: see ``entry``.
        """
        found = NeuronId.parse(neuron) if isinstance(neuron, str) else NeuronId(*neuron)
        if not (0 <= found.layer < self.layers and 0 <= found.unit < self.units):
            raise NeuronNameError(
                "neuron",
                value=str(found),
                expected=f"layer 0..{self.layers - 1} and unit 0..{self.units - 1} in this atlas",
                fix="Take a neuron of the model that the atlas was built from.",
            )
        return found

    def neuron(self, number: int) -> NeuronId:
        """The neuron of a number: layer * units + unit."""
        return NeuronId(*divmod(number, self.units))

    def row(self, stage: str, number: int) -> pa.Table:
        """A row of a stage by its place, as a table of one; the parts read last stay in memory.

        Raises:
            DamagedError: its part is not what was written.
        """
        size = self._sizes[stage]
        key = stage, number // size
        if key not in self._read:
            if len(self._read) >= _PARTS:
                self._read.popitem(last=False)
            self._read[key] = read_part(self.folder / stage / part_name(key[1])).replace_schema_metadata(None)
        self._read.move_to_end(key)
        return self._read[key].slice(number % size, 1)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        """Rows of a part, by stage."""
        told = {stage: read_description(self.folder / stage)["part_size"] for stage in (NEURONS, WORDS)}
        return {stage: size for stage, size in told.items() if isinstance(size, int)}

    def _spelled(self, ids: tuple[int, ...], logits: tuple[float, ...]) -> Iterator[Token]:
        for one, logit in zip(ids, logits, strict=True):
            yield Token(one, self.texts[one], logit)

    def _told(self) -> Told:
        return atlas_told(self)

    def __repr__(self) -> str:
        return f"Atlas({inert(self.model)!r}: {self.layers} layers x {self.units} units)"

    @property
    def _settings(self) -> Mapping[str, Json]:
        return self.manifest.identity.settings

    @cached_property
    def _tokens(self) -> pa.Table:
        return read_table(self.folder / TOKENS)


def open_atlas(out: Path) -> Atlas:
    """Open an atlas to look into it.

    Raises:
        RunError: no atlas, or one of a newer schema.
        DamagedError: its manifest or summary is not what was written.
    """
    folder = found_at(out)
    told = from_json(kept(folder / "tables" / f"{SUMMARY}.json"))
    assert isinstance(told, dict)
    return Atlas(folder, read_manifest(folder), told)
