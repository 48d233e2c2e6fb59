"""Atlases and weights that several test files read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from molyneux.experiments.atlas import build_atlas
from molyneux.experiments.atlas_read import Atlas, Entry
from molyneux.experiments.atlas_top import Block
from molyneux.ground.neuron import NeuronId

__all__ = ["Wide", "entry", "mini"]


def entry(atlas: Atlas, name: NeuronId | str) -> Entry:
    found = atlas.entry(name)
    assert isinstance(found, Entry)
    return found


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    return build_atlas("miniature", tmp_path_factory.mktemp("atlas") / "mini")


class _Spelling:
    def decode(self, ids: list[int]) -> str:
        return f"word{ids[0]}"


class Wide:
    """Weights of one layer whose unembedding is made a block at a time, and never whole."""

    shape = (1, 128, 1024)
    device = torch.device("cpu")
    tokenizer = _Spelling()

    def __init__(self, tokens: int) -> None:
        self.real = torch.ones(tokens, dtype=torch.bool)

    def vectors(self, layer: int, units: list[int], *, final_norm: bool) -> torch.Tensor:
        return torch.randn(len(units), 1024, generator=torch.Generator().manual_seed(layer))

    def blocks(self, *, bias: bool) -> Iterator[Block]:
        for start in range(0, len(self.real), 4096):
            ids = torch.arange(start, min(start + 4096, len(self.real)))
            yield Block(ids, torch.randn(len(ids), 1024, generator=torch.Generator().manual_seed(start)))

    def hashes(self) -> dict[str, str]:
        return {"tokens": str(len(self.real))}
