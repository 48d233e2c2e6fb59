"""Loading: the class that a folder names, and one clear error for whatever is wrong with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import limber_parts
import machines
from molyneux import load
from molyneux.ground.errors import AssetError, ModelError
from molyneux.models.checkpoint import model_class, read_config, reading
from molyneux.models.limber import LimberForConditionalGeneration
from molyneux.models.presence import missing_files
from molyneux.models.source import Source, find_source


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("machine") / "tiny"
    machines.model().save_pretrained(folder)
    machines.processor().save_pretrained(folder)
    return folder


def copy(source: Path, folder: Path, *, without: tuple[str, ...] = ()) -> Path:
    folder.mkdir()
    for file in source.iterdir():
        if file.name not in without:
            (folder / file.name).write_bytes(file.read_bytes())
    return folder


def change(folder: Path, edit: Callable[[dict[str, torch.Tensor]], None]) -> None:
    weights = load_file(folder / "model.safetensors")
    edit(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


# Names.


def test_a_source_is_a_folder_or_an_id_with_a_revision(tmp_path: Path) -> None:
    assert find_source("OWNER/NAME") == Source("OWNER/NAME", "main")
    assert find_source("OWNER/NAME", "v2") == Source("OWNER/NAME", "v2")
    assert find_source("EleutherAI/gpt-j-6B@float16") == Source("EleutherAI/gpt-j-6B", "float16")
    (tmp_path / "a@b").mkdir()
    assert find_source(tmp_path / "a@b") == Source(str(tmp_path / "a@b"))
    for name in ("nowhere", "./a/b", "/a/b", "~/b", "a/b/c", "a/", ""):
        with pytest.raises(ModelError, match="OWNER/NAME"):
            find_source(name)


def test_a_file_of_a_model_is_no_model_and_its_folder_is_named(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy(whole, tmp_path / "llava")
    monkeypatch.chdir(tmp_path)
    for name in ("llava/model.safetensors", str(tmp_path / "llava" / "config.json")):
        with pytest.raises(ModelError, match=r"the folder that holds the model.*Give '.*llava'"):
            load(name)


def test_a_model_that_is_given_while_it_trains_is_studied_as_it_is_used() -> None:
    picture, dropping = machines.images()[0], machines.model()
    wanted = load(dropping, processor=machines.processor()).caption(picture, max_new_tokens=8)
    for part in dropping.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.6
    dropping.train()
    given = dict(machines.processor()(images=picture, return_tensors="pt"))
    with torch.no_grad():
        assert not torch.equal(dropping(**given).logits, dropping(**given).logits)  # it does drop
    made = load(dropping, processor=machines.processor())
    assert made.model is dropping
    assert not any(part.training for part in made.model.modules())
    again = made.caption(picture, max_new_tokens=8)
    assert again == wanted
    assert again.probabilities == wanted.probabilities


# Files that are not there.


def test_a_folder_names_the_files_that_it_lacks(whole: Path, tmp_path: Path) -> None:
    assert missing_files(Source(str(whole))) == []
    bare = copy(whole, tmp_path / "bare", without=("model.safetensors", "tokenizer.json"))
    with pytest.raises(ModelError, match=r"model\.safetensors \(weights\), tokenizer\.json \(tokenizer\)"):
        load(bare)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"config\.json, model\.safetensors"):
        load(tmp_path / "empty")


def test_a_missing_image_processor_is_named(whole: Path, tmp_path: Path) -> None:
    blind = copy(whole, tmp_path / "blind", without=("preprocessor_config.json", "processor_config.json"))
    with pytest.raises(ModelError, match=r"preprocessor_config\.json \(image processor\)"):
        load(blind)


def test_an_image_processor_without_a_class_is_told(whole: Path, tmp_path: Path) -> None:
    odd = copy(whole, tmp_path / "odd")
    for name in ("preprocessor_config.json", "processor_config.json"):
        (odd / name).write_text("{}")
    with pytest.raises(ModelError, match="processor"):
        load(odd)


def test_missing_shards_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "sharded"
    machines.model().save_pretrained(folder, max_shard_size="20KB")
    machines.processor().save_pretrained(folder)
    first, second = sorted(path.name for path in folder.glob("model-*"))[:2]
    load(folder, device="cpu")
    for name in (first, second):
        (folder / name).unlink()
    with pytest.raises(ModelError, match=rf"{first}, {second} in it"):
        load(folder)


def _cache(home: Path, name: str, files: Path, without: tuple[str, ...]) -> None:
    """A hub cache as huggingface_hub lays it out, with some of a model's files."""
    repository = home / "hub" / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.parent.mkdir(parents=True)
    copy(files, snapshot, without=without)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)


