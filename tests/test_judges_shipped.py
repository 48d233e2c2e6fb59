"""The shipped judges: whole, finite, small, and far better than chance on scenes drawn afresh."""

from __future__ import annotations

import json

import pytest
import torch

from molyneux.ground.assets import asset
from molyneux.miniature.dataset import DEVELOPMENT
from molyneux.miniature.features import weights_hash
from molyneux.miniature.judges.build import LIMIT, load_judges
from molyneux.miniature.judges.checks import bert_checks, clip_checks
from molyneux.miniature.judges.schooling import JUDGE_SEEDS

SCENES = DEVELOPMENT[50_000:50_060]  # neither looked at in training nor what making.json tells of


@pytest.fixture(scope="module")
def judges():
    return load_judges()


def test_weights_are_finite_and_wide(judges) -> None:
    clip, _, bert, _ = judges
    for model in (clip, bert):
        assert model.dtype == torch.float32
        assert not model.training
        assert all(bool(value.isfinite().all()) for value in model.state_dict().values())
        assert 1e6 <= sum(parameter.numel() for parameter in model.parameters()) <= 1.5e6


def test_clip_knows_what_a_picture_shows(judges) -> None:
    found = clip_checks(judges[0], judges[1], SCENES)
    assert found["other_category"]["low"] > 0.8  # chance .5
    assert found["zero_shot"]["low"] > 0.5  # chance .06


def test_bert_knows_captions_of_one_scene(judges) -> None:
    found = bert_checks(judges[2], judges[3], SCENES)
    assert max(share["low"] for share in found.values()) > 0.8  # chance .5


@pytest.mark.parametrize("name", ["clip", "bert"])
def test_the_story_is_that_of_these_weights(name) -> None:
    folder = asset("miniature/judges") / name
    story = json.loads((folder / "making.json").read_text())
    assert story["weights"] == weights_hash(folder)
    assert story["last"]["step"] == story["recipe"]["steps"]
    assert story["recipe"]["first_seed"] in JUDGE_SEEDS
    assert all(seed in DEVELOPMENT for seed in story["scenes"])
    assert all(0.5 < share["share"] <= 1 for share in story["checks"].values())


def test_they_are_small_and_name_no_folder_of_their_maker() -> None:
    files = [path for path in asset("miniature/judges").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= LIMIT
    for path in files:
        if path.suffix == ".json":
            text = path.read_text()
            assert "_name_or_path" not in text
            assert not any(f'"/{root}/' in text for root in ("home", "root", "tmp", "Users"))
