"""Scores against autograd written out, finite differences, scaling, and brute force over dense scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from by_hand import gptj_scores, logit_with_offset
from machines import PATCHES, TEXT, captioner, images
from molyneux.data.gate import open_image
from molyneux.ground.errors import NonFiniteError, NoNounError, SettingError, TargetError
from molyneux.ground.neuron import NeuronId
from molyneux.models.caption import Caption
from molyneux.models.hooks import on_input
from molyneux.neurons.attribute import AttributionSettings, attribute, attribute_batch
from molyneux.neurons.passes import with_prefix
from molyneux.neurons.ranking import top_in_order
from molyneux.neurons.target import choose_target

FAMILIES = sorted(TEXT)


@pytest.mark.parametrize("site", ["pre", "post"])
@pytest.mark.parametrize("token", [0, 2])
@pytest.mark.usefixtures("exact")
def test_scores_equal_autograd_by_hand_in_float64(site: str, token: int) -> None:
    machine, (image,) = captioner(dtype=torch.float64), images()
    found = attribute(machine, image, target=token, site=site, dense=True)
    wanted = gptj_scores(
        machine, machine.prepare([open_image(image)]), list(found.target.prefix), found.target.token_id, site
    )
    assert len(found.target.prefix) == token
    assert found.dense.shape == (3, PATCHES, 40)
    error = (found.dense - wanted).norm() / wanted.norm()
    assert error < 1e-9
    assert found.dense[-1].abs().max() == 0  # the last layer cannot reach a later token
    assert wanted[-1].abs().max() == 0
    assert wanted[0].abs().max() > 0


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("site", ["pre", "post"])
@pytest.mark.usefixtures("exact")
def test_scores_equal_finite_differences(family: str, site: str) -> None:
    machine, (image,) = captioner(family, dtype=torch.float64), images()
    found = attribute(machine, image, target=1, site=site, dense=True)
    inputs = with_prefix(machine.prepare([open_image(image)]), [found.target.prefix])
    layer = machine.layout.mlps
    values = {}
    watched = [m.pre if site == "pre" else m.out for m in layer]
    handles = [
        module.register_forward_hook(
            lambda _m, i, o, n=n: values.__setitem__(n, o if site == "pre" else i[0])
        )
        for n, module in enumerate(watched)
    ]
    with torch.no_grad():
        machine.model(**inputs)
    for handle in handles:
        handle.remove()
    rng, step = np.random.default_rng(0), 1e-5
    for _ in range(6):
        where = (int(rng.integers(2)), int(rng.integers(PATCHES)), int(rng.integers(machine.layout.units)))
        up, down = (
            logit_with_offset(machine, inputs, found.target.token_id, where, offset=sign * step, site=site)
            for sign in (1, -1)
        )
        value = float(values[where[0]].reshape(-1, machine.layout.units)[where[1], where[2]])
        assert found.dense[where] == pytest.approx(value * (up - down) / (2 * step), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.usefixtures("exact")
def test_post_scores_of_a_layer_sum_to_the_derivative_of_scaling_it(family: str) -> None:
    machine, (image,) = captioner(family, dtype=torch.float64), images()
    found = attribute(machine, image, target=1, site="post", reduce="sum")
    inputs = with_prefix(machine.prepare([open_image(image)]), [found.target.prefix])
    for layer in range(machine.layout.layers):

        def logit(scale: float, layer: int = layer) -> float:
            def apply(a: torch.Tensor) -> torch.Tensor:
                shaped = a.clone().reshape(1, -1, a.shape[-1])
                shaped[:, :PATCHES] *= scale
                return shaped.reshape(a.shape)

            with on_input(machine.layout.mlps[layer].out, apply), torch.no_grad():
                return float(machine.model(**inputs).logits[0, -1, found.target.token_id])

        derivative = (logit(1 + 1e-5) - logit(1 - 1e-5)) / 2e-5
        assert float(found.scores[layer].sum()) == pytest.approx(derivative, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("reduce", ["max", "sum"])
def test_one_pass_ranks_both_ways(reduce: str) -> None:
    machine, (image,) = captioner(), images()
    found = attribute(machine, image, target=1, reduce=reduce, dense=True)
    turned = found.by("sum" if reduce == "max" else "max")
    reduced = {"max": found.dense.amax(dim=1), "sum": found.dense.sum(dim=1)}
    assert turned.settings.reduce != reduce
    torch.testing.assert_close(turned.scores, reduced[turned.settings.reduce])
    torch.testing.assert_close(turned.by(reduce).scores, found.scores, rtol=0, atol=0)
    assert found.by(reduce) is found
    with pytest.raises(SettingError, match="mean"):
        found.by("mean")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("reduce", ["max", "sum"])
def test_units_and_pairs_are_what_brute_force_over_dense_scores_gives(family: str, reduce: str) -> None:
    machine, (image,) = captioner(family), images()
    found = attribute(machine, image, target=1, reduce=reduce, top=17, dense=True)
    dense = found.dense
    pairs = sorted(
        (-float(dense[layer, patch, unit]), layer, unit, patch)
        for layer in range(2)
        for patch in range(PATCHES)
        for unit in range(machine.layout.units)
    )[:17]
    assert [(p.neuron, p.patch) for p in found.pairs] == [(NeuronId(la, u), p) for _, la, u, p in pairs]
    assert [-p.score for p in found.pairs] == [score for score, *_ in pairs]
    reduced = dense.amax(1) if reduce == "max" else dense.sum(1)
    assert torch.allclose(found.scores, reduced, atol=1e-7)
    units = sorted((-float(found.scores[n]), n) for n in np.ndindex(*found.scores.shape))[:17]
    assert [tuple(n.neuron) for n in found.neurons] == [n for _, n in units]
    for entry in found.neurons:
        assert entry.patch == int(dense[entry.neuron.layer, :, entry.neuron.unit].argmax())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("indices", [(0, 1, 2), (0, 4, 7)], ids=["recorded", "extended"])  # prefixes' lengths
@pytest.mark.usefixtures("exact")
def test_the_captioning_prefill_gives_the_scores_of_a_pass_of_its_own(
    family: str, indices: tuple[int, int, int]
) -> None:
    machine = captioner(family, dtype=torch.float64)
    pictures = [open_image(image) for image in images(3)]
    captions = machine.caption(list(pictures))
    targets = [choose_target(caption, n) for n, caption in zip(indices, captions, strict=True)]
    settings = AttributionSettings(dense=True)
    fused = attribute_batch(machine, pictures, targets=targets, settings=settings)
    alone = attribute_batch(machine, pictures, targets=targets, settings=settings, captions=captions)
    single = [
        attribute_batch(machine, [p], targets=[t], settings=settings, captions=[c])[0]
        for p, t, c in zip(pictures, targets, captions, strict=True)
    ]
    for one, two, three in zip(fused, alone, single, strict=True):
        assert one.caption == two.caption
        assert one.logit == pytest.approx(two.logit, rel=1e-9)
        assert torch.allclose(one.dense, two.dense, rtol=1e-8, atol=1e-12)
        assert torch.allclose(one.dense, three.dense, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_hooks_change_nothing_and_none_stays(family: str) -> None:
    machine, (image,) = captioner(family), images()
    inputs = machine.prepare([open_image(image)])
    options = {
        "do_sample": False,
        "max_new_tokens": 8,
        "output_logits": True,
        "return_dict_in_generate": True,
    }
    before = machine.model.generate(**inputs, **options)
    asking = [p.requires_grad for p in machine.model.parameters()]
    found = attribute(machine, image, target=0, max_new_tokens=8)
    after = machine.model.generate(**inputs, **options)
    assert all(torch.equal(x, y) for x, y in zip(before.logits, after.logits, strict=True))
    new = before.sequences[0, inputs["input_ids"].shape[1] :].tolist()
    assert list(found.caption.token_ids) == [t for t in new if t not in (0, 1)][: len(found.caption.tokens)]
    assert found.logit == pytest.approx(float(before.logits[0][0, found.target.token_id]), rel=1e-5)
    assert [p.requires_grad for p in machine.model.parameters()] == asking
    assert all(p.grad is None for p in machine.model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in machine.model.modules())


def test_hooks_are_gone_after_an_error_too() -> None:
    machine, (image,) = captioner(), images()
    with pytest.raises(TargetError):
        attribute(machine, image, target="volcano")
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in machine.model.modules())
    assert torch.is_grad_enabled()


def test_results_do_not_depend_on_the_batch() -> None:
    machine, some = captioner(), images(5)
    together = attribute(machine, list(some), target=1)
    alone = [attribute(machine, image, target=1) for image in some]
    for one, two in zip(together, alone, strict=True):
        assert one.caption.text == two.caption.text
        assert torch.allclose(one.scores, two.scores, rtol=1e-4, atol=1e-6)


def test_parts_that_ask_for_gradients_ask_again_afterwards() -> None:
    machine, (image,) = captioner(), images()
    machine.model.projection.requires_grad_(True)
    machine.model.language_model.requires_grad_(False)
    attribute(machine, image, target=0)
    assert machine.model.projection.weight.requires_grad
    assert not any(p.requires_grad for p in machine.model.language_model.parameters())


def test_ties_go_by_index_always() -> None:
    values = torch.tensor([[1.0, 3.0, 3.0, 0.0, 3.0, 2.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    assert top_in_order(values, 2)[1].tolist() == [[1, 2], [0, 1]]
    assert top_in_order(values, 4)[1].tolist() == [[1, 2, 4, 5], [0, 1, 2, 3]]
    assert top_in_order(values, 9)[1].tolist() == [[1, 2, 4, 5, 0, 3], [0, 1, 2, 3, 4, 5]]


def test_twin_units_are_listed_in_order() -> None:
    machine, (image,) = captioner(), images()
    mlp = machine.model.language_model.transformer.h[1].mlp
    with torch.no_grad():
        mlp.fc_in.weight[:] = mlp.fc_in.weight[:1]
        mlp.fc_in.bias[:] = mlp.fc_in.bias[0]
        mlp.fc_out.weight[:] = mlp.fc_out.weight[:, :1]
    found = attribute(machine, image, target=0, top=200)
    twins = [entry.neuron.unit for entry in found.neurons if entry.neuron.layer == 1]
    assert len(twins) > 30
    assert twins == sorted(twins)


@pytest.mark.parametrize("site", ["pre", "post"])
def test_nan_weights_never_caption(site: str) -> None:
    machine, (image,) = captioner(), images()
    with torch.no_grad():
        machine.model.language_model.transformer.h[2].mlp.fc_out.weight[0, 0] = torch.nan
    with pytest.raises(NonFiniteError, match="layer 2"):
        machine.caption(image)
    with pytest.raises(NonFiniteError, match="layer 2"):
        attribute(machine, image, site=site)


def test_targets() -> None:
    words = ("a", "red", "dog")
    from molyneux.models.caption import WordAt

    listed = tuple(WordAt(word, n) for n, word in enumerate(words))
    caption = Caption("a red dog", words, (2, 7, 10), (0.5, 0.2, 0.9), WordAt("dog", 2), listed)
    assert choose_target(caption) == choose_target(caption, "DOG") == choose_target(caption, 2)
    assert choose_target(caption).prefix == (2, 7)
    with pytest.raises(TargetError, match=r"'cat'.*'a red dog'"):
        choose_target(caption, "cat")
    with pytest.raises(TargetError, match="3: expected an index below 3"):
        choose_target(caption, 3)
    nounless = Caption("running", ("running",), (9,), (0.5,), None, (WordAt("running", 0),))
    with pytest.raises(NoNounError, match="running"):
        choose_target(nounless)


@pytest.mark.parametrize(
    "wrong",
    [{"site": "middle"}, {"reduce": "mean"}, {"top": 0}, {"tops": 3}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_wrong_settings_are_refused_by_name(wrong: dict[str, object]) -> None:
    machine, (image,) = captioner(), images()
    with pytest.raises(SettingError, match=next(iter(wrong))):
        attribute(machine, image, **wrong)


def test_table() -> None:
    machine, (image,) = captioner(), images()
    found = attribute(machine, image, target=0, top=5)
    table = found.to_table()
    assert table.column_names == ["rank", "neuron", "layer", "unit", "patch", "score"]
    assert table["neuron"].to_pylist() == [str(n.neuron) for n in found.neurons]
    assert found.to_table(kind="pairs")["patch"].to_pylist() == [p.patch for p in found.pairs]
    assert "Attribution(" in repr(found)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_captioning_prefill_is_the_forward_pass(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, (image,) = captioner(family), images()
    passes: list[int] = []
    seen: list[int] = []
    handles = [
        machine.model.get_decoder().register_forward_hook(lambda *_: passes.append(1)),
        machine.model.vision_tower.register_forward_hook(lambda *_: seen.append(1)),
    ]
    backward, real = [], torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *a, **k: backward.append(1) or real(*a, **k))
    attribute(machine, image, target=0, max_new_tokens=5)
    assert (len(passes), len(seen), len(backward)) == (5, 1, 1)  # a forward a token, the first one recorded
    attribute(machine, image, target=3, max_new_tokens=5)
    own = (
        family == "mistral"
    )  # its window's cache is cut, and keeps no graph: a later target is a pass of its own
    assert (len(passes), len(seen), len(backward)) == (10 + own, 2 + own, 2)
    attribute(machine, image, target=4, max_new_tokens=5)
    # late: one more for the tokens before it
    assert (len(passes), len(seen), len(backward)) == (16 + own, 3 + 2 * own, 3)
    for handle in handles:
        handle.remove()


def test_layers_that_no_gradient_reaches_come_before_negative_scores() -> None:
    machine, (image,) = captioner(), images()
    everything = 3 * 40 * PATCHES
    found = attribute(machine, image, target=0, top=everything, dense=True)
    assert len(found.pairs) == everything
    wanted = sorted(
        (-float(found.dense[layer, patch, unit]), layer, unit, patch)
        for layer in range(3)
        for patch in range(PATCHES)
        for unit in range(40)
    )
    assert [(p.neuron, p.patch) for p in found.pairs] == [(NeuronId(la, u), p) for _, la, u, p in wanted]
