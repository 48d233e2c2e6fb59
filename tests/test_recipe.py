"""The miniature's data set and its making: COCO's formats, the projection's training, resuming."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    BeitConfig,
    BeitModel,
    GPTJConfig,
    GPTJForCausalLM,
)
from transformers.models.beit.image_processing_pil_beit import BeitImageProcessorPil

from molyneux.ground.errors import SettingError
from molyneux.miniature.accuracy import named_category, noun_accuracy, noun_choice
from molyneux.miniature.dataset import (
    DEVELOPMENT,
    HELD_OUT,
    captions_of,
    read_captions,
    run_lengths,
    scene_of,
    write_coco,
)
from molyneux.miniature.features import patch_features, pixels_of
from molyneux.miniature.judges.bert import BertRecipe
from molyneux.miniature.judges.build import JudgesRecipe
from molyneux.miniature.judges.clip import ClipRecipe
from molyneux.miniature.projection import ProjectionRecipe, caption_loss, norm_penalty, train_projection
from molyneux.miniature.recipe import MiniatureRecipe, build
from molyneux.miniature.scene import CATEGORIES
from molyneux.miniature.text import TextRecipe
from molyneux.miniature.tokenizer import build_tokenizer
from molyneux.miniature.vision import VisionRecipe
from molyneux.miniature.whiten import fit_whitening, fold
from molyneux.miniature.world import render

TINY = ProjectionRecipe(scenes=24, steps=6, batch=8, warmup=2, check=8, every=3)


@pytest.fixture(scope="module")
def coco(tmp_path_factory) -> Path:
    return write_coco(tmp_path_factory.mktemp("coco"), range(12), side=96)


def test_pycocotools_reads_the_masks_and_they_are_exact(coco) -> None:
    tools = pytest.importorskip("pycocotools.coco")
    mask_api = pytest.importorskip("pycocotools.mask")
    api = tools.COCO(str(coco / "annotations" / "instances_val2017.json"))
    assert {c["name"]: c["id"] for c in api.loadCats(api.getCatIds())} == CATEGORIES
    count = 0
    for seed in range(12):
        scene = scene_of(seed)
        wanted = [m for m in render(scene, side=96).masks if m.any()]
        found = api.loadAnns(api.getAnnIds(imgIds=[seed]))
        assert len(found) == len(wanted)
        for annotation, mask in zip(found, wanted, strict=True):
            code = api.annToRLE(annotation)
            reference = mask_api.encode(np.asfortranarray(mask.astype(np.uint8)))
            assert mask_api.iou([code], [reference], [0])[0, 0] == 1.0
            assert np.array_equal(api.annToMask(annotation).astype(bool), mask)
            assert mask_api.toBbox(reference).tolist() == annotation["bbox"]
            assert int(mask_api.area(reference)) == annotation["area"]
            count += 1
    assert count > 12  # some scenes hold more than one thing


def test_captions_pictures_and_licence_are_in_cocos_layout(coco) -> None:
    tools = pytest.importorskip("pycocotools.coco")
    api = tools.COCO(str(coco / "annotations" / "captions_val2017.json"))
    assert "synthetic" in api.dataset["info"]["description"]
    read = read_captions(coco)
    for seed, (path, captions) in enumerate(read.items()):
        entry = api.loadImgs(seed)[0]
        assert path.name == entry["file_name"] == f"{seed:012d}.jpg"
        with Image.open(path) as image:
            assert (image.format, image.size) == ("JPEG", (entry["width"], entry["height"]))
        assert (
            captions
            == captions_of(seed)
            == [a["caption"] for a in api.loadAnns(api.getAnnIds(imgIds=[seed]))]
        )
        assert len(captions) == 5
        assert all(named_category(text) == scene_of(seed).things[0].category for text in captions)
    assert min(annotation["id"] for annotation in api.dataset["annotations"]) == 1


def test_the_same_seeds_give_the_same_bytes(coco, tmp_path) -> None:
    again = write_coco(tmp_path, range(12), side=96)
    for path in sorted(coco.rglob("*.*")):
        assert path.read_bytes() == (again / path.relative_to(coco)).read_bytes()


@pytest.mark.parametrize("seeds", [[], [1, 1], [-1]])
def test_bad_seeds_are_refused(seeds, tmp_path) -> None:
    with pytest.raises(SettingError, match="seeds"):
        write_coco(tmp_path, seeds)


def test_run_lengths_start_with_zeros_whatever_the_mask() -> None:
    assert run_lengths(np.ones((2, 3), bool)) == {"counts": [0, 6], "size": [2, 3]}
    assert run_lengths(np.zeros((2, 3), bool)) == {"counts": [6], "size": [2, 3]}
    corner = np.zeros((2, 3), bool)
    corner[1, 0] = True  # the second pixel down the first column
    assert run_lengths(corner) == {"counts": [1, 1, 4], "size": [2, 3]}


def test_seed_ranges_do_not_meet() -> None:
    ranges = [HELD_OUT, DEVELOPMENT, TINY.seeds]
    assert all(a.stop <= b.start for a, b in pairwise(ranges))
    with pytest.raises(SettingError, match=r"first_seed 999999: expected a training seed, 1000000"):
        ProjectionRecipe(first_seed=999_999)


def test_whitening_whitens_and_folds_back_into_one_layer() -> None:
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(4000, 6, generator=generator) @ torch.randn(6, 6, generator=generator) + 3.0
    whitening = fit_whitening(mixed, ridge=1e-6)
    z = (mixed - whitening.mean) @ whitening.matrix
    torch.testing.assert_close(z.T @ z / len(z), torch.eye(6), atol=1e-3, rtol=1e-3)
    weight, bias = torch.randn(4, 6, generator=generator), torch.randn(4, generator=generator)
    folded, moved = fold(weight, bias, whitening)
    torch.testing.assert_close(mixed @ folded.T + moved, z @ weight.T + bias, atol=1e-3, rtol=1e-3)


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> tuple[Path, Path]:
    """Tiny random stand-ins for the two trained models, with the miniature's own tokenizer."""
    folder = tmp_path_factory.mktemp("parts")
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BeitModel(BeitConfig(image_size=32, patch_size=8, use_mean_pooling=True, **shape)).save_pretrained(
        folder / "eyes"
    )
    half = [0.5] * 3
    BeitImageProcessorPil(
        size={"height": 32, "width": 32}, resample=2, image_mean=half, image_std=half
    ).save_pretrained(folder / "eyes")
    tokenizer = build_tokenizer()
    config = GPTJConfig(
        vocab_size=len(tokenizer),
        n_embd=32,
        n_layer=2,
        n_head=2,
        rotary_dim=8,
        n_positions=128,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    GPTJForCausalLM(config).save_pretrained(folder / "tongue")
    tokenizer.save_pretrained(folder / "tongue")
    return folder / "eyes", folder / "tongue"


@pytest.fixture(scope="module")
def trained(parts, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    train_projection(out, vision=parts[0], text=parts[1], recipe=TINY)
    return out


def test_training_writes_a_folder_that_transformers_opens_and_captions_with(trained) -> None:
    model = AutoModelForImageTextToText.from_pretrained(trained / "latest")
    processor = AutoProcessor.from_pretrained(trained / "latest")
    batch = processor(images=[render(scene_of(s)).image for s in (0, 1)], return_tensors="pt")
    assert batch["input_ids"].shape == (2, 16 + 3)
    texts = processor.batch_decode(model.generate(**batch, max_new_tokens=3), skip_special_tokens=True)
    assert all(text.startswith("a picture of") for text in texts)
    scores = noun_accuracy(model, processor, range(100_000, 100_006))
    assert scores["scenes"] == 6
    assert 0 <= scores["noun_accuracy"] <= 1
    assert model.dtype == torch.float32
    from safetensors import safe_open

    with safe_open(trained / "latest" / "model.safetensors", "pt") as weights:
        assert weights.get_tensor("projection.weight").dtype == torch.float16


def test_only_the_projection_learns(trained, parts) -> None:
    model = AutoModelForImageTextToText.from_pretrained(trained / "latest")
    for folder, kind, part in zip(
        parts, (BeitModel, GPTJForCausalLM), ("vision_tower", "language_model"), strict=True
    ):
        before = kind.from_pretrained(folder).state_dict()
        after = getattr(model, part).state_dict()
        assert all(torch.equal(value.half().float(), after[name].float()) for name, value in before.items())
    rows = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [3, 6]
    assert rows[1]["train_loss"] < rows[0]["train_loss"]
    assert 0.8 < rows[1]["prompt_norm"] < 1.2


def test_a_stopped_training_goes_on_to_the_same_weights(trained, parts, tmp_path) -> None:
    train_projection(tmp_path, vision=parts[0], text=parts[1], recipe=TINY, stop=3)
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1
    train_projection(tmp_path, vision=parts[0], text=parts[1], recipe=TINY)
    whole, halves = (torch.load(out / "checkpoint.pt", weights_only=True) for out in (trained, tmp_path))
    assert halves["step"] == 6
    assert all(torch.equal(whole["layer"][name], halves["layer"][name]) for name in whole["layer"])
    written = (tmp_path / "latest" / "model.safetensors").stat().st_mtime_ns
    train_projection(tmp_path, vision=parts[0], text=parts[1], recipe=TINY)  # done: nothing is made again
    assert (tmp_path / "latest" / "model.safetensors").stat().st_mtime_ns == written


def test_another_recipe_or_encoder_is_refused(trained, parts, tmp_path) -> None:
    other = ProjectionRecipe(scenes=24, steps=7, batch=8)
    with pytest.raises(SettingError, match="steps"):
        train_projection(trained, vision=parts[0], text=parts[1], recipe=other)
    moved = tmp_path / "eyes"
    model = BeitModel.from_pretrained(parts[0])
    torch.nn.init.normal_(model.embeddings.cls_token)
    model.save_pretrained(moved)
    with pytest.raises(SettingError, match="vision differ"):
        train_projection(trained, vision=moved, text=parts[1], recipe=TINY)


def test_features_are_what_the_captioner_sees_at_use(trained, tmp_path) -> None:
    model = AutoModelForImageTextToText.from_pretrained(trained / "latest")
    processor = AutoProcessor.from_pretrained(trained / "latest")
    cached = patch_features(tmp_path / "f", [5, 6], model, processor, pixels=tmp_path / "p")
    batch = processor(images=[render(scene_of(s)).image for s in (5, 6)], return_tensors="pt")
    vectors = model.get_patch_vectors(batch["pixel_values"])
    torch.testing.assert_close(cached.float(), vectors, atol=2e-3, rtol=2e-3)
    resized = np.stack([np.asarray(render(scene_of(5)).image.resize((32, 32), 2))])
    torch.testing.assert_close(pixels_of(processor, resized), batch["pixel_values"][:1])
    assert 0 <= noun_choice(model, processor, cached, [5, 6]) <= 1


def test_caption_loss_is_that_of_the_assembled_model(trained) -> None:
    model = AutoModelForImageTextToText.from_pretrained(trained / "latest")
    processor = AutoProcessor.from_pretrained(trained / "latest")
    texts = ["this dog on the grass", "a red car"]
    images = [render(scene_of(s)).image for s in (0, 1)]
    tokenizer = processor.tokenizer
    tail = tokenizer(
        [t + tokenizer.eos_token for t in texts], padding=True, padding_side="right", return_tensors="pt"
    )
    prefix = tokenizer(processor.prefix, return_tensors="pt")["input_ids"][0]
    pixels = processor(images=images, return_tensors="pt")["pixel_values"]
    ours = caption_loss(
        model.language_model,
        model.get_image_features(pixels),
        prefix=prefix,
        captions=tail["input_ids"],
        pad=0,
    )
    whole = processor(
        images=images,
        text=[f"{processor.prefix} {t}{tokenizer.eos_token}" for t in texts],
        padding_side="right",
        return_tensors="pt",
    )
    labels = whole["input_ids"].masked_fill(whole["attention_mask"] == 0, -100)
    labels[:, : 16 + 3] = -100
    torch.testing.assert_close(ours, model(**whole, labels=labels).loss, atol=1e-5, rtol=1e-5)


_SHAPE = {"side": 32, "scene_side": 34, "width": 16, "layers": 1, "heads": 2, "hidden": 6}
TINY_EYES = VisionRecipe(steps=2, batch=4, scenes=40, edge_codes=8, colour_codes=4, **_SHAPE)
TINY_TONGUE = TextRecipe(layers=1, width=16, heads=2, rotary=4, steps=2, batch=2, every=2)
TINY_JUDGES = JudgesRecipe(
    ClipRecipe(
        steps=2,
        batch=4,
        warmup=1,
        every=2,
        scenes=8,
        width=16,
        heads=2,
        vision_layers=1,
        text_layers=1,
        check=8,
    ),
    BertRecipe(steps=2, batch=4, warmup=1, every=2, width=16, heads=2, layers=1, check=8),
    development=8,
)
WHOLE = MiniatureRecipe(TINY_EYES, TINY_TONGUE, TINY, TINY_JUDGES, development=4)


def test_the_whole_recipe_makes_a_captioner_and_makes_nothing_twice(tmp_path, capsys, monkeypatch) -> None:
    folder = build(tmp_path, recipe=WHOLE)
    assert folder == tmp_path / "model"
    assert "names the main object of 4 development scenes in" in capsys.readouterr().err
    model = AutoModelForImageTextToText.from_pretrained(folder)
    processor = AutoProcessor.from_pretrained(folder)
    batch = processor(images=render(scene_of(0)).image, return_tensors="pt")
    assert model.generate(**batch, max_new_tokens=2).shape == (1, 16 + 3 + 2)
    making = json.loads((folder / "making.json").read_text())
    assert making["projection"]["recipe"]["vision"] == making["vision"]["weights"]
    assert making["development"]["scenes"] == 4
    assert {path.name for path in (tmp_path / "judges").iterdir()} == {"clip", "bert"}
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.glob("projection/latest/*")}
    weights = (folder / "model.safetensors").read_bytes()
    assert build(tmp_path, recipe=WHOLE) == folder
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("projection/latest/*")} == stamps
    assert (folder / "model.safetensors").read_bytes() == weights
    monkeypatch.setattr("molyneux.miniature.recipe.LIMIT", 1000)
    with pytest.raises(SettingError, match=r"model folder .* MB.*expected at most 0 MB"):
        build(tmp_path, recipe=WHOLE)
    assert (folder / "model.safetensors").read_bytes() == weights


def test_norm_penalty_is_zero_at_the_norm_and_grows_away_from_it() -> None:
    prompts = torch.nn.functional.normalize(torch.randn(2, 3, 5), dim=-1)
    assert float(norm_penalty(prompts * 4, 4.0)) < 1e-10
    assert float(norm_penalty(prompts * 8, 4.0)) == pytest.approx(1.0, abs=1e-5)
    assert float(norm_penalty(prompts * 2, 4.0)) == pytest.approx(0.25, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "noun"), [("this dog near the car", "dog"), ("One Zebra", "zebra"), ("nothing at all", None)]
)
def test_the_named_category_is_the_first_one(text, noun) -> None:
    assert named_category(text) == noun
