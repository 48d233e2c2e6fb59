"""The shipped miniature on its held-out images: its first bar, and every figure of the evaluation by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import molyneux as mx
from molyneux.data.coco import read_coco
from molyneux.experiments.evidence import effects_of_single_units, nearest_words, on_topic, prompt_of
from molyneux.experiments.miniature import EvaluationSettings, evaluate, evaluate_images
from molyneux.experiments.miniature_table import markdown
from molyneux.ground.assets import asset
from molyneux.ground.neuron import NeuronId
from molyneux.miniature.dataset import captions_of

FIGURES = [
    "noun_accuracy",
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
    return evaluate_images(miniature, read_coco(asset("miniature"))[:24], settings=FEW)


def test_held_out_captions_name_the_main_object(miniature: mx.Captioner) -> None:
    images = read_coco(asset("miniature"))
    assert len(images) == 400
    captions = miniature.caption([str(image.path) for image in images], batch_size=50)
    right = [
        caption.noun is not None and caption.noun.word == image.objects[0].category
        for caption, image in zip(captions, images, strict=True)
    ]
    assert np.mean(right) >= 0.70


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
        assert 0 < figure["n"] <= 24
    assert sum(result["layers"]) == pytest.approx(1)
    assert result["exact_units"] == 80
    assert 0 < result["iou_p"] <= 1
    json.dumps(result)
    table = markdown(result)
    assert "a miniature, not the paper's model" in table
    assert f"{result['noun_accuracy']['mean']:.1%}" in table


def test_the_top_arm_beats_its_random_control(result: dict) -> None:
    assert result["ablation_top"]["high"] < result["ablation_random"]["low"]
    assert result["iou_top"]["mean"] > result["iou_random"]["mean"]
    assert result["exact_pearson"] > 0.95


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
    with pytest.raises(mx.SettingError, match="seed"):
        evaluate(captioner=miniature, seed=99_999, count=4)


def test_the_card_carries_the_weights_hash() -> None:
    card = (Path(asset("miniature")) / "MODEL_CARD.md").read_text(encoding="utf8")
    making = json.loads((asset("miniature") / "model" / "making.json").read_text(encoding="utf8"))
    for stage in ("vision", "text", "projection"):
        assert making[stage]["weights"] in card
