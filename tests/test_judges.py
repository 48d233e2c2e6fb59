"""The judges' training: resuming, refusals, losses against slow references, folders that transformers opens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import AutoModel, AutoProcessor, AutoTokenizer, BertModel, CLIPModel, CLIPProcessor

from molyneux.ground.errors import SettingError
from molyneux.miniature.corpus import corpus_words
from molyneux.miniature.dataset import DEVELOPMENT, HELD_OUT, TRAINING, scene_of
from molyneux.miniature.features import scene_pixels
from molyneux.miniature.judges import build as building
from molyneux.miniature.judges.bert import BertRecipe, hide, masked_loss, text_of, train_bert
from molyneux.miniature.judges.build import JudgesRecipe, build_judges
from molyneux.miniature.judges.checks import _matching, _partners, _share
from molyneux.miniature.judges.clip import (
    ClipRecipe,
    build_clip_processor,
    contrastive_loss,
    near_views,
    train_clip,
)
from molyneux.miniature.judges.schooling import JUDGE_SEEDS
from molyneux.miniature.judges.words import build_bert_tokenizer, build_clip_tokenizer
from molyneux.miniature.world import render

CLIP = ClipRecipe(
    scenes=16, steps=5, batch=4, warmup=2, every=2, width=16, heads=2, vision_layers=1, text_layers=1, check=8
)
BERT = BertRecipe(steps=5, batch=4, warmup=2, every=2, width=16, heads=2, layers=1, check=8)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Both tiny judges, trained without interruption."""
    out = tmp_path_factory.mktemp("judges")
    build_judges(out, recipe=JudgesRecipe(CLIP, BERT, development=8))
    return out


@pytest.mark.parametrize(
    ("train", "recipe", "name"), [(train_clip, CLIP, "clip"), (train_bert, BERT, "bert")]
)
def test_a_stopped_training_goes_on_to_the_same_weights(built, tmp_path, train, recipe, name, capsys) -> None:
    train(tmp_path, recipe, stop=3)
    rows = [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows == [2, 3]
    assert f"{name} 3/5 loss" in (told := capsys.readouterr().err)
    assert "min left" in told
    train(tmp_path, recipe)
    whole, halves = (torch.load(out / "checkpoint.pt", weights_only=True) for out in (built / name, tmp_path))
    assert halves["step"] == 5
    assert whole["model"].keys() == halves["model"].keys()
    assert all(torch.equal(value, halves["model"][key]) for key, value in whole["model"].items())
    weights = "latest/model.safetensors"
    assert (built / name / weights).read_bytes() == (tmp_path / weights).read_bytes()
    stamp = (tmp_path / weights).stat().st_mtime_ns
    train(tmp_path, recipe)  # done: nothing is made again
    assert (tmp_path / weights).stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("train", "recipe", "name"), [(train_clip, CLIP, "clip"), (train_bert, BERT, "bert")]
)
def test_another_recipe_is_refused(built, train, recipe, name) -> None:
    with pytest.raises(SettingError, match=r"begun with; peak, seed differ"):
        train(built / name, replace(recipe, seed=3, peak=1e-4))


def test_weights_move_and_the_log_tells_how(built) -> None:
    for name in ("clip", "bert"):
        rows = [json.loads(line) for line in (built / name / "log.jsonl").read_text().splitlines()]
        assert [row["step"] for row in rows] == [2, 4, 5]
        assert rows[-1]["loss"] < rows[0]["loss"]
        assert any(key in rows[0] for key in ("zero_shot", "layer_1"))


def test_the_folders_open_and_tell_their_story(built) -> None:
    clip = CLIPModel.from_pretrained(built / "judges/clip", dtype=torch.float32)
    processor = CLIPProcessor.from_pretrained(built / "judges/clip", backend="pil")
    assert isinstance(AutoProcessor.from_pretrained(built / "judges/clip", backend="pil"), CLIPProcessor)
    batch = processor(
        text=["a picture of this dog", "locomotive"],
        images=render(scene_of(1)).image,
        padding=True,
        truncation=True,
        return_tensors="pt",
    )
    assert batch["input_ids"].tolist()[1][:3] == [2, 1, 3]  # a word of no caption, between the end tokens
    assert clip(**batch).logits_per_image.shape == (1, 2)
    bert, notes = AutoModel.from_pretrained(built / "judges/bert", output_loading_info=True)
    assert isinstance(bert, BertModel)
    assert not any(notes.values())  # nothing missing, so nothing drawn at random
    assert AutoTokenizer.from_pretrained(built / "judges/bert").tokenize("This dog.") == ["this", "dog", "."]
    for name in ("clip", "bert"):
        story = json.loads((built / "judges" / name / "making.json").read_text())
        assert {"weights", "recipe", "last", "checks", "versions"} <= story.keys()
        config = json.loads((built / "judges" / name / "config.json").read_text())
        assert config["dtype"] == "float16"
        assert "_name_or_path" not in config


def test_exported_bert_is_the_trained_one(built) -> None:
    exported = AutoModel.from_pretrained(built / "bert/latest", dtype=torch.float32).state_dict()
    kept = torch.load(built / "bert/checkpoint.pt", weights_only=True)["model"]
    shared = {key: value for key, value in exported.items() if f"bert.{key}" in kept}
    assert set(exported) - set(shared) == {"pooler.dense.weight", "pooler.dense.bias"}
    assert all(torch.equal(kept[f"bert.{key}"].half().float(), value) for key, value in shared.items())


def test_a_package_too_large_is_refused_and_the_old_folder_stays(built, monkeypatch) -> None:
    before = (built / "judges/clip/model.safetensors").read_bytes()
    monkeypatch.setattr(building, "LIMIT", 1000)
    with pytest.raises(SettingError, match="at most 0 MB"):
        build_judges(built, recipe=JudgesRecipe(CLIP, BERT, development=8))
    assert (built / "judges/clip/model.safetensors").read_bytes() == before


