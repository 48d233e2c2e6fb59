"""Later words of a caption, in every family: the tokens before the target stand as the model wrote and read them."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor

from families import ALL, LIMBER, captioner, inputs
from families.reference import by_hand, extended, is_gated, tapped
from molyneux.ground.errors import SettingError
from molyneux.models.captioner import Captioner
from molyneux.models.layout import DecoderLayout, MlpPlace
from molyneux.neurons.ablate import ablate
from molyneux.neurons.attribute import Attribution, AttributionSettings, attribute, attribute_batch
from molyneux.neurons.stream import ScoreStream
from molyneux.neurons.target import Target, choose_target

STEPS = 8
LATE = (4, 7)
#: Targets of a batch of four, a row each: the passes that captioned keep the graph of the first kind alone.
MIXED = {"recorded": (2, 0, 1, 3), "extended": (0, 7, 4, 2)}
EVERY = (*sorted(ALL), *LIMBER)
PLAIN = {"do_sample": False, "num_beams": 1, "output_logits": True, "return_dict_in_generate": True}

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")


def relative(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


def sites(machine: Captioner) -> tuple[str, ...]:
    return ("pre", "post", "gate") if is_gated(machine) else ("pre", "post")


def both_ways(machine: Captioner, given: dict[str, Tensor], targets: list[Target], site: str) -> list:
    """Scores from the captioning prefill, their maxima over patches; and from a pass of its own over captions
    that are there already, their sums."""
    maxima = AttributionSettings(site=site, dense=True)
    sums = AttributionSettings(site=site, dense=True, reduce="sum", top=5)
    fused = attribute_batch(machine, given, targets=targets, settings=maxima, max_new_tokens=STEPS)
    captions = [one.caption for one in fused]
    return [fused, attribute_batch(machine, given, targets=targets, settings=sums, captions=captions)]


def scores_by_hand(machine: Captioner, given: dict[str, Tensor], target: Target) -> tuple[float, dict]:
    """y_c of one prompt, and each site's scores, by plain autograd through one full pass of an unhooked copy."""
    copied = tapped(machine)
    logits = copied.model(**extended(machine, given, target.prefix), use_cache=False).logits[0, -1]
    logits[target.token_id].backward()
    where = machine.visual(given["input_ids"], given["attention_mask"])[0].nonzero()[:, 0]
    values = copied.sites()
    return logits[target.token_id].item(), {site: by_hand(values[site], where) for site in values}


def check(found: Attribution, logit: float, scores: Tensor) -> None:
    assert found.logit == pytest.approx(logit, rel=1e-4, abs=1e-5)
    assert found.dense.shape == scores.shape
    assert scores[0].abs().max() > 0
    assert relative(found.dense, scores) < 1e-4
    reduced = scores.amax(1) if found.settings.reduce == "max" else scores.sum(1)
    assert relative(found.scores, reduced) < 1e-4
    layers, patches, units = np.indices(scores.shape).reshape(3, -1)
    values = found.dense.numpy().ravel()
    best = np.lexsort((patches, units, layers, -values))[: found.settings.top]
    assert [(*p.neuron, p.patch) for p in found.pairs] == [(layers[n], units[n], patches[n]) for n in best]
    assert [p.score for p in found.pairs] == values[best].tolist()


@pytest.mark.parametrize("token", LATE)
@pytest.mark.parametrize("family", EVERY)
def test_a_later_targets_scores_equal_autograd_by_hand(family: str, token: int) -> None:
    machine = captioner(family)
    given = inputs(machine)
    plain = copy.deepcopy(machine.model).generate(**given, **PLAIN, max_new_tokens=STEPS)
    (caption,) = machine.caption(given, max_new_tokens=STEPS)
    target = choose_target(caption, token)
    assert len(target.prefix) == token
    logit, wanted = scores_by_hand(machine, given, target)
    assert logit == pytest.approx(float(plain.logits[token][0, target.token_id]), rel=1e-4, abs=1e-5)
    assert tuple(wanted) == sites(machine)
    for site in wanted:
        for (found,) in both_ways(machine, given, [target], site):
            check(found, logit, wanted[site])


