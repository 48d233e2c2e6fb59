"""What families are asked and given: prompts, images of any size, ready inputs; and what is refused, and why."""

from __future__ import annotations

import copy

import pytest
import torch
import transformers as hf
from transformers.utils import import_utils

import machines
from families import ALL, ENDINGS, captioner, images, inputs
from families.common import FIRST, TEXT, VISION
from families.image import IMAGE, mistral3
from families.text import llava_over
from molyneux.data.gate import open_image
from molyneux.ground.errors import AssetError, ModelError, NonFiniteError, SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.models.captioner import Captioner
from molyneux.models.layout import find_layout
from molyneux.models.wording import REQUEST, wording
from molyneux.neurons.ablate import ablate
from molyneux.neurons.attribute import attribute
from molyneux.neurons.edit import edit
from molyneux.neurons.fields import patch_activations, receptive_field

CHATTING = sorted(set(IMAGE) - {"blip2", "fuyu", "paligemma"})
pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")


@pytest.mark.parametrize("family", sorted(IMAGE))
def test_images_of_any_size_make_one_batch(family: str) -> None:
    machine, some = captioner(family), images(3)
    together = machine.caption(list(some), max_new_tokens=3)
    assert [c.token_ids for c in together] == [machine.caption(i, max_new_tokens=3).token_ids for i in some]
    found = attribute(machine, list(some), target=1, max_new_tokens=3, top=5)
    assert [one.caption.token_ids for one in found] == [c.token_ids for c in together]
    activations = patch_activations(machine, machine.prepare([open_image(some[0])]), [NeuronId(1, 3)])
    assert activations.shape[2] > int(found[0].patches.max())


@pytest.mark.parametrize("family", CHATTING)
def test_instruction_models_are_asked_in_their_chat_template(family: str) -> None:
    machine = captioner(family)
    kind, place = machine.model.config.model_type, machine.processor.image_token
    said = wording(machine.processor, kind)
    assert said.startswith("user : ")
    assert place in said
    assert REQUEST in said
    asked = wording(machine.processor, kind, "the red dog")
    assert "the red dog" in asked
    assert REQUEST not in asked
    assert wording(machine.processor, kind, f"{place} a dog") == f"{place} a dog"  # taken as it is
    short, long = (Captioner(machine.model, machine.processor, prompt=prompt) for prompt in ENDINGS[1:3])
    pictures = [open_image(images()[0])]
    assert short.prepare(pictures)["input_ids"].shape[1] < long.prepare(pictures)["input_ids"].shape[1]


@pytest.mark.parametrize(
    ("family", "words"), [("blip2", "a photo of"), ("paligemma", "<image>caption en"), ("fuyu", "Generate a")]
)
def test_captioning_models_are_asked_as_they_were_trained(family: str, words: str) -> None:
    machine = captioner(family)
    kind = machine.model.config.model_type
    assert wording(machine.processor, kind).startswith(words)
    assert "the red dog" in wording(machine.processor, kind, "the red dog")


def test_a_model_without_template_gets_the_papers_words() -> None:
    machine = captioner("llava")
    machine.processor.chat_template = None
    assert wording(machine.processor, "llava") == "<image>A picture of"
    assert wording(machines.processor(), "limber") is None  # its processor's own: "A picture of"


def test_ready_inputs_give_what_their_image_gives() -> None:
    machine, (image,) = captioner("llava"), images()
    ready = machine.prepare([open_image(image)])
    assert machine.caption(ready) == [machine.caption(image)]
    (found,), wanted = attribute(machine, ready, target=1), attribute(machine, image, target=1)
    assert torch.equal(found.scores, wanted.scores)
    assert found.grid is None
    by_inputs, by_image = (
        ablate(machine, source, counts=[4], target=1, draws=2) for source in (ready, image)
    )
    assert [r.probability for r in by_inputs.rows if r.arm == "top"] == [
        r.probability for r in by_image.rows if r.arm == "top"
    ]
    bare = {key: ready[key] for key in ("input_ids", "pixel_values")}
    assert machine.caption(bare) == machine.caption(ready)  # all of the prompt is attended to


