"""Experiments that read weights themselves, where accelerate has put the weights away: the same numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import machines
from away import put_away
from molyneux.data.gate import open_image
from molyneux.experiments.atlas import AtlasSettings, build_from_weights
from molyneux.experiments.atlas_rows import NEURONS
from molyneux.experiments.atlas_weights import LoadedWeights
from molyneux.experiments.evidence import nearest_words
from molyneux.experiments.identity import weights_hash
from molyneux.experiments.prompts import nearest_texts, prompt_vectors
from molyneux.ground.results import read_table


@pytest.mark.parametrize("where", ["memory", "disk"])
@pytest.mark.parametrize("through", [False, True])
def test_an_atlas_is_the_same(where: str, through: bool, tmp_path: Path) -> None:
    settings = AtlasSettings(k=5, final_norm=through, bias=through)
    plain, away = (
        LoadedWeights(one) for one in (machines.captioner(), put_away(machines.captioner(), where, tmp_path))
    )
    assert away.hashes() == plain.hashes()
    assert away.device == plain.device
    tables = [
        read_table(
            build_from_weights(one, tmp_path / f"atlas-{number}", name="x", settings=settings).folder
            / NEURONS
        )
        for number, one in enumerate((plain, away))
    ]
    assert tables[0].num_rows == plain.shape[0] * plain.shape[1]
    assert tables[0].equals(tables[1])
    assert all(weight.is_meta for weight in away.captioner.model.parameters())  # put away again


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_prompts_are_read_as_the_same_tokens(where: str, tmp_path: Path) -> None:
    plain, away = machines.captioner(), put_away(machines.captioner(), where, tmp_path)
    pictures = [open_image(one) for one in machines.images(2)]
    vectors, found = (prompt_vectors(one, pictures) for one in (plain, away))
    for wanted, other in zip(vectors, found, strict=True):
        assert torch.allclose(other, wanted, rtol=1e-4, atol=1e-6)
    assert nearest_texts(away, vectors[0], 5) == nearest_texts(plain, vectors[0], 5)
    assert nearest_words(away, vectors[0], 5) == nearest_words(plain, vectors[0], 5)


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_a_run_knows_the_weights_as_the_same(where: str, tmp_path: Path) -> None:
    plain, away = machines.captioner(), put_away(machines.captioner(), where, tmp_path)
    assert all(weight.is_meta for weight in away.model.parameters())
    assert weights_hash(away.model) == weights_hash(plain.model)
    assert all(weight.is_meta for weight in away.model.parameters())
