"""Every family, one by one: captions, scores, decodings and edits are what plain transformers gives."""

from __future__ import annotations

import copy

import pytest
import torch

from families import ALL, LIMBER, captioner, inputs
from families.reference import by_hand, extended, is_gated, tapped, without_casts
from molyneux.ground.neuron import NeuronId
from molyneux.neurons.attribute import attribute
from molyneux.neurons.decode import decode
from molyneux.neurons.edit import edit

STEPS = 5
PLAIN = {"do_sample": False, "num_beams": 1, "output_logits": True, "return_dict_in_generate": True}

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")


def hooks_of(model) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("family", [*sorted(ALL), *LIMBER])
def test_captions_and_logits_are_generates_own(family: str, count: int) -> None:
    machine = captioner(family)
    given = inputs(machine, count)
    assert count == 1 or bool((given["attention_mask"] == 0).any())  # the prompts differ in length
    with torch.no_grad():
        plain = copy.deepcopy(machine.model).generate(**given, **PLAIN, max_new_tokens=STEPS)
        machine.model(**given)  # transformers keeps hooks of its own from the first pass on
    hooks = hooks_of(machine.model)
    tokens = plain.sequences[
        :, plain.sequences.shape[1] - STEPS :
    ].tolist()  # with or without the prompt before
    assert count == 1 or len({token for row in tokens for token in row}) > 1
    assert [list(caption.token_ids) for caption in machine.caption(given, max_new_tokens=STEPS)] == tokens
    found = attribute(machine, given, target=1, max_new_tokens=STEPS)
    assert [list(one.caption.token_ids) for one in found] == tokens
    for row, one in enumerate(found):
        assert one.logit == pytest.approx(float(plain.logits[1][row, tokens[row][1]]), rel=1e-4)
        for step, logits in enumerate(plain.logits):
            chance = logits[row, : machine.vocabulary].softmax(-1)[tokens[row][step]]
            assert one.caption.probabilities[step] == pytest.approx(float(chance), rel=1e-6)
    assert hooks_of(machine.model) == hooks


@pytest.mark.parametrize("family", sorted(ALL))
def test_rows_of_a_batch_are_what_each_prompt_alone_gives(family: str) -> None:
    machine = captioner(family, dtype=torch.float64)
    together = attribute(machine, inputs(machine, 2), target=4, max_new_tokens=STEPS, dense=True)
    alone = attribute(machine, inputs(machine, 1), target=4, max_new_tokens=STEPS, dense=True)
    assert together[0].caption.token_ids == alone[0].caption.token_ids
    assert together[0].dense.shape == alone[0].dense.shape
    assert together[0].logit == pytest.approx(alone[0].logit, rel=1e-4)
    assert relative(together[0].dense, alone[0].dense) < 1e-3
    assert relative(together[0].scores, alone[0].scores) < 1e-3
    assert together[0].pairs[0][:2] == alone[0].pairs[0][:2]


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("family", sorted(ALL))
def test_scores_equal_autograd_by_hand(family: str) -> None:
    machine = captioner(family)
    given = inputs(machine)
    token = 2
    found = {
        site: attribute(machine, given, target=token, site=site, dense=True, max_new_tokens=STEPS)[0]
        for site in ("pre", "post", *(["gate"] if is_gated(machine) else []))
    }
    target = found["pre"].target
    copied = tapped(machine)
    logits = copied.model(**extended(machine, given, target.prefix), use_cache=False).logits[0, -1]
    logits[target.token_id].backward()
    assert found["pre"].logit == pytest.approx(logits[target.token_id].item(), rel=1e-5)
    where = machine.visual(given["input_ids"], given["attention_mask"])[0].nonzero()[:, 0]
    assert found.keys() == copied.sites().keys()
    for site, values in copied.sites().items():
        wanted = by_hand(values, where)
        assert found[site].dense.shape == wanted.shape
        assert wanted[0].abs().max() > 0
        assert relative(found[site].dense, wanted) < 1e-4
        assert relative(found[site].scores, wanted.amax(1)) < 1e-4


@pytest.mark.parametrize("family", sorted(ALL))
def test_post_scores_of_a_layer_sum_to_the_derivative_of_scaling_it(family: str) -> None:
    machine = captioner(family, dtype=torch.float64)
    given = inputs(machine)
    (found,) = attribute(
        machine, given, target=1, site="post", reduce="sum", dense=True, max_new_tokens=STEPS
    )
    whole = extended(machine, given, found.target.prefix)
    visual = machine.visual(given["input_ids"], given["attention_mask"])
    visual = torch.nn.functional.pad(visual, (0, 1))[0].double()
    model, _, out, _ = tapped(machine)
    without_casts(model)
    sums, wanted = found.scores.sum(1), []
    for tap in out:
        ends = []
        for step in (1e-3, -1e-3):
            tap.scale = 1 + step * visual[:, None]
            with torch.no_grad():
                ends.append(float(model(**whole, use_cache=False).logits[0, -1, found.target.token_id]))
        tap.scale = 1.0
        wanted.append((ends[0] - ends[1]) / 2e-3)
    whole_scale = float(found.dense.abs().sum(dim=(1, 2)).max())
    assert whole_scale > 1e-3
    assert sums.tolist() == pytest.approx(wanted, rel=1e-4, abs=1e-6 * whole_scale)
    # Gemma 3 normalises what an MLP writes: scaling all of it changes nothing, and its scores cancel
    assert (sums.abs().max() < 1e-5 * whole_scale) == (family == "gemma3")


@pytest.mark.parametrize("family", sorted(ALL))
def test_decodings_equal_the_plain_product(family: str) -> None:
    machine = captioner(family)
    weight = machine.model.get_output_embeddings().weight
    hidden = set(machine.unsayable.tolist())
    listed = [token for token in range(machine.vocabulary) if token not in hidden]
    vectors = machine.layout.mlps[1].out.weight
    assert vectors.shape == (32, 40)
    for unit, decoding in zip((0, 17), decode(machine, ["L1.u0", "L1.u17"], k=5), strict=True):
        logits = (weight @ vectors[:, unit])[listed]
        order = logits.argsort(descending=True)[:5]
        assert decoding.token_ids == tuple(listed[n] for n in order)
        assert decoding.logits == pytest.approx(logits[order].tolist(), rel=1e-5)
        assert decoding.probabilities == pytest.approx(logits.softmax(-1)[order].tolist(), rel=1e-5)


@pytest.mark.parametrize("family", sorted(ALL))
def test_edits_act_in_generate_as_in_full_passes_without_cache(family: str) -> None:
    machine = captioner(family, dtype=torch.float64)
    given = inputs(machine)
    strong = [NeuronId(layer, unit) for layer in range(3) for unit in range(12)]
    plain = machine.model.generate(**given, **PLAIN, max_new_tokens=STEPS)
    for positions in ("all", "visual") if machine.has_patches else ("all",):
        with edit(machine, strong, 3.0, positions):
            made = machine.model.generate(**given, **PLAIN, max_new_tokens=STEPS)
            tokens = made.sequences[0, made.sequences.shape[1] - STEPS :].tolist()
            for step, logits in enumerate(made.logits):
                with torch.no_grad():
                    whole = machine.model(**extended(machine, given, tokens[:step]), use_cache=False)
                assert torch.allclose(whole.logits[0, -1].float(), logits[0].float(), rtol=1e-4, atol=1e-4)
        assert not torch.allclose(made.logits[0], plain.logits[0], rtol=1e-2)  # the edit does something