@pytest.mark.parametrize("family", sorted(ALL))
def test_ablations_run_a_row_an_edit(family: str) -> None:
    machine = captioner(family)
    done = ablate(machine, inputs(machine), counts=[0, 30], arms=["top"], target=1)
    (none,), (some,) = done.of("top", 0), done.of("top", 30)
    assert none.caption == done.attribution.caption.text
    assert none.relative_change == pytest.approx(0, abs=1e-4)
    assert some.relative_change != 0


def test_wrong_inputs_are_refused() -> None:
    machine = captioner("llava")
    ready = inputs(machine, 2)
    with pytest.raises(ModelError, match="input_ids"):
        machine.caption({"pixel_values": ready["pixel_values"]})
    with pytest.raises(ModelError, match=r"'pixel_values'.*a tensor"):
        machine.caption({**ready, "pixel_values": [1, 2]})
    with pytest.raises(SettingError, match="padded on the left"):
        machine.caption({**ready, "attention_mask": ready["attention_mask"].flip(1)})
    with pytest.raises(SettingError, match="prompts to copy"):
        machine.generate(ready, rows=2)
    text = {key: value[:, -3:] for key, value in ready.items() if key != "pixel_values"}
    with pytest.raises(SettingError, match="placeholder"):
        attribute(machine, text, target=0, max_new_tokens=2)
    qwen = captioner("qwen2_5_vl")
    grids = {key: value for key, value in inputs(qwen).items() if key != "mm_token_type_ids"}
    with pytest.raises(ModelError, match="mm_token_type_ids"):
        qwen.caption(grids)
    with pytest.raises(ModelError, match="dict of tensors"):
        captioner("qwen2_audio").caption(images()[0])


def test_cross_attention_has_no_patches_and_says_so() -> None:
    machine, (image,) = captioner("mllama"), images()
    assert not machine.has_patches
    given = machine.prepare([open_image(image)])
    found = attribute(machine, image, target=1, dense=True)
    assert found.dense.shape[1] == int(given["attention_mask"].sum())  # scored at the prompt's own positions
    assert found.grid is None
    with pytest.raises(SettingError, match="cross-attention"), edit(machine, "L0.u1", positions="visual"):
        pass
    with pytest.raises(ModelError, match="cross-attention"):
        receptive_field(machine, image, "L0.u1")


def test_mixtures_of_experts_are_refused_with_the_reason() -> None:
    experts = {"num_local_experts": 2, "num_experts": 2, "moe_intermediate_size": 8}
    mixed = hf.LlavaForConditionalGeneration(
        hf.LlavaConfig(
            vision_config=hf.CLIPVisionConfig(**VISION),
            text_config=hf.MixtralConfig(vocab_size=FIRST + 1, **TEXT, **experts),
            image_token_index=FIRST,
        )
    )
    with pytest.raises(ModelError, match="mixture of experts"):
        Captioner(mixed, captioner("llava").processor)


def test_other_blocks_beside_the_decoders_own_are_not_taken_for_them() -> None:
    machine = captioner("llava")
    decoder = machine.model.get_decoder()
    draft = torch.nn.ModuleList(
        [copy.deepcopy(decoder.layers[0])]
    )  # as of a head that predicts further tokens
    decoder._modules = {"draft": draft, **decoder._modules}
    found = find_layout(machine.model)
    assert [mlp.pre for mlp in found.mlps] == [block.mlp.gate_proj for block in decoder.layers]


def test_text_models_that_cannot_be_read_are_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    query = {**VISION, "encoder_hidden_size": 16, "vocab_size": 10}
    t5 = hf.T5Config(vocab_size=FIRST + 1, d_model=32, d_kv=16, d_ff=40, num_layers=2, num_heads=2)
    joined = hf.Blip2Config(
        vision_config=VISION,
        qformer_config=query,
        text_config=t5,
        num_query_tokens=4,
        image_token_index=FIRST,
    )
    with pytest.raises(ModelError, match="encoder of their own"):
        Captioner(hf.Blip2ForConditionalGeneration(joined), captioner("blip2").processor)
    narrow = machines.TEXT["opt"]()
    narrow.word_embed_proj_dim = 16
    monkeypatch.setitem(machines.TEXT, "opt", lambda: narrow)
    with pytest.raises(ModelError, match="project before the unembedding"):
        machines.captioner("opt")


