"""LiMBeR as a citizen of transformers: any encoder, any language model, generate, save, load, pipeline."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    BeitConfig,
    CLIPConfig,
    CLIPModel,
    CLIPVisionConfig,
    Dinov2Config,
    Dinov2WithRegistersConfig,
    GPT2Config,
    GPTJConfig,
    LlamaConfig,
    OPTConfig,
    PreTrainedTokenizerFast,
    ResNetConfig,
    ViTConfig,
    pipeline,
)

from molyneux.ground.errors import ModelError, SettingError
from molyneux.models.limber import LimberConfig, LimberForConditionalGeneration, LimberProcessor, assemble

WORDS = ["<eos>", "a", "picture", "of", *(f"w{n}" for n in range(28))]  # 32 real tokens
ROWS = 40  # of the embedding: 8 of padding
IMAGE_TOKEN = len(WORDS)
SIDE, PATCH = 16, 4
PATCHES = (SIDE // PATCH) ** 2

COMMON = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
GRID = {"image_size": SIDE, "patch_size": PATCH}
VISION = {
    "beit": lambda: BeitConfig(**COMMON, **GRID, use_mean_pooling=True),
    "vit": lambda: ViTConfig(**COMMON, **GRID),
    "dinov2": lambda: Dinov2Config(**{**COMMON, **GRID}),
    "registers": lambda: Dinov2WithRegistersConfig(**{**COMMON, **GRID}, num_register_tokens=3),
    "clip": lambda: CLIPVisionConfig(**COMMON, **GRID),
}
ENDS = {"vocab_size": ROWS, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
TEXT = {
    "gptj": lambda: GPTJConfig(n_embd=32, n_layer=2, n_head=2, rotary_dim=8, n_positions=64, **ENDS),
    "gpt2": lambda: GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=64, **ENDS),
    "opt": lambda: OPTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, ffn_dim=48, word_embed_proj_dim=20, **ENDS
    ),
    "llama": lambda: LlamaConfig(
        **{**COMMON, "hidden_size": 32}, num_key_value_heads=1, max_position_embeddings=64, **ENDS
    ),
}
PAIRS = list(product(VISION, TEXT))


def language_model(kind: str) -> torch.nn.Module:
    model = AutoModelForCausalLM.from_config(TEXT[kind]())
    with torch.no_grad():  # far from ties, and different enough that greedy texts are not one word
        for weight in model.parameters():
            weight.normal_(std=0.3) if weight.ndim > 1 else None
    return model.eval()


def limber(vision: str = "beit", text: str = "gptj", **given: object) -> LimberForConditionalGeneration:
    torch.manual_seed(0)
    eyes = AutoModel.from_config(VISION[vision]()).eval()
    given = {"image_token_id": IMAGE_TOKEN, "real_vocab_size": len(WORDS)} | given
    model = LimberForConditionalGeneration.from_parts(eyes, language_model(text), **given)
    torch.nn.init.normal_(model.projection.weight, std=0.5)
    torch.nn.init.normal_(model.projection.bias, std=0.5)
    model.generation_config.pad_token_id = 0
    model.generation_config.eos_token_id = None  # fixed lengths: nothing in a random model stops early
    return model


def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<eos>"))
    words.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>")


def image_processor() -> object:
    from transformers.models.beit.image_processing_pil_beit import BeitImageProcessorPil

    half = [0.5] * 3
    return BeitImageProcessorPil(size={"height": SIDE, "width": SIDE}, image_mean=half, image_std=half)


def processor() -> LimberProcessor:
    return LimberProcessor(image_processor(), tokenizer(), prefix="a picture of", num_image_tokens=PATCHES)


def images(count: int) -> list[Image.Image]:
    pixels = np.random.default_rng(1).integers(0, 255, (count, 20, 30, 3), dtype=np.uint8)
    return [Image.fromarray(image) for image in pixels]


TEXTS = ["a picture of", "w3", "of w9 w1 w4 w5"]


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


SAVED = [("beit", "gptj"), ("clip", "gpt2"), ("dinov2", "opt"), ("vit", "llama")]


@pytest.mark.parametrize(("vision", "text"), SAVED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@torch.no_grad()
def test_saving_and_loading_keeps_weights_dtype_and_ties(tmp_path, vision, text, dtype) -> None:
    model = limber(vision, text).to(dtype)
    model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").exists()
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path, dtype="auto")
    assert isinstance(loaded, LimberForConditionalGeneration)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), LimberConfig)
    assert not loaded.training
    assert {weight.dtype for weight in loaded.parameters()} == {dtype}
    before, after = model.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert (loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight) == tied
    assert tied == (text in {"gpt2", "opt"})
    for name in ("image_token_id", "real_vocab_size", "vision_skip_tokens", "projection_dropout"):
        assert getattr(loaded.config, name) == getattr(model.config, name)
    as_float = AutoModelForImageTextToText.from_pretrained(tmp_path, dtype=torch.float32)
    assert {weight.dtype for weight in as_float.parameters()} == {torch.float32}


def parts_on_disk(folder) -> tuple[str, str]:
    torch.manual_seed(0)
    vision, text = folder / "vision", folder / "text"
    AutoModel.from_config(VISION["beit"]()).save_pretrained(vision)
    image_processor().save_pretrained(vision)
    language_model("gptj").save_pretrained(text)
    tokenizer().save_pretrained(text)
    return vision, text


def test_a_folder_works_with_auto_classes_and_the_pipeline(tmp_path) -> None:
    vision, text = parts_on_disk(tmp_path)
    model, make = assemble(vision, text, prefix="a picture of")
    assert make.num_image_tokens == PATCHES
    assert (make.image_token_id, make.real_vocab_size) == (len(WORDS), len(WORDS))
    assert (model.config.image_token_id, model.config.real_vocab_size) == (len(WORDS), len(WORDS))
    assert model.generation_config.eos_token_id == 0
    folder = tmp_path / "limber"
    model.save_pretrained(folder)
    make.save_pretrained(folder)
    for path in folder.glob("*.json"):  # a saved model does not tell where its parts lay
        assert str(tmp_path) not in path.read_text(), path.name
    again = AutoProcessor.from_pretrained(folder)
    assert isinstance(again, LimberProcessor)
    assert (again.prefix, again.num_image_tokens) == ("a picture of", PATCHES)
    assert again.image_token_id == len(WORDS)
    assert type(again.image_processor).__name__.endswith("Pil")
    first, second = (p(images=images(2), return_tensors="pt") for p in (make, again))
    assert all(torch.equal(first[name], second[name]) for name in first)

    pipe = pipeline("image-text-to-text", model=str(folder))
    pictures, asked = images(3), ["a picture of", "w3", "of w9 w1"]
    options = {"max_new_tokens": 4, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    wanted = []
    for picture, words in zip(pictures, asked, strict=True):
        batch = again(images=picture, text=words, return_tensors="pt")
        out = model.generate(**batch, **options)
        wanted.append(again.decode(out[0, batch["input_ids"].shape[1] :], skip_special_tokens=True))
    rows = [{"images": picture, "text": words} for picture, words in zip(pictures, asked, strict=True)]
    for size in (1, 3):
        found = pipe((row for row in rows), generate_kwargs=options, batch_size=size, return_full_text=False)
        assert [row[0]["generated_text"].strip() for row in found] == wanted
    found = pipe(images=pictures, text=asked, generate_kwargs=options, return_full_text=False)
    assert [row["generated_text"].strip() for row in found] == wanted


def test_from_parts_takes_folders_a_weight_a_state_and_the_image_half_of_clip(tmp_path) -> None:
    vision, text = parts_on_disk(tmp_path)
    weight, bias = torch.randn(32, 24), torch.randn(32)
    one = LimberForConditionalGeneration.from_parts(vision, text, projection=weight)
    two = LimberForConditionalGeneration.from_parts(vision, text, projection={"weight": weight, "bias": bias})
    assert torch.equal(one.projection.weight, weight)
    assert not one.projection.bias.any()
    assert torch.equal(two.projection.bias, bias)
    own = AutoModelForCausalLM.from_pretrained(text).state_dict()
    assert all(torch.equal(own[name], value) for name, value in one.language_model.state_dict().items())
    with pytest.raises(ModelError, match=r"projection .*expected 32 x 24"):
        LimberForConditionalGeneration.from_parts(vision, text, projection=weight.T)
    clip = CLIPModel(CLIPConfig(vision_config={**COMMON, **GRID}, text_config={**COMMON, "vocab_size": 50}))
    clip.save_pretrained(tmp_path / "clip")
    three = LimberForConditionalGeneration.from_parts(str(tmp_path / "clip"), text)
    assert three.config.vision_skip_tokens == 1
    kept = three.vision_tower.state_dict()
    assert all(torch.equal(kept[name], clip.vision_model.state_dict()[name]) for name in kept)


def test_a_configuration_alone_builds_a_model_and_bad_ones_are_refused() -> None:
    config = LimberConfig(VISION["dinov2"]().to_dict(), TEXT["gptj"](), image_token_id=40)
    model = AutoModelForImageTextToText.from_config(config).eval()
    assert config.num_image_tokens == PATCHES
    ids = torch.tensor([[40] * PATCHES + [1]])
    assert model(ids, torch.randn(1, 3, SIDE, SIDE)).logits.shape == (1, PATCHES + 1, ROWS)
    paper = LimberConfig()
    assert (paper.num_image_tokens, paper.text_config.n_embd, paper.image_token_id) == (196, 4096, 50257)
    with pytest.raises(SettingError, match="real_vocab_size 41: expected 1 to 40"):
        LimberConfig(vision_config=VISION["vit"](), text_config=TEXT["gptj"](), real_vocab_size=41)
    with pytest.raises(ModelError, match="nonsense"):
        LimberConfig(vision_config={"model_type": "nonsense"})


def test_the_processor_places_images_and_words() -> None:
    make = processor()
    soft = [make.image_token_id] * PATCHES
    one = make(images=images(1)[0], return_tensors="pt")
    assert one["input_ids"].tolist() == [[*soft, 1, 2, 3]]  # no token before the image or between
    assert one["pixel_values"].shape == (1, 3, SIDE, SIDE)
    assert set(one) == {"input_ids", "attention_mask", "pixel_values"}
    two = make(images=images(2), text=["w1", "a <image> of"])
    assert two["input_ids"][1] == [1, *soft, 3]
    empty = make(images=images(1), text="")
    assert empty["input_ids"] == [soft]
    left = make(images=images(2), text=["w1", "a a a"], return_tensors="pt")
    assert left["attention_mask"][0].tolist() == [0, 0] + [1] * (PATCHES + 1)
    words = make(text=["a picture", "of"])
    assert words["input_ids"] == [[1, 2], [0, 3]]
    assert make.decode(one["input_ids"][0], skip_special_tokens=True) == "a picture of"
    assert make.batch_decode(one["input_ids"], skip_special_tokens=True) == ["a picture of"]
    grey = make(images=images(1)[0].convert("L"), return_tensors="pt")
    assert grey["pixel_values"].shape == (1, 3, SIDE, SIDE)
    with pytest.raises(SettingError, match="images 2: expected 3"):
        make(images=images(2), text=["a", "a", "a"])
    with pytest.raises(SettingError, match="images 1: expected 2"):
        make(images=images(1), text="<image> <image>")


def test_the_image_processor_is_the_pil_one(tmp_path) -> None:
    vision, _ = parts_on_disk(tmp_path)
    assert type(AutoImageProcessor.from_pretrained(vision, backend="pil")).__name__.endswith("Pil")
