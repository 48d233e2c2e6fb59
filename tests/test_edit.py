"""Edits against models whose weights were edited, with and without the KV cache; ablations and their arms."""

from __future__ import annotations

import copy
from collections import Counter

import numpy as np
import pytest
import torch

from machines import PATCHES, TEXT, captioner, images
from molyneux.data.gate import open_image
from molyneux.ground.errors import NeuronNameError, SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.models.captioner import Captioner
from molyneux.neurons.ablate import ablate, target_probabilities
from molyneux.neurons.arms import random_like
from molyneux.neurons.attribute import attribute
from molyneux.neurons.decode import decode
from molyneux.neurons.edit import edit, edit_rows, scaled

FAMILIES = sorted(TEXT)
SOME = [NeuronId(0, 3), NeuronId(0, 7), NeuronId(2, 11), NeuronId(1, 0)]


def with_edited_weights(machine: Captioner, scale: float) -> Captioner:
    """A copy in which the units' output vectors, not their activations, are scaled."""
    twin = Captioner(copy.deepcopy(machine.model), machine.processor)
    with torch.no_grad():
        for layer, unit in SOME:
            twin.layout.mlps[layer].directions[:, unit] *= scale
    return twin


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scale", [0.0, 1.0, 2.5])
def test_an_edit_equals_a_model_with_edited_weights(family: str, scale: float) -> None:
    machine, pictures = captioner(family, dtype=torch.float64), images(2)
    inputs = machine.prepare([open_image(image) for image in pictures])
    twin = with_edited_weights(machine, scale)
    with torch.no_grad():
        wanted = twin.model(**inputs).logits
        with edit(machine, [str(neuron) for neuron in SOME], scale):
            edited = machine.model(**inputs).logits
    assert torch.allclose(edited, wanted, rtol=1e-10, atol=1e-10)
    with edit(machine, SOME, scale):
        assert machine.caption(list(pictures)) == twin.caption(list(pictures))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("positions", ["all", "visual"])
@pytest.mark.usefixtures("exact")
def test_edits_act_in_generate_as_in_a_full_pass_without_cache(family: str, positions: str) -> None:
    machine, (image,) = captioner(family, dtype=torch.float64), images()
    inputs = machine.prepare([open_image(image)])
    strong = [NeuronId(layer, unit) for layer in range(3) for unit in range(10)]
    with edit(machine, strong, 3.0, positions):
        made = machine.model.generate(
            **inputs, do_sample=False, max_new_tokens=6, output_logits=True, return_dict_in_generate=True
        )
        for step, logits in enumerate(made.logits):
            length = inputs["input_ids"].shape[1] + step
            ids = made.sequences[:, :length]
            with torch.no_grad():
                whole = machine.model(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    pixel_values=inputs["pixel_values"],
                    use_cache=False,
                ).logits[:, -1]
            assert torch.allclose(whole.float(), logits, rtol=1e-5, atol=1e-5)  # generate keeps float32


@pytest.mark.parametrize("family", FAMILIES)
def test_visual_edits_touch_patches_only(family: str) -> None:
    machine, (image,) = captioner(family), images()
    inputs = machine.prepare([open_image(image)])
    seen: list[torch.Tensor] = []
    out = machine.layout.mlps[1].out
    neuron = NeuronId(1, 5)
    for context in (edit(machine, [], 0.0), edit(machine, neuron, 0.0, "visual")):
        with context:
            handle = out.register_forward_pre_hook(
                lambda _m, i: seen.append(i[0].reshape(-1, i[0].shape[-1]))
            )
            with torch.no_grad():
                machine.model(**inputs)
            handle.remove()
    plain, edited = seen
    assert edited[:PATCHES, 5].abs().max() == 0
    assert torch.equal(edited[PATCHES:], plain[PATCHES:])
    others = [unit for unit in range(machine.layout.units) if unit != 5]
    assert torch.equal(edited[:, others], plain[:, others])


def test_every_row_gets_its_own_edit() -> None:
    machine, (image,) = captioner(dtype=torch.float64), images()
    rows = [[], [NeuronId(0, 1)], SOME]
    inputs = machine.prepare([open_image(image)])
    batch = {key: value.repeat_interleave(3, dim=0) for key, value in inputs.items()}
    with torch.no_grad(), edit_rows(machine, rows, 0.0):
        together = machine.model(**batch).logits
    for row, neurons in enumerate(rows):
        with torch.no_grad(), edit(machine, neurons, 0.0):
            assert torch.allclose(machine.model(**inputs).logits[0], together[row], atol=1e-10)


def test_an_edit_returns_a_new_tensor_and_leaves_no_hook() -> None:
    activation = torch.ones(1, 2, 3)
    assert scaled(activation, torch.zeros(1, 3)).sum() == 0
    assert activation.sum() == 6
    machine, (image,) = captioner(), images()
    plain = machine.caption(image)
    with pytest.raises(RuntimeError, match="inside"), edit(machine, SOME, 0.0, "visual"):
        raise RuntimeError("inside")
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in machine.model.modules())
    with edit(machine, SOME, 1.0):
        assert machine.caption(image) == plain


