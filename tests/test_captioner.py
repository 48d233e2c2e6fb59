"""Captions and their words, loading and its errors, and where patches lie on the original image."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from machines import PATCH, PATCHES, SIDE, WORDS, captioner, images, model, processor
from molyneux.data.gate import open_image
from molyneux.ground.errors import ModelError, SettingError, TargetError
from molyneux.models.caption import WordAt, read_caption
from molyneux.models.captioner import Captioner
from molyneux.models.geometry import PatchGrid
from molyneux.models.load import choose_device, load


def byte_level() -> PreTrainedTokenizerFast:
    """A GPT-2-like tokenizer whose few merges cut rare words into pieces."""
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    pieces.train_from_iterator(
        ["a red dog on the grass, a red dog", "the dog and the red grass"] * 5, trainer
    )
    return PreTrainedTokenizerFast(tokenizer_object=pieces, eos_token="<|end|>")


@pytest.mark.parametrize(
    ("text", "noun", "first_token"),
    [
        (" a red dog on the grass.", "dog", " dog"),
        ("A wombat on the grass", "wombat", "w"),  # the space before it is a piece of its own here
        (" the café, red", "café", None),
        ("a dog's \u2028 tail", "dog", " dog"),
    ],
)
def test_words_find_their_first_token_in_byte_level_pieces(
    text: str, noun: str, first_token: str | None
) -> None:
    tokenizer = byte_level()
    ids = tokenizer(text)["input_ids"]
    caption = read_caption(ids, [0.5] * len(ids), tokenizer)
    assert caption.text == text.strip()
    assert caption.noun is not None
    assert caption.noun.word == noun
    if first_token is not None:
        assert caption.tokens[caption.noun.token] == first_token
    before = tokenizer.decode(ids[: caption.noun.token])
    until = tokenizer.decode(ids[: caption.noun.token + 1])
    assert noun not in before
    assert len(until) > caption.text.index(noun)


def test_words_of_a_word_level_caption_are_its_tokens() -> None:
    tokenizer = processor().tokenizer
    ids = [WORDS.index(word) for word in ("a", "red", "dog", "on", "the", "grass")]
    caption = read_caption(ids, [0.1] * 6, tokenizer)
    assert caption.text == "a red dog on the grass"
    assert caption.noun == WordAt("dog", 2)
    assert [word.token for word in caption.words] == [0, 1, 2, 3, 4, 5]
    assert caption.find("Grass") == WordAt("grass", 5)
    with pytest.raises(TargetError, match=r"'cat'.*'a red dog on the grass'"):
        caption.find("cat")


def test_a_token_outside_every_word_stands_for_itself() -> None:
    tokenizer = byte_level()
    ids = tokenizer("a wombat, the grass")["input_ids"]
    caption = read_caption(ids, [0.5] * len(ids), tokenizer)
    comma = caption.tokens.index(",")
    assert caption.at(comma) == WordAt(",", comma)
    assert caption.at(comma - 1) == WordAt("wombat", comma - 1)  # a later piece belongs to its word
    assert caption.at(0) == WordAt("a", 0)


def test_empty_and_nounless_captions_have_no_noun() -> None:
    tokenizer = processor().tokenizer
    assert read_caption([], [], tokenizer).noun is None
    assert read_caption([WORDS.index("the"), WORDS.index("of")], [0.5, 0.5], tokenizer).noun is None


def test_probabilities_are_the_softmax_of_generates_own_logits() -> None:
    machine, (image,) = captioner(), images()
    caption = machine.caption(image, max_new_tokens=5)
    inputs = machine.prepare([open_image(image)])
    made = machine.model.generate(
        **inputs, do_sample=False, max_new_tokens=5, output_logits=True, return_dict_in_generate=True
    )
    assert made.sequences[0, inputs["input_ids"].shape[1] :].tolist() == list(caption.token_ids)
    for step, token in enumerate(caption.token_ids):
        chances = made.logits[step][0, : len(WORDS)].softmax(-1)
        assert caption.probabilities[step] == pytest.approx(float(chances[token]), rel=1e-5)


def test_lists_give_lists_and_batches_do_not_matter() -> None:
    machine, some = captioner(), images(5)
    listed = machine.caption(list(some), batch_size=2)
    assert [c.text for c in listed] == [machine.caption(image).text for image in some]
    assert isinstance(machine.caption([some[0]]), list)


def test_a_saved_folder_loads_and_captions_alike(tmp_path) -> None:
    machine, (image,) = captioner(), images()
    machine.model.save_pretrained(tmp_path)
    machine.processor.save_pretrained(tmp_path)
    again = load(tmp_path, device="cpu")
    assert again.caption(image) == machine.caption(image)
    assert load(str(tmp_path), dtype="bfloat16").model.dtype == torch.bfloat16
    assert load(machine.model, processor=machine.processor).caption(image) == machine.caption(image)


def test_loading_what_is_no_vision_language_model(tmp_path) -> None:
    with pytest.raises(ModelError, match="not-there"):
        load(tmp_path / "not-there")
    with pytest.raises(ModelError, match="visual"):
        Captioner(AutoModelForCausalLM.from_config(model().language_model.config), processor())
    with pytest.raises(ModelError, match="processor"):
        load(model())
    with pytest.raises(SettingError, match="dtype 'float8'"):
        load("miniature", dtype="float8")
    with pytest.raises(SettingError, match="device 'abacus'"):
        choose_device("abacus")


def test_damaged_checkpoints_are_refused(tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    machine = captioner()
    machine.model.save_pretrained(tmp_path)
    machine.processor.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    whole = load_file(weights)
    without = {key: value for key, value in whole.items() if key != "projection.weight"}
    save_file(without, weights, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"projection\.weight"):
        load(tmp_path)
    save_file(whole | {"projection.bias": torch.zeros(5)}, weights, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"projection\.bias|mismatched"):
        load(tmp_path)
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="transformers says"):
        load(tmp_path)


def test_code_from_a_checkpoint_is_never_run_nor_asked_for(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = captioner()
    machine.model.save_pretrained(tmp_path)
    machine.processor.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["model_type"] = "stranger"
    config["auto_map"] = {
        "AutoConfig": "evil.EvilConfig",
        "AutoModelForImageTextToText": "evil.Evil",
        "AutoProcessor": "evil.EvilProcessor",
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').write('x')")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    with pytest.raises(ModelError, match=r"stranger|code"):
        load(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_decoder_without_known_mlps_is_refused() -> None:
    machine = model()
    for block in machine.get_decoder().h:
        block.mlp = torch.nn.Identity()
    with pytest.raises(ModelError, match="known family"):
        Captioner(machine, processor())


def test_logits_that_overflow_are_no_caption() -> None:
    from molyneux.ground.errors import NonFiniteError

    machine, (image,) = captioner(), images()
    with torch.no_grad():
        machine.model.get_output_embeddings().weight.mul_(1e38)
    with pytest.raises(NonFiniteError, match="every weight is finite"):
        machine.caption(image)


def cropping(machine: Captioner) -> Captioner:
    """The same machine behind a processor that cuts the middle out, as CLIP's does."""
    twin = Captioner(machine.model, copy.deepcopy(machine.processor))
    images_of = twin.processor.image_processor
    images_of.size = {"shortest_edge": SIDE + 8}
    images_of.do_center_crop = True
    images_of.crop_size = {"height": SIDE, "width": SIDE}
    return twin


