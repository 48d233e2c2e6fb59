"""LiMBeR as published: what a preset builds from tiny parts is what plain transformers computes from them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BeitModel

import limber_parts
import machines
from molyneux import load
from molyneux.data.gate import open_image
from molyneux.ground.errors import AssetError, ModelError, SettingError
from molyneux.models.captioner import Captioner
from molyneux.models.limber import LimberForConditionalGeneration
from molyneux.models.limber.configuration import LimberConfig
from molyneux.models.presets import PRESETS
from shell import Run

pytest_plugins = ["command_line"]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return limber_parts.write_parts(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def captioner(parts: dict[str, str]) -> Captioner:
    return load("limber-beit", device="cpu", **parts)


def by_hand(parts: dict[str, str], pixels: torch.Tensor, words: list[int], new: int) -> list[int]:
    """The original's steps, one by one, without our code: no norm, no dropout, argmax over real tokens."""
    eyes = BeitModel.from_pretrained(parts["vision"], dtype=torch.float32).eval()
    writer = AutoModelForCausalLM.from_pretrained(parts["text"], dtype=torch.bfloat16).float().eval()
    state = torch.load(parts["projection"], weights_only=True)
    hidden: list[torch.Tensor] = []
    eyes.layers[-1].register_forward_hook(lambda _m, _i, out: hidden.append(out))  # before any norm
    eyes(pixels)
    prompt = hidden[0][:, 1:] @ state["weight"].T + state["bias"]
    written: list[int] = []
    for _ in range(new):
        tail = writer.transformer.wte(torch.tensor([words + written]))
        logits = writer(inputs_embeds=torch.cat([prompt, tail], dim=1)).logits[0, -1]
        written.append(int(logits[: len(machines.WORDS)].argmax()))
    return written


@torch.no_grad()
def test_a_preset_captions_as_the_original_steps_do(captioner: Captioner, parts: dict[str, str]) -> None:
    pictures = [open_image(image) for image in machines.images(3)]
    inputs = captioner.prepare(pictures)
    tokenizer = AutoTokenizer.from_pretrained(parts["text"])
    assert captioner.processor.prefix == "A picture of"
    words = tokenizer("A picture of", add_special_tokens=False)["input_ids"]
    assert inputs["input_ids"][0].tolist()[machines.PATCHES :] == words
    made = captioner.model.generate(**inputs, max_new_tokens=6, do_sample=False, eos_token_id=None)
    new = made[:, inputs["input_ids"].shape[1] :].tolist()
    wanted = [by_hand(parts, pixels[None], words, 6) for pixels in inputs["pixel_values"]]
    assert new == wanted
    assert max(map(max, new)) < len(machines.WORDS)


def test_everything_is_as_limber_says(captioner: Captioner, parts: dict[str, str]) -> None:
    model = captioner.model
    assert not any(module.training for module in model.modules())
    assert captioner.vocabulary == len(machines.WORDS)  # empty tokens are none
    assert model.config.real_vocab_size == len(machines.WORDS)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    own = AutoModelForCausalLM.from_pretrained(parts["text"], dtype=torch.float16).state_dict()
    for name, weight in model.language_model.state_dict().items():
        assert torch.equal(weight, own[name].bfloat16().float()), name
    assert any(not torch.equal(own[name].float(), own[name].bfloat16().float()) for name in own)
    eyes = BeitModel.from_pretrained(parts["vision"]).state_dict()
    assert all(torch.equal(eyes[name], weight) for name, weight in model.vision_tower.state_dict().items())
    assert torch.equal(model.projection.weight, limber_parts.projection()["weight"])
    wide = captioner.processor(images=machines.images(1, width=90, height=20), return_tensors="pt")
    assert wide["pixel_values"].shape[-2:] == (machines.SIDE, machines.SIDE)  # stretched, not cropped
    grid = captioner.grid(
        open_image(machines.images(1, width=90, height=20)[0]),
        captioner.prepare([open_image(machines.images(1, width=90, height=20)[0])]),
    )
    assert grid is not None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("float16", torch.float16),
        ("bfloat16", torch.bfloat16),
        ("float64", torch.float64),
        ("auto", torch.float16),
    ],
)
def test_the_dtype_asked_for_comes_after_the_rounding(
    parts: dict[str, str], asked: str, expected: torch.dtype
) -> None:
    made = load("limber-beit-ft", device="cpu", dtype=asked, **parts)
    assert {weight.dtype for weight in made.model.parameters()} == {expected}
    own = AutoModelForCausalLM.from_pretrained(parts["text"], dtype=torch.bfloat16).to(expected).state_dict()
    assert all(
        torch.equal(own[name], weight) for name, weight in made.model.language_model.state_dict().items()
    )


