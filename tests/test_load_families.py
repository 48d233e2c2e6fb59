"""A folder of every family, saved by transformers, loads with the class that it names and gives the same numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from families import ALL, captioner, images, inputs
from families.image import IMAGE
from molyneux import load
from molyneux.models.captioner import Captioner
from molyneux.models.checkpoint import model_class, read_config
from molyneux.models.memory import need_of
from molyneux.models.opening import open_weights
from molyneux.models.senses import writer
from molyneux.models.source import Source
from shell import Run

pytest_plugins = ["command_line"]
pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")

#: Whose processor, as the tests build it, is a class of theirs or has no file form.
_OWN_PROCESSOR = {"mistral3", "voxtral"}
_AS_SAVED = sorted(set(IMAGE) - _OWN_PROCESSOR)


def saved(family: str, folder: Path) -> Captioner:
    machine = captioner(family)
    machine.model.save_pretrained(folder)
    if family not in _OWN_PROCESSOR:
        machine.processor.save_pretrained(folder)
    return machine


@pytest.mark.parametrize("family", sorted(ALL))
@torch.no_grad()
def test_the_class_is_the_one_that_the_folder_names(family: str, tmp_path: Path) -> None:
    machine = saved(family, tmp_path)
    source, kind = Source(str(tmp_path)), type(machine.model)
    config = read_config(source)
    assert model_class(config, family) is kind
    need = need_of(kind, config)
    assert need is not None
    assert need.weights == sum(weight.numel() for weight in machine.model.parameters())
    made = open_weights(kind, source, torch.float32).eval()
    given = inputs(machine)
    assert torch.equal(made(**given).logits, machine.model(**given).logits)


@pytest.mark.parametrize("family", _AS_SAVED)
def test_a_folder_captions_as_the_model_that_was_saved(family: str, tmp_path: Path) -> None:
    machine = saved(family, tmp_path)
    again, picture = load(tmp_path, device="cpu"), images()[0]
    assert type(again.model) is type(machine.model)
    writer(again.model).generation_config = writer(machine.model).generation_config  # BLIP-2's is not saved
    found, wanted = (one.caption(picture, max_new_tokens=4) for one in (again, machine))
    assert found.token_ids == wanted.token_ids
    assert found.probabilities == pytest.approx(wanted.probabilities, rel=1e-5)


@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl", "paligemma", "blip2", "fuyu"])
def test_the_command_line_finds_neurons_in_a_folder(
    family: str, run: Run, photos: list[str], tmp_path: Path
) -> None:
    saved(family, tmp_path / family)
    result = run("neurons", photos[0], "--token", "0", "--top", "3", "--json", model=tmp_path / family)
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["neurons"]) == 3
