"""LiMBeR saved, loaded and put together from parts, and its processor."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    CLIPConfig,
    CLIPModel,
    pipeline,
)

from limber_machines import (
    COMMON,
    GRID,
    PATCHES,
    ROWS,
    SIDE,
    TEXT,
    VISION,
    WORDS,
    image_processor,
    images,
    language_model,
    limber,
    processor,
    tokenizer,
)
from molyneux.ground.errors import ModelError, SettingError
from molyneux.models.limber import LimberConfig, LimberForConditionalGeneration, LimberProcessor, assemble

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