def test_every_verb_takes_the_parts(run: Run, parts: dict[str, str], photos: list[str]) -> None:
    words = [word for name, value in parts.items() for word in (f"--{name}", value)]
    model = Path("limber-beit")
    for verb in (["caption", photos[0]], ["decode", "L0.u1"], ["neurons", photos[0], "--token", "0"]):
        result = run(*verb, "--json", *words, model=model)
        assert result.exit_code == 0, result.output
    alone = run("caption", photos[0], model=model)
    assert alone.exit_code == 2
    assert "--projection PATH" in alone.stderr
    stray = run("caption", photos[0], "--projection", parts["projection"])
    assert stray.exit_code == 2
    assert "limber-beit" in stray.stderr


def test_the_presets_are_the_published_pairs() -> None:
    assert sorted(PRESETS) == [
        "limber-beit",
        "limber-beit-ft",
        "limber-clip",
        "limber-nfresnet",
        "limber-random",
    ]
    assert {one.text for one in PRESETS.values()} == {"EleutherAI/gpt-j-6B@float16"}
    assert PRESETS["limber-beit"].vision == "microsoft/beit-large-patch16-224-pt22k"
    assert {name for name, one in PRESETS.items() if one.pooled} == {"limber-nfresnet", "limber-random"}


@pytest.mark.parametrize("name", ["limber-clip", "limber-nfresnet", "limber-random"])
def test_an_encoder_of_timm_names_the_extra(
    name: str, parts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "timm", None)  # as if it were not installed
    with pytest.raises(AssetError, match=r"timm 'not installed'.*molyneux\[timm\]"):
        load(name, projection=parts["projection"], text=parts["text"])


def test_a_pooled_encoder_gives_one_visual_token_without_a_place(parts: dict[str, str]) -> None:
    made = load("limber-nfresnet", device="cpu", **parts)  # another encoder in the place of timm's
    config: LimberConfig = made.model.config
    assert (config.num_image_tokens, made.processor.num_image_tokens) == (1, 1)
    picture = open_image(machines.images()[0])
    inputs = made.prepare([picture])
    assert int(made.visual(inputs["input_ids"]).sum()) == 1
    pooled = made.model.vision_tower(inputs["pixel_values"]).pooler_output
    expected = made.model.projection(pooled)[:, None]
    assert torch.equal(made.model.get_image_features(inputs["pixel_values"]), expected)
    assert made.caption(picture).token_ids
    assert made.grid(picture, inputs) is None


def test_parts_go_with_presets_only(parts: dict[str, str]) -> None:
    with pytest.raises(SettingError, match="limber-beit"):
        load("miniature", projection=parts["projection"])


@pytest.mark.parametrize("which", ["vision", "text"])
def test_a_projection_that_does_not_fit_is_refused_before_any_model_loads(
    parts: dict[str, str], tmp_path: Path, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = limber_parts.projection()
    wrong["weight"] = wrong["weight"][:, :-1] if which == "vision" else wrong["weight"][:-1]
    wrong["bias"] = wrong["bias"][: len(wrong["weight"])]
    torch.save(wrong, tmp_path / "proj.ckpt")
    monkeypatch.setattr(
        "transformers.PreTrainedModel.from_pretrained", lambda *_, **__: pytest.fail("loaded")
    )
    with pytest.raises(ModelError, match=r"expected 32 x 24 .*got "):
        load("limber-beit", **{**parts, "projection": str(tmp_path / "proj.ckpt")})


def test_from_parts_takes_files_and_revisions(parts: dict[str, str]) -> None:
    made = LimberForConditionalGeneration.from_parts(**parts, revision="main", real_vocab_size=20)
    assert torch.equal(made.projection.weight.float(), limber_parts.projection()["weight"])
    assert (made.config.real_vocab_size, made.config.image_token_id) == (20, 20)