@pytest.mark.parametrize("kind", MIXED)
@pytest.mark.parametrize("family", EVERY)
def test_targets_at_different_places_of_one_batch(family: str, kind: str) -> None:
    machine = captioner(family)
    given = inputs(machine, 4)
    plain = copy.deepcopy(machine.model).generate(**given, **PLAIN, max_new_tokens=STEPS)
    captions = machine.caption(given, max_new_tokens=STEPS)
    targets = [choose_target(caption, n) for caption, n in zip(captions, MIXED[kind], strict=True)]
    ways = both_ways(machine, given, targets, "pre")
    for row, target in enumerate(targets):
        logit, wanted = scores_by_hand(machine, inputs(machine, only=row), target)
        generated = plain.logits[target.token][row, target.token_id]
        assert logit == pytest.approx(float(generated), rel=1e-3, abs=1e-4)
        for found in ways:
            check(found[row], logit, wanted["pre"])


@pytest.mark.parametrize("token", LATE)
@pytest.mark.parametrize("family", EVERY)
def test_what_an_ablation_starts_from_is_the_captions_own_probability(family: str, token: int) -> None:
    machine = captioner(family)
    given = inputs(machine)
    (found,) = attribute(machine, given, target=token, max_new_tokens=STEPS)
    wanted = found.caption.probabilities[token]
    done = ablate(machine, given, counts=[0], arms=["top"], attribution=found)
    assert done.probability == pytest.approx(wanted, rel=1e-4)
    assert done.rows[0].probability == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("family", EVERY)
def test_the_gate_is_a_site_where_there_is_one(family: str) -> None:
    machine = captioner(family)
    given = inputs(machine)
    if not is_gated(machine):
        with pytest.raises(SettingError, match=r"'gate': expected 'pre' or 'post': .* no gate"):
            attribute(machine, given, target=1, site="gate", max_new_tokens=2)
        return
    gate, post, pre = (
        attribute(machine, given, target=1, site=site, dense=True, max_new_tokens=2)[0]
        for site in ("gate", "post", "pre")
    )
    # act(z) * dy/dact(z) = act(z) * up * dy/da = a * dy/da; z * dy/dz is another number
    assert relative(gate.dense, post.dense) < 1e-5
    assert relative(pre.dense, post.dense) > 1e-2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_scores_of_models_in_half_precision_are_float32_products(dtype: torch.dtype) -> None:
    machine = captioner("llava", dtype=dtype)
    (found,) = attribute(machine, inputs(machine), target=1, dense=True, max_new_tokens=2)
    assert found.dense.dtype == found.scores.dtype == torch.float32
    assert not torch.equal(found.dense, found.dense.to(dtype).float())  # more digits than the model has


def test_a_row_with_fewer_patches_lists_its_own_pairs_and_all_of_them() -> None:
    place = MlpPlace(torch.nn.Identity(), torch.nn.Identity())
    layout = DecoderLayout((place,), 2, 2, torch.nn.Identity(), None)
    stream = ScoreStream(layout, "pre", 3)
    visual = torch.tensor([[True, True, True, True], [False, False, True, True]])
    values = torch.tensor([[[1.0, 2.0]] * 4, [[0.0, 0.0], [0.0, 0.0], [9.0, -8.0], [7.0, -6.0]]])
    with stream.listening(lambda: visual):
        logit = place.pre(values).sum()  # the score of each value is the value
    stream.backward(logit)
    pairs = stream.pairs[0]
    assert pairs.scores[1].tolist() == [9.0, 7.0, -6.0]
    assert (pairs.units[1].tolist(), pairs.patches[1].tolist()) == ([0, 0, 1], [0, 1, 1])
    assert stream.sums[0][1].tolist() == [16.0, -14.0]
    assert stream.maxima[0][1].tolist() == [9.0, -6.0]
    assert stream.counts == [4, 2]
