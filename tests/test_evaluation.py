"""The shipped miniature on its held-out images: its first bar, and every figure of the evaluation by hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import molyneux as mx
from molyneux.data.coco import read_coco
from molyneux.experiments.evidence import effects_of_single_units, nearest_words, on_topic, prompt_of
from molyneux.experiments.miniature import EvaluationSettings, evaluate
from molyneux.experiments.miniature_table import markdown
from molyneux.ground.assets import asset
from molyneux.ground.neuron import NeuronId
from molyneux.miniature.accuracy import is_unusual
from molyneux.miniature.dataset import captions_of, scene_of
from molyneux.miniature.features import weights_hash
from molyneux.miniature.world import render

FIGURES = [
    "noun_accuracy",
    "noun_unusual",
    "topic_top1",
    "topic_shuffled",
    "topic_random",
    "ablation_top",
    "ablation_random",
    "iou_top",
    "iou_random",
    "prompt_topic",
    "prompt_topic_random",
]
FEW = EvaluationSettings(exact_images=2, prompt_images=4, shuffles=20)


@pytest.fixture(scope="module")
def miniature() -> mx.Captioner:
    return mx.load("miniature", device="cpu")


@pytest.fixture(scope="module")
def result(miniature: mx.Captioner) -> dict:
    """On development scenes: the held-out ones are for reporting."""
    return evaluate(captioner=miniature, seed=110_000, count=48, settings=FEW)


def test_what_the_miniature_must_show(result: dict) -> None:
    """The bars of a miniature worth studying; of the topic, what 48 scenes can tell."""
    assert result["noun_accuracy"]["mean"] >= 0.85
    assert result["topic_top1"]["high"] >= 0.40
    assert max(result["topic_shuffled"]["mean"], result["topic_random"]["low"]) <= 0.10
    assert result["ablation_top"]["mean"] <= -0.50
    assert abs(result["ablation_random"]["mean"]) <= 0.05
    assert result["iou_top"]["mean"] > result["iou_random"]["mean"]
    assert result["iou_p"] < 0.001
    assert result["exact_pearson"] >= 0.95


def test_nouns_before_unusual_backgrounds_are_counted_apart(miniature: mx.Captioner, result: dict) -> None:
    """By hand: the background of each scene, and whether the caption names its main object."""
    seeds = [seed for seed in range(110_000, 110_048) if is_unusual(scene_of(seed))]
    assert result["noun_unusual"]["n"] == len(seeds) > 0
    pictures = [render(scene_of(seed), side=256).image for seed in seeds]
    named = [caption.noun.word for caption in miniature.caption(pictures) if caption.noun is not None]
    right = [word == scene_of(seed).things[0].category for word, seed in zip(named, seeds, strict=True)]
    assert result["noun_unusual"]["mean"] == pytest.approx(np.mean(right), abs=1 / len(seeds))  # JPEG between


def test_the_shipped_images_are_the_held_out_scenes_and_small_enough() -> None:
    images = read_coco(asset("miniature"))
    assert [image.id for image in images] == list(range(400))
    assert all(list(image.captions) == captions_of(image.id) for image in images[::40])
    folder = asset("miniature")
    assert sum(path.stat().st_size for path in (folder / "val2017").iterdir()) <= 8_000_000
    assert sum(path.stat().st_size for path in (folder / "model").iterdir()) <= 25_000_000


def test_the_shipped_folder_tells_no_folder_of_its_making() -> None:
    for path in (asset("miniature") / "model").glob("*.json"):
        assert "_name_or_path" not in path.read_text(encoding="utf8"), path


def test_every_figure_has_its_interval_and_its_count(result: dict) -> None:
    for key in FIGURES:
        figure = result[key]
        assert figure["low"] <= figure["mean"] <= figure["high"], key
        assert 0 < figure["n"] <= 48
    assert sum(result["layers"]) == pytest.approx(1)
    assert result["exact_units"] == 80
    assert 0 < result["iou_p"] <= 1
    json.dumps(result)
    table = markdown(result)
    assert "a miniature, not the paper's model" in table
    assert f"{result['noun_accuracy']['mean']:.1%}" in table


def test_the_top_arm_beats_its_random_control(result: dict) -> None:
    assert result["ablation_top"]["high"] < result["ablation_random"]["low"]


def test_effects_of_single_units_are_edits_made_one_at_a_time(miniature: mx.Captioner) -> None:
    image = read_coco(asset("miniature"))[0]
    picture = mx.open_image(image.path)
    found = mx.attribute(miniature, picture, site="post", reduce="sum", top=3)
    units = [entry.neuron for entry in found.neurons] + [NeuronId(3, 7)]
    effects = effects_of_single_units(miniature, picture, found, units)
    prompt = miniature.prepare([picture])
    ids = torch.cat([prompt["input_ids"], torch.tensor([found.target.prefix])], dim=1)
    inputs = {
        "input_ids": ids,
        "pixel_values": prompt["pixel_values"],
        "attention_mask": torch.ones_like(ids),
    }

    def logit() -> float:
        with torch.no_grad():
            return float(miniature.model(**inputs).logits[0, -1, found.target.token_id])

    plain = logit()
    for unit, effect in zip(units, effects, strict=True):
        with mx.edit(miniature, unit, positions="visual"):
            assert plain - logit() == pytest.approx(effect, abs=1e-4)


def test_topic_words_and_nearest_words(miniature: mx.Captioner) -> None:
    assert on_topic((" Pizza", "cheese", "of", "pizza"), "pizza") == 3
    vectors = prompt_of(miniature, mx.open_image(read_coco(asset("miniature"))[1].path))
    words = nearest_words(miniature, vectors, 5)
    assert len(words) == 64 * 5
    table = miniature.model.get_input_embeddings().weight[: miniature.vocabulary]
    for patch in (0, 40):
        cosines = torch.nn.functional.cosine_similarity(table, vectors[patch][None], dim=1)
        assert words[patch * 5] == miniature.tokenizer.decode([int(cosines.argmax())])


def test_a_fresh_set_is_drawn_from_its_seed_only_outside_training(miniature: mx.Captioner) -> None:
    fresh = evaluate(captioner=miniature, seed=7_000, count=4, settings=FEW)
    assert fresh["images"] == 4
    assert "none to look at" in markdown(fresh | {"noun_unusual": {"mean": None, "n": 0}})
    with pytest.raises(mx.SettingError, match="seed"):
        evaluate(captioner=miniature, seed=99_999, count=4)


def test_the_card_and_the_story_carry_the_hashes_of_what_ships() -> None:
    folder = Path(asset("miniature"))
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf8")
    making = json.loads((folder / "model" / "making.json").read_text(encoding="utf8"))
    for stage in ("vision", "text", "projection"):
        assert f"`{making[stage]['weights']}`" in card
    assert making["projection"]["weights"] == weights_hash(folder / "model")
    for part in ("model", "judges/clip", "judges/bert"):
        digest = hashlib.sha256((folder / part / "model.safetensors").read_bytes()).hexdigest()
        assert f"| `{part}/model.safetensors` | `{digest}` |" in card
        assert f"`{digest[:16]}`" in card
