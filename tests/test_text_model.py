"""The text model: learns, resumes where it stopped, and is a plain Hugging Face folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer

from molyneux.ground.errors import SettingError
from molyneux.miniature.scene import CATEGORIES
from molyneux.miniature.text import TextRecipe, batch_of, build_text_model, train_text
from molyneux.miniature.text_check import companion_prompts, text_loss
from molyneux.miniature.tokenizer import build_tokenizer

TINY = TextRecipe(word_rate=1.0, layers=2, width=32, heads=2, rotary=8, steps=6, batch=4, warmup=2, every=2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_text(tmp_path_factory.mktemp("text"), TINY)


def test_resumed_run_equals_uninterrupted(trained: Path, tmp_path: Path) -> None:
    train_text(tmp_path, TINY, stop=3)
    curve = (tmp_path / "log.jsonl").read_text()
    assert [json.loads(line)["step"] for line in curve.splitlines()] == [2, 3]
    resumed = train_text(tmp_path, TINY)
    ours, theirs = (AutoModelForCausalLM.from_pretrained(path).state_dict() for path in (trained, resumed))
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


def test_folder_opens_and_generates(trained: Path) -> None:
    model, tokenizer = AutoModelForCausalLM.from_pretrained(trained), AutoTokenizer.from_pretrained(trained)
    assert model.config.model_type == "gptj"
    assert len(tokenizer) == model.config.vocab_size == model.lm_head.out_features
    assert model.lm_head.weight.data_ptr() != model.transformer.wte.weight.data_ptr()
    ids = tokenizer("A picture of", return_tensors="pt")["input_ids"]
    out = model.generate(ids, max_new_tokens=3, do_sample=False)
    assert out.shape[1] > ids.shape[1]
    assert isinstance(tokenizer.decode(out[0]), str)


def test_another_recipe_is_refused(trained: Path) -> None:
    with pytest.raises(SettingError, match="seed"):
        train_text(trained.parent, TextRecipe(**{**vars(TINY), "seed": 1}))


def test_log_has_loss_and_control(trained: Path) -> None:
    rows = [json.loads(line) for line in (trained.parent / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert rows[-1]["held_out_loss"] < rows[0]["held_out_loss"]
    assert {"train_loss", "noun_accuracy", "noun_probability"} <= set(rows[0])


def test_padding_neither_counts_nor_is_seen() -> None:
    tokenizer = build_tokenizer()
    model = build_text_model(TINY, tokenizer)
    model.train(False)
    ids = batch_of(TINY, 0, tokenizer)
    pad = tokenizer.pad_token_id
    wider = torch.nn.functional.pad(ids, (0, 5), value=pad)
    torch.testing.assert_close(text_loss(model, ids), text_loss(model, wider))
    total, count = 0.0, 0
    for row in ids:  # each document alone, without padding
        row = row[row != pad]
        logits = model(input_ids=row[None, :-1]).logits[0]
        total += float(functional.cross_entropy(logits, row[1:], reduction="sum").detach())
        count += len(row) - 1
    assert float(text_loss(model, ids).detach()) == pytest.approx(total / count, rel=1e-4)


def test_batches_hold_every_document_once_and_end_in_eos() -> None:
    tokenizer = build_tokenizer()
    seen = []
    for step in range(16):
        for row in batch_of(TINY, step, tokenizer).tolist():
            row = [token for token in row if token != tokenizer.pad_token_id]
            assert row[-1] == tokenizer.eos_token_id
            seen.append(tuple(row))
    assert len(seen) == 16 * TINY.batch
    assert len(set(seen)) == len(seen)
    assert batch_of(TINY, 3, tokenizer).equal(batch_of(TINY, 3, tokenizer))


def test_control_prompts_do_not_hold_the_noun() -> None:
    texts, nouns = companion_prompts(40)
    assert set(nouns) <= set(CATEGORIES)
    for text, noun in zip(texts, nouns, strict=True):
        assert len(text.split()) == 68
        assert noun not in text.split()


def test_recipe_refuses_what_does_not_fit() -> None:
    with pytest.raises(SettingError):
        TextRecipe(width=100, heads=3)
    with pytest.raises(SettingError):
        TextRecipe(rotary=64)
    with pytest.raises(SettingError):
        TextRecipe(steps=0)


def test_words_stay_where_they_began_at_a_rate_of_zero(trained: Path, tmp_path: Path) -> None:
    recipe = replace(TINY, word_rate=0.0)
    fixed = AutoModelForCausalLM.from_pretrained(train_text(tmp_path, recipe))
    first = build_text_model(recipe, build_tokenizer())
    assert torch.equal(fixed.transformer.wte.weight, first.transformer.wte.weight)
    assert not torch.equal(fixed.lm_head.weight, first.lm_head.weight)
    learnt = AutoModelForCausalLM.from_pretrained(trained)
    assert not torch.equal(learnt.transformer.wte.weight, first.transformer.wte.weight)


def test_pieces_other_activations_and_wider_layers_train_and_load(tmp_path: Path) -> None:
    recipe = replace(TINY, pieces=420, positions=300, activation="relu", spread=3, steps=2)
    latest = train_text(tmp_path, recipe)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(latest), AutoTokenizer.from_pretrained(latest)
    assert len(tokenizer) == model.config.vocab_size == 420
    assert model.config.activation_function == "relu"
    assert model.transformer.h[0].mlp.fc_out.in_features == 3 * TINY.width