@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("size", [(96, 96), (120, 90), (64, 150)])
@pytest.mark.parametrize("patch", [0, 6, 15])
def test_a_patch_of_the_geometry_is_the_patch_that_the_encoder_sees(
    crop: bool, size: tuple[int, int], patch: int
) -> None:
    machine = cropping(captioner()) if crop else captioner()
    grey = Image.new("RGB", size, (128, 128, 128))
    inputs = machine.prepare([open_image(grey)])
    grid = machine.grid(open_image(grey), inputs)
    assert grid is not None
    assert (grid.rows, grid.columns, grid.patches) == (SIDE // PATCH, SIDE // PATCH, PATCHES)
    left, top, right, bottom = grid.patch_box(patch)
    painted = np.array(grey)
    painted[round(top) : round(bottom), round(left) : round(right)] = 255
    white = machine.prepare([open_image(Image.fromarray(painted))])

    def cells(pixels: torch.Tensor) -> torch.Tensor:
        side = SIDE // PATCH
        return pixels[0].mean(0).reshape(side, PATCH, side, PATCH).mean((1, 3)).flatten()

    change = cells(white["pixel_values"]) - cells(inputs["pixel_values"])
    assert int(change.argmax()) == patch
    assert float(change[patch]) > 0.7 * float(change.sum())


def test_fields_outside_a_crop_are_unknown_and_never_in_a_mask() -> None:
    grid = PatchGrid(2, 2, width=40, height=20, box=(10.0, 0.0, 30.0, 20.0))
    heat = grid.upsample(torch.tensor([0.0, 1.0, 2.0, 3.0]))
    assert heat.shape == (20, 40)
    assert bool(heat[:, :10].isnan().all())
    assert bool(heat[:, 30:].isnan().all())
    assert not bool(heat[:, 10:30].isnan().any())
    from molyneux.neurons.fields import ReceptiveField

    mask = heat.as_subclass(ReceptiveField).mask(75)
    assert 80 <= int(mask.sum()) <= 100  # the edge repeats values, and a mask is strictly above
    assert not bool(mask[:, :10].any())
    with pytest.raises(SettingError, match="percentile 101"):
        heat.as_subclass(ReceptiveField).mask(101)
    with pytest.raises(ModelError, match="patch 4"):
        grid.patch_box(4)


def test_bilinear_maps_match_an_independent_resize() -> None:
    values = np.random.default_rng(0).normal(size=16)
    heat = PatchGrid(4, 4, width=30, height=50, box=(0.0, 0.0, 30.0, 50.0)).upsample(torch.tensor(values))
    small = values.reshape(4, 4)
    for row, column in [(0, 0), (25, 15), (49, 29), (10, 22)]:
        y, x = ((row + 0.5) * 4 / 50 - 0.5), ((column + 0.5) * 4 / 30 - 0.5)
        y, x = min(max(y, 0), 3), min(max(x, 0), 3)
        y0, x0 = int(y), int(x)
        y1, x1 = min(y0 + 1, 3), min(x0 + 1, 3)
        above = small[y0, x0] * (1 - (x - x0)) + small[y0, x1] * (x - x0)
        below = small[y1, x0] * (1 - (x - x0)) + small[y1, x1] * (x - x0)
        assert float(heat[row, column]) == pytest.approx(above * (1 - (y - y0)) + below * (y - y0), abs=1e-5)
