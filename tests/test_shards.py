"""Weights read from disk a part at a time: the loaded model's numbers, in every file format, or a refusal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import machines
from molyneux.experiments.from_disk import DecodeOptions, decode_from_disk, open_tokenizer, real_tokens
from molyneux.ground.errors import ModelError, NonFiniteError
from molyneux.ground.neuron import NeuronId
from molyneux.models.gptj_weights import open_gptj
from molyneux.models.shards import open_shards
from molyneux.models.source import Source
from molyneux.neurons.decode import decode
from shell import edit_weights

pytest_plugins = ["command_line"]

OPTIONS = [DecodeOptions(norm, bias) for norm in (False, True) for bias in (False, True)]
NEURONS = [NeuronId(layer, unit) for layer, unit in ((2, 39), (0, 5), (1, 0), (0, 5), (2, 1))]
OUT = "language_model.transformer.h.1.mlp.fc_out.weight"
HEAD = "language_model.lm_head.weight"


def shard(source: Path, folder: Path, count: int = 4) -> Path:
    """The machine's weights dealt out over several files with an index."""
    shutil.copytree(source, folder)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    files = {name: f"model-{n % count}.safetensors" for n, name in enumerate(weights)}
    for file in set(files.values()):
        save_file({name: weights[name] for name in weights if files[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    return folder


def pickled(source: Path, folder: Path, *, zipped: bool = True) -> Path:
    shutil.copytree(source, folder)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    return folder


FORMATS: dict[str, Callable[[Path, Path], Path]] = {
    "one file": lambda source, _: source,
    "shards": shard,
    "pickle": pickled,
}


@pytest.mark.parametrize("how", FORMATS)
def test_decoding_from_disk_is_the_loaded_models(how: str, machine: Path, tmp_path: Path) -> None:
    source = Source(str(FORMATS[how](machine, tmp_path / "copy")))
    captioner = machines.captioner()
    weights = open_gptj(source)
    real = real_tokens(weights, open_tokenizer(source))
    found = decode_from_disk(weights, NEURONS, real=real, options=OPTIONS, k=7)
    for option in OPTIONS:
        listing = found[option]
        for row, loaded in enumerate(decode(captioner, NEURONS, k=7, **option._asdict())):
            assert tuple(listing.token_ids[row].tolist()) == loaded.token_ids
            assert listing.logits[row].tolist() == pytest.approx(loaded.logits, rel=1e-5, abs=1e-6)
            assert listing.probabilities[row].tolist() == pytest.approx(loaded.probabilities, rel=1e-5)


def test_blocks_of_the_vocabulary_change_nothing(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = open_gptj(Source(str(machine)))
    real = real_tokens(weights, open_tokenizer(Source(str(machine))))
    whole = decode_from_disk(weights, NEURONS, real=real, options=OPTIONS, k=9)
    monkeypatch.setattr("molyneux.models.gptj_weights._ROWS", 3)
    for option, listing in decode_from_disk(weights, NEURONS, real=real, options=OPTIONS, k=9).items():
        assert torch.equal(listing.token_ids, whole[option].token_ids)
        assert torch.allclose(listing.probabilities, whole[option].probabilities, rtol=1e-5)


def test_ties_across_blocks_go_by_token_id(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = edit_weights(machine, tmp_path / "same", lambda weights: weights[HEAD].fill_(1.0))
    monkeypatch.setattr("molyneux.models.gptj_weights._ROWS", 4)
    weights = open_gptj(Source(str(same)))
    real = real_tokens(weights, open_tokenizer(Source(str(same))))
    (listing,) = decode_from_disk(weights, NEURONS, real=real, k=6).values()
    assert listing.token_ids.tolist() == [[0, 1, 2, 3, 4, 5]] * len(NEURONS)


def test_parts_of_tensors(machine: Path, tmp_path: Path) -> None:
    whole = load_file(machine / "model.safetensors")
    for folder in (machine, shard(machine, tmp_path / "a"), pickled(machine, tmp_path / "b")):
        shards = open_shards(Source(str(folder)))
        assert shards.shape(OUT) == tuple(whole[OUT].shape)
        assert torch.equal(shards.read(HEAD, slice(3, 7)), whole[HEAD][3:7])
        assert torch.equal(shards.columns(OUT, [7, 0, 7]), whole[OUT][:, [7, 0, 7]])
        with pytest.raises(ModelError, match="no such name"):
            shards.read("no such name")


def test_rounding_is_that_of_a_model_loaded_through_bfloat16(machine: Path) -> None:
    whole = load_file(machine / "model.safetensors")
    rounded = open_gptj(Source(str(machine)), through=torch.bfloat16).vectors(1, [3])
    assert torch.equal(rounded[0], whole[OUT][:, 3].bfloat16().float())
    assert not torch.equal(rounded[0], whole[OUT][:, 3])


@pytest.mark.parametrize(("name", "said"), [(OUT, "layer 1"), (HEAD, "lm_head")])
def test_nan_weights_are_refused(machine: Path, tmp_path: Path, name: str, said: str) -> None:
    def spoil(weights: dict[str, torch.Tensor]) -> None:
        weights[name][0, 0] = torch.nan

    weights = open_gptj(Source(str(edit_weights(machine, tmp_path / "nan", spoil))))
    real = real_tokens(weights, open_tokenizer(Source(str(machine))))
    with pytest.raises(NonFiniteError, match=said):
        decode_from_disk(weights, [NeuronId(1, 0)], real=real)


def test_damaged_and_foreign_folders_are_refused(machine: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ModelError, match=r"model\.safetensors \(weights\)"):
        open_shards(Source(str(empty)))
    torn = shard(machine, tmp_path / "torn")
    (torn / "model-1.safetensors").write_bytes((torn / "model-1.safetensors").read_bytes()[:-9])
    (torn / "model-2.safetensors").unlink()
    shards = open_shards(Source(str(torn)))
    for number, said in ((1, "Fetch it again"), (2, r"model-2\.safetensors in it")):
        name = next(name for name, file in shards.files.items() if file == f"model-{number}.safetensors")
        with pytest.raises(ModelError, match=said):
            shards.read(name)
    index = torn / "model.safetensors.index.json"
    for text in ("{", "[]", '{"weight_map": {"lm_head.weight": "../secret.safetensors"}}'):
        index.write_text(text)
        with pytest.raises(ModelError, match=index.name):
            open_shards(Source(str(torn)))
    gpt2 = machines.model("gpt2")
    gpt2.save_pretrained(tmp_path / "gpt2")
    with pytest.raises(ModelError, match="the weights of one GPT-J"):
        open_gptj(Source(str(tmp_path / "gpt2")))


class _Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return os.mkdir, (str(self.path),)


def test_pickles_run_nothing_and_old_ones_are_told(machine: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="save_pretrained"):
        open_shards(Source(str(pickled(machine, tmp_path / "old", zipped=False))))
    bad = tmp_path / "bad"
    bad.mkdir()
    torch.save({"lm_head.weight": _Attack(tmp_path / "made")}, bad / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickle of tensors and nothing else"):
        open_shards(Source(str(bad)))
    assert not (tmp_path / "made").exists()


def test_offline_a_hub_id_is_read_from_the_cache_and_what_is_missing_is_named(
    machine: Path, tmp_path: Path
) -> None:
    revision = "0" * 40
    home = tmp_path / "models--someone--gptj"
    shard(machine, home / "snapshots" / revision)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(revision)
    code = (
        "import socket, sys\n"
        "def refuse(*words): raise SystemExit('a socket was opened')\n"
        "socket.socket.connect = refuse\n"
        "from molyneux.models.source import find_source\n"
        "from molyneux.models.shards import open_shards\n"
        "from molyneux.ground.errors import ModelError\n"
        "try:\n"
        "    print(open_shards(find_source(sys.argv[1])).read(sys.argv[2]).shape)\n"
        "except ModelError as error: print(error)\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path)}

    def said(model: str, tensor: str) -> str:
        words = [sys.executable, "-c", code, model, tensor]
        done = subprocess.run(words, capture_output=True, text=True, env=environment, check=True)
        return done.stdout

    assert said("someone/gptj", HEAD).startswith("torch.Size([")
    for part in (home / "snapshots" / revision).glob("model-*.safetensors"):
        part.unlink()
    assert "hf download someone/gptj --revision main" in said("someone/gptj", HEAD)
    assert "model-" in said("someone/gptj", HEAD)
    assert "hf download no/where --revision v1" in said("no/where@v1", HEAD)
