"""Edits in every family: a row its own edit, prompts of unequal length, and p(c) beside the new caption."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from families import ALL, LIMBER, captioner, inputs
from families.reference import extended, tapped
from molyneux.ground.neuron import NeuronId
from molyneux.models.captioner import Captioner
from molyneux.neurons.ablate import target_probabilities
from molyneux.neurons.attribute import attribute
from molyneux.neurons.edit import edit, edit_rows
from molyneux.neurons.edited import caption_probabilities, recaption

STEPS = 8
EVERY = (*sorted(ALL), *LIMBER)
PLAIN = {"do_sample": False, "num_beams": 1, "output_logits": True, "return_dict_in_generate": True}
#: A row of a batch each.
EDITS = (
    [NeuronId(layer, unit) for layer in range(3) for unit in range(12)],
    [],
    [NeuronId(0, unit) for unit in range(20)],
    [NeuronId(layer, unit) for layer in (0, 2) for unit in range(20, 40)],
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:At least one mel filter"),
    pytest.mark.usefixtures("exact"),
]


def full_pass(
    machine: Captioner, given: dict, tokens: list[int], edits: list[NeuronId], positions: str
) -> Tensor:
    """Logits after ``tokens`` of one prompt alone, its neurons tripled in a copy without hooks or a cache."""
    visual = torch.ones_like(given["input_ids"][0])
    if positions == "visual":
        visual = machine.visual(given["input_ids"])[0].int()
    visual = torch.nn.functional.pad(visual, (0, len(tokens)), value=int(positions == "all"))
    copied = tapped(machine)
    for layer, tap in enumerate(copied.out):
        factor = torch.zeros(machine.layout.units, dtype=torch.float64)
        factor[[unit for at, unit in edits if at == layer]] = 2.0
        tap.scale = 1 + visual[:, None] * factor
    with torch.no_grad():
        return copied.model(**extended(machine, given, tokens), use_cache=False).logits[0, -1].float()


@pytest.mark.parametrize("positions", ["all", "visual"])
@pytest.mark.parametrize("family", EVERY)
def test_rows_of_unequal_prompts_are_edited_each_its_own_way(family: str, positions: str) -> None:
    machine = captioner(family, dtype=torch.float64)
    if positions == "visual" and not machine.has_patches:
        pytest.skip("reads images by cross-attention: edits at patches are refused, as another test shows")
    with edit_rows(machine, EDITS, 3.0, positions):
        made = machine.model.generate(**inputs(machine, len(EDITS)), **PLAIN, max_new_tokens=4)
    tokens = made.sequences[:, made.sequences.shape[1] - 4 :].tolist()
    for row, chosen in enumerate(EDITS):
        given = inputs(machine, only=row)
        for step in (0, 3):
            wanted = full_pass(machine, given, tokens[row][:step], chosen, positions)
            assert torch.allclose(made.logits[step][row].float(), wanted, rtol=1e-3, atol=1e-3)
        with torch.no_grad():
            plain = machine.model(**extended(machine, given, tokens[row][:3]), use_cache=False).logits[0, -1]
        assert (float((wanted - plain).abs().max()) > 1e-6) == bool(chosen)  # edits do something


@pytest.mark.parametrize("positions", ["all", "visual"])
@pytest.mark.parametrize("family", ["blip2", "fuyu", "limber_opt", "qwen2_5_vl"])
def test_one_edit_acts_on_every_row_of_whatever_batch(family: str, positions: str) -> None:
    machine = captioner(family, dtype=torch.float64)
    batch = inputs(machine, 3)
    with torch.no_grad(), edit(machine, EDITS[0], 3.0, positions):
        made = machine.forward(batch).logits[:, -1]
    for row in range(3):
        wanted = full_pass(machine, inputs(machine, only=row), [], EDITS[0], positions)
        assert torch.allclose(made[row].float(), wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("token", [0, 2, 7])
@pytest.mark.parametrize("family", EVERY)
def test_recaptions_are_what_an_edit_at_a_time_gives(family: str, token: int) -> None:
    machine = captioner(family)
    given = inputs(machine)
    (found,) = attribute(machine, given, target=token, max_new_tokens=STEPS)
    some = recaption(machine, given, target=found.target, edits=EDITS, max_new_tokens=STEPS)
    apart = target_probabilities(machine, given, found.target, EDITS)
    assert some[1].caption.token_ids == found.caption.token_ids  # nothing was switched off
    assert some[1].probability == pytest.approx(found.caption.probabilities[token], rel=1e-4)
    for chosen, chance, redone in zip(EDITS, apart, some, strict=True):
        with edit(machine, chosen), torch.no_grad():
            (caption,) = machine.caption(given, max_new_tokens=STEPS)
            logits = machine.model(**extended(machine, given, found.target.prefix), use_cache=False).logits
        wanted = float(logits[0, -1, : machine.vocabulary].softmax(-1)[found.target.token_id])
        assert redone.caption.token_ids == caption.token_ids
        assert redone.caption.probabilities == pytest.approx(caption.probabilities, rel=1e-3)
        assert redone.probability == pytest.approx(wanted, rel=1e-3)
        assert chance == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("family", EVERY)
def test_one_pass_tells_p_of_every_token(family: str) -> None:
    machine = captioner(family)
    given = inputs(machine)
    (caption,) = machine.caption(given, max_new_tokens=STEPS)
    ids = caption.token_ids
    found = caption_probabilities(machine, given, ids, EDITS, scale=0.5)
    assert found.shape == (len(EDITS), len(ids))
    assert found[1].tolist() == pytest.approx(caption.probabilities, rel=1e-3)
    for row, chosen in zip(found.tolist(), EDITS, strict=True):
        for token in {0, len(ids) // 2, len(ids) - 1}:
            with edit(machine, chosen, 0.5), torch.no_grad():
                logits = machine.model(**extended(machine, given, ids[:token]), use_cache=False).logits
            wanted = float(logits[0, -1, : machine.vocabulary].softmax(-1)[ids[token]])
            assert row[token] == pytest.approx(wanted, rel=1e-3)