def test_judges_learn_from_scenes_of_their_own() -> None:
    assert max(HELD_OUT.stop, DEVELOPMENT.stop, TRAINING.stop) <= JUDGE_SEEDS.start
    clip, bert = ClipRecipe(), BertRecipe()
    assert clip.first_seed + clip.scenes <= bert.first_seed
    with pytest.raises(SettingError, match="judge's scenes"):
        ClipRecipe(first_seed=2_000_000)
    with pytest.raises(SettingError, match="judge's scenes"):
        BertRecipe(first_seed=JUDGE_SEEDS.stop - 10)


@pytest.mark.parametrize("kind", [ClipRecipe, BertRecipe])
@pytest.mark.parametrize("wrong", [{"steps": 0}, {"width": 30}, {"every": 0}])
def test_recipes_refuse_what_does_not_fit(kind, wrong) -> None:
    with pytest.raises(SettingError):
        kind(**wrong)


def test_contrastive_loss_against_a_loop() -> None:
    logits = torch.randn(4, 4, generator=torch.Generator().manual_seed(0)) * 3
    texts = ["a", "b", "a", "c"]
    total = 0.0
    for matrix in (logits, logits.T):
        for k, row in enumerate(matrix.double().tolist()):
            norm = sum(np.exp(value) for value in row)
            right = [j for j, text in enumerate(texts) if text == texts[k]]
            total -= sum(np.log(np.exp(row[j]) / norm) for j in right) / len(right)
    same = torch.tensor([[one == other for other in texts] for one in texts])
    assert float(contrastive_loss(logits, same)) == pytest.approx(total / 8, abs=1e-5)
    plain = functional.cross_entropy
    wanted = (plain(logits, torch.arange(4)) + plain(logits.T, torch.arange(4))) / 2
    torch.testing.assert_close(contrastive_loss(logits, torch.eye(4, dtype=torch.bool)), wanted)


def test_pictures_are_learnt_as_the_processor_shows_them(tmp_path) -> None:
    scene_pixels(tmp_path, [5], 64)
    cached = torch.from_numpy(np.load(tmp_path / "5-5.npy")).permute(0, 3, 1, 2).float() / 127.5 - 1
    shown = build_clip_processor(CLIP)(images=render(scene_of(5)).image, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(shown, cached, atol=1e-5, rtol=0)
    views = near_views(torch.full((3, 16, 16, 3), 200, dtype=torch.uint8), generator=torch.Generator())
    assert views.shape == (3, 3, 16, 16)
    assert float(views.std((1, 2, 3)).max()) < 1e-5  # an even picture stays even: grey stays grey


def test_every_text_has_its_words_and_fits() -> None:
    tokenizer = build_bert_tokenizer(longest=64)
    texts = [text_of(BertRecipe(), index) for index in range(300)]
    rows = tokenizer(texts)["input_ids"]
    assert not any(tokenizer.unk_token_id in row for row in rows)
    assert max(map(len, rows)) <= 64
    assert 90 < sum("." not in text for text in texts) < 210  # about half are captions
    assert all(len(tokenizer.tokenize(word)) == 1 for word in corpus_words())
    clip = build_clip_tokenizer(longest=32)
    captions = [text for text in texts if "." not in text]
    assert max(len(row) for row in clip([f"a picture of {text}" for text in captions])["input_ids"]) <= 32
    assert not any(clip.unk_token_id in row for row in clip(captions)["input_ids"])


def test_hiding_asks_for_words_only_and_the_loss_for_nothing_else() -> None:
    tokenizer = build_bert_tokenizer(longest=64)
    ids = tokenizer([text_of(BERT, index) for index in range(400)], padding=True, return_tensors="pt")[
        "input_ids"
    ]
    read, labels = hide(ids, BERT, tokenizer, 7)
    asked, words = labels != -100, ids > 4
    assert not bool((asked & ~words).any())
    assert bool((read[~asked] == ids[~asked]).all())
    assert float(asked[words].float().mean()) == pytest.approx(0.2, abs=0.02)
    masked = read[asked] == tokenizer.mask_token_id
    assert float(masked.float().mean()) == pytest.approx(0.8, abs=0.03)
    assert float((read[asked] == ids[asked]).float().mean()) == pytest.approx(0.1, abs=0.03)
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(1))
    answers = torch.tensor([[1, -100, -100], [-100, 4, 0]])
    asked_for = torch.stack([logits[0, 0], logits[1, 1], logits[1, 2]])
    wanted = functional.cross_entropy(asked_for, torch.tensor([1, 4, 0]))
    torch.testing.assert_close(masked_loss(logits, answers), wanted)
    assert float(masked_loss(logits, torch.full((2, 3), -100))) == 0


def test_shares_partners_and_matching_by_hand() -> None:
    found = _share([True] * 8 + [False] * 2)
    assert (found["share"], found["count"]) == (0.8, 10)
    from scipy.stats import binomtest

    low, high = binomtest(8, 10).proportion_ci(method="wilson")
    assert (found["low"], found["high"]) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    names = ["cat", "cat", "dog"]
    assert _partners(names, same=False) == [2, 2, 0]
    assert _partners(names, same=True) == [1, 0, None]
    with pytest.raises(SettingError, match="two main categories"):
        _partners(["cat", "cat"], same=False)
    x, y = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    # both candidate tokens match (precision 1), one of two reference tokens does (recall 1/2)
    assert _matching(torch.stack([x, x]), torch.stack([x, y])) == pytest.approx(2 / 3)
