"""Prompts, processors and numbers that do not fit: one error that says what would, never what first stumbled."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from PIL import Image

import machines
from families import captioner, images
from molyneux import attribute, load
from molyneux.ground.errors import ModelError, MolyneuxError, SettingError
from molyneux.models.captioner import Captioner
from molyneux.models.faults import running
from molyneux.models.wording import wording

PLACES = {"llava": "<image>", "gemma3": "<start_of_image>", "mllama": "<|image|>"}


@pytest.mark.parametrize("family", PLACES)
def test_a_prompt_holds_the_image_once_or_leaves_it_to_us(family: str) -> None:
    machine, place = captioner(family), PLACES[family]
    kind = machine.model.config.model_type
    assert place in str(wording(machine.processor, kind, f"{place} a dog"))
    assert place in str(wording(machine.processor, kind, "a dog"))
    twice = load(machine.model, processor=machine.processor, prompt=f"{place} a {place} dog")
    with pytest.raises(
        SettingError, match=r"prompt .*once, for the one image, or not at all.*dict of tensors"
    ):
        twice.caption(images()[0])


@pytest.mark.parametrize(("family", "place"), [("blip2", "<image>"), ("fuyu", "|SPEAKER|")])
def test_no_placeholder_where_the_processor_puts_the_image_itself(family: str, place: str) -> None:
    machine = captioner(family)
    once = load(machine.model, processor=machine.processor, prompt=f"{place} a dog")
    with pytest.raises(SettingError, match="in front of the words by itself"):
        once.caption(images()[0])


def test_a_chat_template_that_leaves_the_image_out() -> None:
    machine = captioner("llava")
    machine.processor.chat_template = "{{ messages[0]['role'] }} :"
    with pytest.raises(
        ModelError, match=r"chat template 'user :': expected the image's placeholder '<image>'"
    ):
        machine.caption(images()[0])
    machine.prompt = "<image> Describe the image in one sentence."  # as the message says
    assert machine.caption(images()[0], max_new_tokens=2).text


def test_a_tokenizer_without_a_pad_token() -> None:
    machine = captioner("llava")
    whole = machine.caption(images()[0], max_new_tokens=3)
    machine.tokenizer.pad_token = None
    assert machine.caption(images()[0], max_new_tokens=3) == whole  # alone nothing is padded
    with pytest.raises(ModelError, match=r"tokenizer .*a pad_token.*it has none.*eos_token"):
        machine.caption(images(2))
    machine.tokenizer.pad_token = machine.tokenizer.eos_token  # as the message says
    assert len(machine.caption(images(2), max_new_tokens=2)) == 2


@pytest.mark.parametrize("family", ["llava", "fuyu", "qwen2_vl", "internvl"])
def test_a_single_pixel_is_an_image(family: str) -> None:
    dot = Image.new("RGB", (1, 1), (200, 30, 30))
    machine = captioner(family)
    assert machine.caption(dot, max_new_tokens=2).tokens
    found = attribute(machine, dot, target=0, max_new_tokens=2)
    assert bool(torch.isfinite(found.scores).all())


@pytest.mark.parametrize(
    ("model", "processor"),
    [
        ("llava", "idefics3"),
        ("idefics3", "llava"),
        ("fuyu", "llava"),
        ("llava", "fuyu"),
        ("qwen2_vl", "llava"),
    ],
)
def test_a_processor_of_another_family(model: str, processor: str) -> None:
    mixed = Captioner(captioner(model).model, captioner(processor).processor)
    for use in (mixed.caption, lambda image: attribute(mixed, image, target=0)):
        with pytest.raises(ModelError, match="the processor that was saved with the model"):
            use(images()[0])


@pytest.mark.filterwarnings("ignore:At least one mel filter")
def test_a_processor_that_hears_says_how_sound_is_given() -> None:
    with pytest.raises(
        ModelError,
        match=r"this model hears, and sees nothing.*captioner\.caption\(processor\(audio=",
    ):
        captioner("qwen2_audio").caption(images()[0])


@pytest.mark.parametrize("source", [None, 3, torch.nn.Linear(2, 2), ["miniature"]])
def test_what_is_no_model(source: Any) -> None:
    for processor in (None, machines.processor()):
        with pytest.raises(ModelError, match=r"model .*expected 'miniature', a folder, a hub id"):
            load(source, processor=processor)


@pytest.mark.parametrize("name", ["batch_size", "max_new_tokens"])
@pytest.mark.parametrize("value", [0, -1])
def test_numbers_that_count_nothing(name: str, value: Any) -> None:
    machine, pictures = machines.captioner(), machines.images(2)
    with pytest.raises(SettingError, match=rf"{name} .*at least 1"):
        machine.caption(pictures, **{name: value})
    with pytest.raises(SettingError, match=rf"{name} .*at least 1"):
        attribute(machine, pictures, target=0, **{name: value})


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (ValueError("wrong"), ModelError),
        (IndexError(), ModelError),
        (RuntimeError("shapes"), ModelError),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), MemoryError),
        (RuntimeError("MPS backend out of memory"), MemoryError),
        (torch.OutOfMemoryError("CUDA out of memory"), torch.OutOfMemoryError),
        (MolyneuxError("thing", expected="another"), MolyneuxError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_what_a_model_raises(raised: BaseException, seen: type[BaseException]) -> None:
    with pytest.raises(seen) as caught, running(machines.model(), {"input_ids": torch.ones(1, 2)}):
        raise raised
    if seen is ModelError:
        assert "'input_ids': (1, 2)" in str(caught.value)
        assert type(raised).__name__ in str(caught.value)


@pytest.mark.parametrize(
    "template",
    ["{% for x in %}", "{{ raise_exception('no') }}", "{{ ''.__class__.__mro__[1].__subclasses__() }}"],
)
def test_a_chat_template_that_does_not_run(template: str) -> None:
    machine = captioner("llava")
    machine.processor.chat_template = template
    with pytest.raises(
        ModelError, match=r"chat template .*Give a prompt that holds the placeholder '<image>'"
    ):
        machine.caption(images()[0])
    machine.prompt = "<image> a"  # as the message says
    assert machine.caption(images()[0], max_new_tokens=1).tokens