_ASK = """
import socket
def refuse(*_): raise SystemExit("a socket was opened")
socket.socket.connect = socket.getaddrinfo = refuse
import molyneux
for name in ("owner/part", "owner/whole", "owner/none"):
    try:
        print("loaded", molyneux.load(name, device="cpu").name)
    except molyneux.ModelError as error:
        print(error)
"""


def test_offline_with_a_partial_cache_names_the_files_and_the_command(whole: Path, tmp_path: Path) -> None:
    _cache(tmp_path, "owner/part", whole, ("model.safetensors", "tokenizer.json"))
    _cache(tmp_path, "owner/whole", whole, ())
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _ASK], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    part, loaded, none = done.stdout.splitlines()
    assert "model.safetensors (weights), tokenizer.json (tokenizer)" in part
    assert "hf download owner/part --revision main" in part
    assert loaded == "loaded owner/whole"
    assert "config.json" in none


# Weights.


def test_weights_that_are_missing_or_of_another_shape_are_refused(whole: Path, tmp_path: Path) -> None:
    short = copy(whole, tmp_path / "short")
    change(short, lambda weights: weights.pop("projection.bias"))
    with pytest.raises(ModelError, match=r"1 are missing or of another shape, such as projection\.bias"):
        load(short, device="cpu")
    bent = copy(whole, tmp_path / "bent")
    change(bent, lambda weights: weights.update({"projection.bias": torch.zeros(3)}))
    with pytest.raises(ModelError, match=r"projection\.bias|mismatch"):
        load(bent, device="cpu")


def test_weights_that_the_model_has_no_place_for_are_refused(whole: Path, tmp_path: Path) -> None:
    more = copy(whole, tmp_path / "more")
    name = "language_model.transformer.h.3.mlp.fc_in.weight"  # of a fourth layer: the model would be cut
    change(more, lambda weights: weights.update({name: torch.zeros(40, 32)}))
    with pytest.raises(ModelError, match=rf"no place for; it holds 1, such as {name}"):
        load(more, device="cpu")


def test_a_part_may_hold_heads_but_no_further_layers(tmp_path: Path) -> None:
    parts = limber_parts.write_parts(tmp_path / "parts")
    eyes, writer = Path(parts["vision"]), Path(parts["text"])
    change(eyes, lambda weights: weights.update({"lm_head.weight": torch.zeros(3, 24)}))
    load("limber-beit", device="cpu", **parts)
    change(writer, lambda weights: weights.pop("lm_head.weight"))
    with pytest.raises(ModelError, match=r"such as lm_head\.weight"):
        load("limber-beit", device="cpu", **parts)
    limber_parts.write_text(writer)
    name = "transformer.h.7.mlp.fc_in.weight"
    change(writer, lambda weights: weights.update({name: torch.zeros(40, 32)}))
    with pytest.raises(ModelError, match=r"no place for; it holds 1, such as .*h\.7"):
        load("limber-beit", device="cpu", **parts)


def test_torn_weights_are_refused(whole: Path, tmp_path: Path) -> None:
    torn = copy(whole, tmp_path / "torn")
    content = (torn / "model.safetensors").read_bytes()
    (torn / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="transformers says"):
        load(torn, device="cpu")


# Models that are none.


def test_a_text_only_model_has_no_visual_input(tmp_path: Path) -> None:
    folder = limber_parts.write_text(tmp_path / "gptj")
    with pytest.raises(ModelError, match=r"has no visual input 'GPTJForCausalLM'.*limber\.assemble"):
        load(folder, processor=machines.processor())


def test_code_of_a_checkpoint_is_never_run(whole: Path, tmp_path: Path) -> None:
    folder, trace = copy(whole, tmp_path / "own-code"), tmp_path / "executed"
    (folder / "modeling.py").write_text(
        f"open({str(trace)!r}, 'w').close()\nclass Config: pass\nclass Model: pass\n"
    )
    own = {"AutoConfig": "modeling.Config", "AutoModelForImageTextToText": "modeling.Model"}
    (folder / "config.json").write_text(json.dumps({"model_type": "its-own", "auto_map": own}))
    with pytest.raises(
        ModelError, match=r"code of its own, which is never run.*load\(model, processor=\.\.\.\)"
    ):
        load(folder)
    assert not trace.exists()


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_a_missing_library_is_named_with_the_extra(library: str) -> None:
    def raising() -> None:
        with reading(Source("owner/model")):
            raise ImportError(f"Processor requires the {library.capitalize()} library but it was not found")

    with pytest.raises(AssetError, match=rf"library {library}.*molyneux\[") as caught:
        raising()
    assert caught.value.exit_code == 4


def test_a_registered_limber_is_found_by_its_type(whole: Path) -> None:
    config = read_config(Source(str(whole)))
    assert model_class(config, "tiny") is LimberForConditionalGeneration
