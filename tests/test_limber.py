"""LiMBeR as a citizen of transformers: any encoder, any language model, generate, save, load, pipeline."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    AutoModel,
    ResNetConfig,
)

from limber_machines import (
    IMAGE_TOKEN,
    PAIRS,
    PATCHES,
    ROWS,
    SIDE,
    TEXT,
    TEXTS,
    WORDS,
    images,
    language_model,
    limber,
    processor,
)
from molyneux.ground.errors import ModelError
from molyneux.models.limber import LimberForConditionalGeneration


def own_greedy(model, ids: torch.Tensor, pixels: torch.Tensor, new: int) -> list[int]:
    """The slow reference: concatenate by hand, no cache, no padding, argmax of the text model's logits."""
    prompt = model.projection(model.vision_tower(pixel_values=pixels).last_hidden_state[:, -PATCHES:])
    embed, written = model.language_model.get_input_embeddings(), []
    for _ in range(new):
        tail = embed(torch.tensor([ids[ids != IMAGE_TOKEN].tolist() + written]))
        logits = model.language_model(inputs_embeds=torch.cat([prompt, tail], dim=1)).logits[0, -1]
        written.append(int(logits[: len(WORDS)].argmax()))
    return written


@pytest.mark.parametrize(("vision", "text"), PAIRS)
@torch.no_grad()
def test_greedy_is_the_language_models_own_alone_and_in_unequal_batches(vision: str, text: str) -> None:
    model, make = limber(vision, text), processor()
    pictures = images(3)
    wanted = []
    for picture, words in zip(pictures, TEXTS, strict=True):
        one = make(images=picture, text=words, return_tensors="pt")
        wanted.append(own_greedy(model, one["input_ids"][0], one["pixel_values"], 6))
        out = model.generate(**one, max_new_tokens=6, do_sample=False)
        assert out[0, one["input_ids"].shape[1] :].tolist() == wanted[-1]
        hugging_face = model.language_model.generate(
            inputs_embeds=model.embed(one["input_ids"], one["pixel_values"]),
            attention_mask=one["attention_mask"],
            max_new_tokens=6,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
            suppress_tokens=list(range(len(WORDS), ROWS)),
        )
        assert hugging_face[0].tolist() == wanted[-1]
    for side in ("left", "right"):
        batch = make(images=pictures, text=TEXTS, padding_side=side, return_tensors="pt")
        out = model.generate(**batch, max_new_tokens=6, do_sample=False)
        assert out[:, batch["input_ids"].shape[1] :].tolist() == wanted, side
    assert len({tuple(words) for words in wanted}) > 1  # the model does listen to its prompt


@pytest.mark.parametrize("text", list(TEXT))
@torch.no_grad()
def test_padding_on_either_side_leaves_the_logits_alone(text: str) -> None:
    model, make = limber(text=text), processor()
    alone = [make(images=i, text=t, return_tensors="pt") for i, t in zip(images(3), TEXTS, strict=True)]
    for side in ("left", "right"):
        batch = make(images=images(3), text=TEXTS, padding_side=side, return_tensors="pt")
        logits = model(**batch).logits
        for row, one in enumerate(alone):
            real = batch["attention_mask"][row].bool()
            torch.testing.assert_close(logits[row, real], model(**one).logits[0], atol=1e-5, rtol=1e-4)


LEADING = [("beit", 1), ("vit", 1), ("dinov2", 1), ("registers", 4), ("clip", 1)]


