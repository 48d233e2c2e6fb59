"""Folders that are nearly right: each ends in one error that names the thing, or in a model, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf

import limber_parts
import machines
from families import captioner
from families.common import FIRST, TEXT, VISION
from families.words import tokenizer
from molyneux import load
from molyneux.ground.errors import AssetError, ModelError, SettingError
from molyneux.models.checkpoint import reading
from molyneux.models.memory import places
from molyneux.models.source import Source
from shell import Run, objects, write_machine

pytest_plugins = ["command_line"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_machine(tmp_path / "tiny")


def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "transformers.PreTrainedModel.from_pretrained", lambda *_, **__: pytest.fail("weights were read")
    )


# Processors.


def test_a_processor_that_needs_torchvision_even_to_be_imported_is_told(tmp_path: Path) -> None:
    if hf.utils.is_torchvision_available():
        pytest.skip("torchvision is installed")
    machine = captioner("mistral3")
    machine.model.save_pretrained(tmp_path)
    machine.processor.image_processor.save_pretrained(tmp_path)
    machine.processor.tokenizer.save_pretrained(tmp_path)
    named = {"processor_class": "PixtralProcessor", "patch_size": 8, "spatial_merge_size": 2}
    (tmp_path / "processor_config.json").write_text(json.dumps(named))
    with pytest.raises(
        AssetError, match=r"library torchvision.*molyneux\[video\].*processor=\.\.\."
    ) as caught:
        load(tmp_path, device="cpu")
    assert caught.value.exit_code == 4
    again = load(tmp_path, processor=machine.processor, device="cpu")  # as the message says
    assert again.layout.layers == 3


def test_a_text_only_folder_is_told_so_and_not_sent_for_an_image_processor(tmp_path: Path) -> None:
    limber_parts.write_text(tmp_path / "gptj")
    with pytest.raises(ModelError, match=r"has no visual input 'GPTJForCausalLM'.*limber\.assemble"):
        load(tmp_path / "gptj", device="cpu")


def _git() -> Any:
    return hf.GitForCausalLM(
        hf.GitConfig(
            vision_config=VISION,
            hidden_size=32,
            intermediate_size=40,
            num_hidden_layers=2,
            num_attention_heads=2,
            vocab_size=24,
        )
    )


def _encoder_decoder() -> Any:
    text = {"n_embd": 32, "n_layer": 2, "n_head": 2, "vocab_size": 24}
    decoder = hf.GPT2Config(**text, add_cross_attention=True, is_decoder=True)
    eyes = hf.ViTConfig(**VISION)
    return hf.VisionEncoderDecoderModel(
        hf.VisionEncoderDecoderConfig.from_encoder_decoder_configs(eyes, decoder)
    )


@pytest.mark.parametrize("build", [_git, _encoder_decoder])
def test_a_model_that_sees_but_has_no_placeholder_is_not_called_text_only(
    build: Callable[[], Any], tmp_path: Path
) -> None:
    model = build()
    model.save_pretrained(tmp_path)
    for given in (model, tmp_path):
        with pytest.raises(ModelError, match=r"no placeholder that says where.*docs/models\.md") as caught:
            load(given, processor=machines.processor(), device="cpu")
        assert "ext-only" not in str(caught.value)


def test_a_loaded_text_only_model_is_told_how_it_gets_eyes(tmp_path: Path) -> None:
    writer = hf.AutoModelForCausalLM.from_pretrained(limber_parts.write_text(tmp_path / "gptj"))
    with pytest.raises(ModelError, match=r"text-only.*molyneux\.models\.limber\.assemble"):
        load(writer, processor=machines.processor())


@pytest.mark.parametrize("text", [hf.Phi3Config, hf.GlmConfig])
def test_a_fused_gate_and_up_is_refused(text: Any) -> None:
    words = tokenizer(named={"image_token": "<image>"})
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**VISION),
        text_config=text(vocab_size=len(words), **TEXT, head_dim=16),
        image_token_index=FIRST,
    )
    with pytest.raises(ModelError, match=r"one matrix, mlp\.gate_up_proj, makes both branches"):
        load(hf.LlavaForConditionalGeneration(config), processor=machines.processor())


# Files of settings.


@pytest.mark.parametrize("content", ["null", "[]", "{", "[" * 5000])
@pytest.mark.parametrize(
    "name", ["config.json", "generation_config.json", "processor_config.json", "tokenizer_config.json"]
)
def test_a_file_of_settings_without_an_object_is_named(folder: Path, name: str, content: str) -> None:
    assert (folder / name).is_file()
    (folder / name).write_text(content)
    with pytest.raises(ModelError, match=rf"model file .*{name}.*expected a JSON object. Fetch it again"):
        load(folder, device="cpu")


@pytest.mark.parametrize(
    "content", ["null", "[]", "{", "{}", '{"weight_map": 1}', '{"weight_map": {"a": null}}']
)
def test_a_damaged_index_is_named(folder: Path, content: str) -> None:
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    (folder / "model.safetensors.index.json").write_text(content)
    with pytest.raises(ModelError, match=r"model\.safetensors\.index\.json"):
        load(folder, device="cpu")


@pytest.mark.parametrize("content", ["null", "[]", "{}", "no json", '{"model": {"type": "BPE"}}'])
def test_a_damaged_tokenizer_is_refused(folder: Path, content: str) -> None:
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(ModelError, match=r"model .*tiny"):
        load(folder, device="cpu")


@pytest.mark.parametrize(
    "change",
    [
        {"text_config": 3},
        {"vision_config": []},
        {"text_config": {"model_type": "gptj", "n_embd": "wide"}},
        {"model_type": None},
        {"model_type": "no-such-model"},
        {"dtype": "float7"},
    ],
    ids=str,
)
def test_settings_of_the_wrong_kind_are_refused(folder: Path, change: dict[str, Any]) -> None:
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | change))
    with pytest.raises(ModelError):
        load(folder, device="cpu", dtype="auto" if "dtype" in change else None)


@pytest.mark.parametrize("named", [7, [None], None])
def test_a_class_that_is_not_named_is_found_by_the_type(folder: Path, named: Any) -> None:
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | {"architectures": named}))
    assert load(folder, device="cpu").layout.layers == 3


# Mixtures of experts.


def _qwen3_vl_moe(rows: int) -> Any:
    text = {**TEXT, "vocab_size": rows, "head_dim": 16, "num_experts": 4, "num_experts_per_tok": 2}
    return hf.Qwen3VLMoeForConditionalGeneration, hf.Qwen3VLMoeConfig(
        text_config={**text, "moe_intermediate_size": 8, "decoder_sparse_step": 1},
        vision_config={"depth": 2, "hidden_size": 16, "num_heads": 2, "out_hidden_size": 32},
        image_token_id=FIRST,
    )


def _llava_mixtral(rows: int) -> Any:
    experts = {"num_local_experts": 2, "num_experts": 2, "moe_intermediate_size": 8}
    return hf.LlavaForConditionalGeneration, hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**VISION),
        text_config=hf.MixtralConfig(vocab_size=rows, **TEXT, **experts),
        image_token_index=FIRST,
    )


@pytest.mark.parametrize("build", [_qwen3_vl_moe, _llava_mixtral])
def test_a_mixture_of_experts_is_refused_before_its_weights_are_read(
    build: Callable[[int], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = tokenizer(named={"image_token": "<image>"})
    kind, config = build(len(words))
    torch.manual_seed(0)
    kind(config).save_pretrained(tmp_path)
    no_weights(monkeypatch)
    with pytest.raises(ModelError, match=r"mixture of experts.*no output matrix.*Take a dense model"):
        load(tmp_path, processor=machines.processor(), device="cpu")


# The doctor on models with habits of their own.


def test_the_doctor_compares_with_the_same_greedy_search(run: Run, folder: Path) -> None:
    habits = json.loads((folder / "generation_config.json").read_text())
    habits |= {"repetition_penalty": 9.0, "no_repeat_ngram_size": 1}
    (folder / "generation_config.json").write_text(json.dumps(habits))
    result = run("doctor", "--json", model=folder)
    assert {check["name"]: check["status"] for check in objects(result)["checks"]}["same caption"] == "ok"
    assert result.exit_code == 0


def test_a_processor_that_needs_num2words_names_it() -> None:
    with pytest.raises(AssetError, match=r"library num2words.*pip install num2words"), reading(Source("o/m")):
        raise ImportError("Package `num2words` is required to run SmolVLM processor.")


def test_devices_that_compute_nothing_or_are_not_known(folder: Path) -> None:
    with pytest.raises(SettingError, match="a device that this torch sees"):
        load(folder, device="meta")
    (place,) = places(torch.device("xpu"), chosen=True)
    assert place.name == "xpu"