def test_a_processor_that_needs_torchvision_says_so() -> None:
    if import_utils.is_torchvision_available():
        pytest.skip("torchvision is installed")
    model, processor = mistral3()

    def real(*_args: object, **_options: object) -> None:
        hf.PixtralProcessor(processor.image_processor, processor.tokenizer)

    machine = Captioner(model, copy.copy(processor))
    machine.processor.__class__ = type("PixtralProcessor", (type(processor),), {"__call__": real})
    with pytest.raises(AssetError, match="torchvision"):
        machine.caption(images()[0])


def test_a_checkpoints_own_penalties_do_not_bend_the_caption() -> None:
    machine = captioner("llava")
    given = inputs(machine)
    plain = machine.caption(given)
    settings = machine.model.generation_config
    bent = {"repetition_penalty": 9.0, "no_repeat_ngram_size": 1, "num_beams": 3, "do_sample": True}
    bent |= {
        "min_length": 60,
        "forced_eos_token_id": 5,
        "cache_implementation": "static",
        "guidance_scale": 3.0,
        "temperature": 3.0,
        "top_k": 9,
    }
    for name, value in bent.items():
        setattr(settings, name, value)
    assert machine.caption(given) == plain
    said = machine.model.generate(
        **given,
        do_sample=False,
        num_beams=1,
        max_new_tokens=24,
        output_logits=True,
        return_dict_in_generate=True,
    )
    assert said.sequences[0, -24:].tolist() != list(plain[0].token_ids)  # they would
    made = machine.generate(given)
    with torch.no_grad():
        for step, token in enumerate(made.captions[0].token_ids[:6]):
            ids = torch.tensor([made.captions[0].token_ids[:step]], dtype=torch.long)
            whole = machine.extend(given, ids.tolist())
            logits = machine.model(**whole).logits[0, -1]
            logits[settings.suppress_tokens] = -torch.inf
            assert int(logits.argmax()) == token


@pytest.mark.parametrize("text", ["gemma", "gptj", "llama", "mistral", "neox", "phi", "qwen"])
def test_llava_over_any_decoder_that_transformers_can_put_there(text: str) -> None:
    machine = llava_over(text)
    batch, alone = (attribute(machine, inputs(machine, n), target=2, max_new_tokens=4) for n in (3, 1))
    assert batch[0].caption.token_ids == alone[0].caption.token_ids
    assert torch.allclose(batch[0].scores, alone[0].scores, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("text", ["bloom", "falcon", "gpt2", "gptneo", "opt"])
def test_transformers_own_llava_refuses_the_others(text: str) -> None:
    with pytest.raises(AttributeError, match="embed_tokens"):
        llava_over(text)  # under LiMBeR they work: tests/test_attribution.py


@pytest.mark.parametrize("text", sorted(machines.TEXT))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_padded_rows_are_finite_and_change_nothing(text: str, dtype: torch.dtype) -> None:
    machine = machines.captioner(text, dtype=dtype)
    some, (short, long) = machines.images(2), ("a", "a picture of the red dog on the grass")
    batch, alone = (
        machine.prepare(machine.processor(images=list(some[:n]), text=[short, long][:n], return_tensors="pt"))
        for n in (2, 1)
    )
    together, one = machine.caption(batch, max_new_tokens=4), machine.caption(alone, max_new_tokens=4)
    if dtype == torch.float32:
        assert together[0].token_ids == one[0].token_ids
        assert together[0].probabilities == pytest.approx(one[0].probabilities, rel=1e-3)


def test_float64_behind_a_float32_softmax_is_named() -> None:
    machine = machines.captioner("bloom", dtype=torch.float64)
    batch = machine.processor(
        images=machines.images(2), text=["a", "a red dog on the grass"], return_tensors="pt"
    )
    with pytest.raises(NonFiniteError, match="softmax in float32"):
        attribute(machine, batch, target=0)