@pytest.mark.parametrize(("vision", "skip"), LEADING)
@torch.no_grad()
def test_leading_tokens_are_found_and_dropped_and_no_norm_is_added(vision: str, skip: int) -> None:
    model = limber(vision)
    assert model.config.vision_skip_tokens == skip
    pixels = torch.randn(2, 3, SIDE, SIDE)
    hidden = model.vision_tower(pixel_values=pixels).last_hidden_state
    assert hidden.shape[1] == PATCHES + skip
    expected = torch.einsum("bpv,dv->bpd", hidden[:, skip:], model.projection.weight) + model.projection.bias
    torch.testing.assert_close(model.get_image_features(pixels), expected, atol=1e-5, rtol=1e-5)
    model.config.vision_skip_tokens = None  # by shape, as for a configuration that does not say
    torch.testing.assert_close(model.get_image_features(pixels), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_beit_features_are_the_last_layers_output_without_a_norm() -> None:
    model = limber("beit")
    pixels = torch.randn(1, 3, SIDE, SIDE)
    outputs: list[torch.Tensor] = []
    hook = model.vision_tower.layers[-1].register_forward_hook(lambda _m, _i, out: outputs.append(out))
    vectors = model.get_patch_vectors(pixels)
    hook.remove()
    assert torch.equal(vectors, outputs[0][:, 1:])


@torch.no_grad()
def test_a_convolutional_map_is_read_row_by_row() -> None:
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic")
    eyes = AutoModel.from_config(config).eval()
    model = LimberForConditionalGeneration.from_parts(eyes, language_model("gptj"))
    pixels = torch.randn(2, 3, 32, 32)
    hidden = eyes(pixels).last_hidden_state
    assert hidden.shape[1] == 12
    assert torch.equal(model.get_patch_vectors(pixels)[:, 1], hidden[:, :, 0, 1])


@pytest.mark.parametrize("image_token", [5, IMAGE_TOKEN, ROWS, 50257])
@torch.no_grad()
def test_the_image_token_is_never_embedded(image_token: int) -> None:
    model = limber(image_token_id=image_token)
    words = torch.tensor([[1, 2, 3]])
    ids = torch.cat([torch.full((1, PATCHES), image_token), words], dim=1)
    pixels = torch.randn(1, 3, SIDE, SIDE)
    embed = model.get_input_embeddings()
    expected = torch.cat([model.get_image_features(pixels), embed(words)], dim=1)
    assert torch.equal(model.embed(ids, pixels), expected)


@pytest.mark.parametrize("given", [PATCHES - 1, PATCHES + 1, 0])
def test_too_few_or_too_many_image_tokens_are_told_with_both_counts(given: int) -> None:
    ids = torch.tensor([[IMAGE_TOKEN] * given + [1, 2]])
    with pytest.raises(ModelError, match=rf"{given}: expected {PATCHES}"):
        limber()(input_ids=ids, pixel_values=torch.randn(1, 3, SIDE, SIDE))


def test_image_tokens_without_an_image_are_refused() -> None:
    with pytest.raises(ModelError, match=f"{PATCHES}: expected 0"):
        limber()(input_ids=torch.tensor([[IMAGE_TOKEN] * PATCHES + [1]]))


@torch.no_grad()
def test_padding_rows_and_the_image_token_are_never_written_yet_forward_is_raw() -> None:
    model, batch = limber("beit", "gptj"), processor()(images=images(2), return_tensors="pt")
    raw = model(**batch).logits
    model.language_model.lm_head.bias[len(WORDS) :] += 1e3
    model.language_model.lm_head.bias[5] += 1e3
    model.config.image_token_id, ids = 5, batch["input_ids"].masked_fill(batch["input_ids"] == IMAGE_TOKEN, 5)
    for options in ({"do_sample": False}, {"do_sample": True, "temperature": 2.0}, {"num_beams": 3}):
        out = model.generate(**{**batch, "input_ids": ids}, max_new_tokens=5, **options)
        written = out[:, ids.shape[1] :]
        assert int(written.max()) < len(WORDS)
        assert not bool((written == 5).any())
    after = model(**{**batch, "input_ids": ids}).logits
    assert int(after[0, -1].argmax()) in {5, *range(len(WORDS), ROWS)}  # what generation would have taken
    torch.testing.assert_close(after[..., :5], raw[..., :5])


@torch.no_grad()
def test_the_image_is_encoded_once_an_answer_and_again_each_step_without_a_cache() -> None:
    model, batch, calls = limber(), processor()(images=images(1), return_tensors="pt"), []
    model.vision_tower.register_forward_hook(lambda *_: calls.append(1))
    cached = model.generate(**batch, max_new_tokens=5, do_sample=False)
    assert len(calls) == 1
    plain = model.generate(**batch, max_new_tokens=5, do_sample=False, use_cache=False)
    assert len(calls) == 6
    assert torch.equal(cached, plain)


def test_loss_is_the_language_models_and_image_positions_do_not_count() -> None:
    model, batch = limber(), processor()(images=images(2), return_tensors="pt")
    ids = batch["input_ids"]
    out = model(**batch, labels=ids)
    log_p = model(**batch).logits[:, :-1].log_softmax(dim=-1)
    counts = ids[:, 1:] != IMAGE_TOKEN
    picked = log_p.gather(2, ids[:, 1:].masked_fill(~counts, 0).unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(out.loss, -picked[counts].mean())
    out.loss.backward()
    assert float(model.projection.weight.grad.abs().sum()) > 0


@torch.no_grad()
def test_logits_to_keep_gives_the_last_ones() -> None:
    model, batch = limber("clip", "opt"), processor()(images=images(2), return_tensors="pt")
    every = model(**batch).logits
    torch.testing.assert_close(model(**batch, logits_to_keep=1).logits, every[:, -1:])


def test_dropout_is_there_in_training_only() -> None:
    model, pixels = limber(projection_dropout=0.5), torch.randn(1, 3, SIDE, SIDE)
    assert not model.training
    assert torch.equal(model.get_image_features(pixels), model.get_image_features(pixels))
    model.train()
    zeros = (model.get_image_features(pixels) == 0).float().mean()
    assert 0.4 < float(zeros) < 0.6


def test_embeddings_decoder_and_parts_are_the_language_models() -> None:
    model = limber("beit", "gptj")
    assert model.get_input_embeddings() is model.language_model.transformer.wte
    assert model.get_output_embeddings() is model.language_model.lm_head
    assert model.get_decoder() is model.language_model.transformer