@pytest.mark.parametrize(
    ("name", "said"), [("L9.u0", r"layer 0\.\.2"), ("L0.u40", r"unit 0\.\.39"), ("u3", "L12")]
)
def test_neurons_that_the_model_lacks_are_refused(name: str, said: str) -> None:
    machine = captioner()
    with pytest.raises(NeuronNameError, match=said), edit(machine, [name]):
        pass
    with pytest.raises(NeuronNameError, match=said):
        decode(machine, [name])


def test_wrong_edits_are_refused() -> None:
    machine = captioner()
    with pytest.raises(SettingError, match="positions"), edit(machine, SOME, positions="text"):
        pass
    with pytest.raises(SettingError, match="scale"), edit(machine, SOME, float("nan")):
        pass
    part = machine.model.language_model
    with edit(machine, SOME, positions="visual"), pytest.raises(SettingError, match="run alone"):
        part(input_ids=torch.tensor([[4, 5, 6]]))


def test_random_units_share_the_layers_and_never_repeat() -> None:
    chosen = [NeuronId(layer, unit) for layer in (0, 2) for unit in range(30)] + [NeuronId(1, 4)]
    drawn = random_like(chosen, 40, np.random.default_rng(0))
    assert Counter(n.layer for n in drawn) == Counter(n.layer for n in chosen)
    assert len(set(drawn)) == len(drawn)
    assert drawn == random_like(chosen, 40, np.random.default_rng(0))
    assert drawn != random_like(chosen, 40, np.random.default_rng(1))


def test_ablation_rows_equal_edits_made_one_by_one() -> None:
    machine, (image,) = captioner(), images()
    done = ablate(machine, image, counts=[0, 5, 20], target=1, draws=3, batch_size=4)
    assert len(done.rows) == 3 + 3 + 9
    inputs = machine.prepare([open_image(image)])
    for arm, count in (("top", 5), ("top", 20), ("top", 0)):
        (row,) = done.of(arm, count)
        neurons = [entry.neuron for entry in done.attribution.ranked(count)]
        assert row.units == count
        with edit(machine, neurons):
            (alone,) = target_probabilities(machine, inputs, done.attribution.target, [[]])
            assert row.probability == pytest.approx(alone, rel=1e-4)
            assert row.caption == machine.caption(image).text
    for row in [r for r in done.rows if r.count == 0]:
        assert row.relative_change == pytest.approx(0, abs=1e-4)
        assert row.caption == done.attribution.caption.text
    interval = done.change("random", 20)
    assert interval.low <= interval.mean <= interval.high
    assert interval.count == 3
    again = ablate(machine, image, counts=[20], target=1, draws=3)
    assert [r.probability for r in again.of("random", 20)] == pytest.approx(
        [r.probability for r in done.of("random", 20)], rel=1e-4
    )
    assert done.to_table().num_rows == len(done.rows)
    assert "Ablation(" in repr(done)


def test_the_interpretable_arm_holds_interpretable_units_in_order() -> None:
    machine, (image,) = captioner(), images()
    found = attribute(machine, image, target=1)
    done = ablate(machine, image, counts=[8], arms=["interpretable"], target=1, attribution=found)
    whole = [entry.neuron for entry in found.ranked(120)]
    wanted = [d.neuron for d in decode(machine, whole) if d.interpretable][:8]
    (row,) = done.rows
    with edit(machine, wanted):
        inputs = machine.prepare([open_image(image)])
        (alone,) = target_probabilities(machine, inputs, found.target, [[]])
    assert row.units == len(wanted)
    assert row.probability == pytest.approx(alone, rel=1e-4)


def test_an_attribution_brings_its_target() -> None:
    machine, (image,) = captioner(), images()
    found = attribute(machine, image, target=1)
    assert ablate(machine, image, counts=[2], arms=["top"], attribution=found).attribution is found
    with pytest.raises(SettingError, match="the attribution given"):
        ablate(machine, image, counts=[2], target=2, attribution=found)


@pytest.mark.parametrize(
    "wrong",
    [
        {"counts": [-1]},
        {"counts": []},
        {"counts": [999]},
        {"arms": ["best"]},
        {"draws": 0},
        {"batch_size": 0},
        {"drawn": 3},
    ],
)
def test_wrong_ablations_are_refused(wrong: dict[str, object]) -> None:
    machine, (image,) = captioner(), images()
    with pytest.raises(SettingError):
        ablate(machine, image, target=0, **wrong)


def test_a_result_says_how_its_units_were_edited() -> None:
    machine, (image,) = captioner(), images()
    off, up = (ablate(machine, image, counts=[0, 3], target=1, draws=2, scale=scale) for scale in (0, 2.5))
    assert "3 units off" in repr(off)
    assert "without some neurons" in str(off._repr_html_())
    assert "3 units \u00d72.5" in repr(up)
    assert "with some neurons \u00d72.5" in str(up._repr_html_())
    assert " off" not in repr(up) + str(up._repr_html_())
