"""Which neurons of a model are interpretable, all of them, from the weights: computed once a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool

from molyneux.data.dictionary import is_interpretable
from molyneux.experiments.bench import Bench
from molyneux.ground.rows import Skipped
from molyneux.neurons.decode import token_logits
from molyneux.neurons.ranking import top_in_order

__all__ = ["LayerItem", "LayerWords", "interpretable_units"]

_CHUNK = 256
_JUDGED = 10


@dataclass(frozen=True)
class LayerItem:
    """A layer as an item of a stage."""

    id: str
    layer: int


@dataclass(frozen=True)
class LayerWords:
    """A layer's interpretable units."""

    layer: int
    units: int
    interpretable: bytes
    """A bit a unit, as ``numpy.packbits`` packs them."""


@torch.no_grad()
def _words_of(bench: Bench, items: Sequence[LayerItem]) -> list[LayerWords | Skipped]:
    captioner = bench.captioner
    units = captioner.layout.units
    names = [captioner.tokenizer.decode([token]) for token in range(captioner.vocabulary)]
    rows: list[LayerWords | Skipped] = []
    for item in items:
        found: list[bool] = []
        for start in range(0, units, _CHUNK):
            logits = token_logits(captioner, item.layer, range(start, min(start + _CHUNK, units)))
            logits = logits.index_fill(1, captioner.unsayable.to(logits.device), -torch.inf)
            best = top_in_order(logits, _JUDGED)[1].tolist()
            found += [is_interpretable([names[token] for token in tokens]) for tokens in best]
        rows.append(LayerWords(item.layer, units, np.packbits(np.array(found)).tobytes()))
    return rows


def interpretable_units(bench: Bench) -> Bool[np.ndarray, "layer unit"]:
    """Whether each unit's top ten tokens are words by the paper's rule; the same answer as ``decode`` gives.

    Source: Sec. 2.2.
    """
    layout = bench.captioner.layout
    items = [LayerItem(f"L{layer}", layer) for layer in range(layout.layers)]
    stage = bench.run.stage("interpretable", items, row=LayerWords, part_size=1)
    bench.work(stage, lambda some: _words_of(bench, some))
    packed = [stage.row_of(item.id) for item in items]
    rows = []
    for row in packed:
        assert isinstance(row, LayerWords)
        rows.append(np.unpackbits(np.frombuffer(row.interpretable, np.uint8), count=row.units))
    return np.stack(rows).astype(bool)
