"""An atlas turned round: from every token to the neurons that list it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float32, Int

from molyneux.experiments.atlas_rows import Listed, Vocable, WordRow
from molyneux.ground.parts import part_name, read_part

__all__ = ["Inversion", "neuron_parts"]

_ENTRIES = 8_000_000  # (token, neuron) pairs in memory at once, each some 40 bytes while they are sorted
_SIDES = ("boosted", "suppressed")
_NOBODY = Listed((), (), ())


class _Pairs(NamedTuple):
    """Tokens and the neurons that list them; of sorted ones, by (token, -strength, neuron)."""

    tokens: Int[np.ndarray, " pair"]
    neurons: Int[np.ndarray, " pair"]
    logits: Float32[np.ndarray, " pair"]
    words: Bool[np.ndarray, " pair"]
    """Whether the neuron is interpretable."""


class Inversion:
    """Rows of tokens, made from the parts of all neurons.

    The parts are read once to count, then once for each span of tokens whose pairs fit into memory together: of a
    GPT-J three times in all.

    Args:
        folder: of the neurons' stage, all parts there.
        tokens: size of the vocabulary.
        entries: pairs held at once.
    """

    def __init__(self, folder: Path, *, tokens: int, entries: int = _ENTRIES) -> None:
        self._folder, self._entries = folder, entries
        self._counts = np.zeros(tokens, dtype=np.int64)
        for _, table in neuron_parts(self._folder):
            for side in _SIDES:
                ids = pc.list_flatten(table[side]).to_numpy()
                self._counts += np.bincount(ids, minlength=tokens)
        self._span = range(0)
        self._held: dict[str, _Pairs] = {}

    def rows(self, items: Sequence[Vocable]) -> list[WordRow]:
        """The rows of some tokens whose ids rise without a gap: what ``work`` calls for a part."""
        first, last = items[0].number, items[-1].number
        if first not in self._span or last not in self._span:
            self._span = self._reach(first, last + 1)
            self._held = {side: self._gathered(side) for side in _SIDES}
        sides = (self._listed(side, range(first, last + 1)) for side in _SIDES)
        return [WordRow(*lists) for lists in zip(*sides, strict=True)]

    def _reach(self, first: int, end: int) -> range:
        """From the first token to as many as fit, at least to ``end``."""
        total = np.cumsum(self._counts[first:])
        return range(first, max(end, first + int(np.searchsorted(total, self._entries, side="right"))))

    def _gathered(self, side: str) -> _Pairs:
        found = [self._of_part(start, table, side) for start, table in neuron_parts(self._folder)]
        tokens, neurons, logits, words = (np.concatenate(column) for column in zip(*found, strict=True))
        strength = -logits if side == "boosted" else logits
        order = np.lexsort((neurons, strength, tokens))
        return _Pairs(tokens[order], neurons[order], logits[order], words[order])

    def _of_part(self, start: int, table: pa.Table, side: str) -> _Pairs:
        tokens = pc.list_flatten(table[side]).to_numpy()
        kept = (tokens >= self._span.start) & (tokens < self._span.stop)
        rows = pc.list_parent_indices(table[side]).to_numpy()[kept]
        words = table["interpretable"].to_numpy()[rows].astype(bool)
        logits = pc.list_flatten(table[f"{side}_logits"]).to_numpy()[kept]
        return _Pairs(tokens[kept], (rows + start).astype(np.int64), logits, words)

    def _listed(self, side: str, tokens: range) -> list[Listed]:
        held = self._held[side]
        bounds = np.searchsorted(held.tokens, np.arange(tokens.start, tokens.stop + 1)).tolist()
        columns: tuple[Any, ...] = (held.neurons, held.logits, held.words)
        return [
            Listed(*(tuple(column[low:high].tolist()) for column in columns)) if high > low else _NOBODY
            for low, high in pairwise(bounds)
        ]


def neuron_parts(folder: Path) -> Iterator[tuple[int, pa.Table]]:
    """Number of each part's first neuron, and its table, one at a time; hashes are checked.

    Raises:
        DamagedError: a part is not what was written.
    """
    start, index = 0, 0
    while (path := folder / part_name(index)).exists():
        table = read_part(path).combine_chunks()
        yield start, table
        start, index = start + len(table), index + 1
