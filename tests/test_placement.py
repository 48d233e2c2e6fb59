"""Models laid out by accelerate: weights put away until their module runs, and layers on several devices.

Weights are really put away here (in memory and on disk). Several devices are only imitated, by the CPU and torch's
"meta" device, which computes nothing but refuses, as a real one does, to meet tensors of another.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from accelerate import cpu_offload
from torch import Tensor, nn

import machines
from away import put_away
from families import captioner, images
from molyneux.data.gate import open_image
from molyneux.ground.errors import NonFiniteError
from molyneux.ground.neuron import NeuronId
from molyneux.models.layout import DecoderLayout, MlpPlace
from molyneux.models.placement import all_weights, home_of, weight_of
from molyneux.neurons import decode as decoding
from molyneux.neurons import stream as streams
from molyneux.neurons.ablate import ablate
from molyneux.neurons.attribute import attribute
from molyneux.neurons.decode import decode, token_logits
from molyneux.neurons.edit import edit, scaled
from molyneux.neurons.fields import patch_activations
from molyneux.neurons.stream import ScoreStream, at_patches

NEURONS = [NeuronId(0, 1), NeuronId(2, 3), NeuronId(1, 0)]
BUILD = {
    "limber": machines.captioner,
    "llava": lambda: captioner("llava"),
}


@pytest.mark.parametrize("where", ["memory", "disk"])
@pytest.mark.parametrize("family", BUILD)
def test_weights_that_are_put_away_give_the_same_numbers(family: str, where: str, tmp_path: Path) -> None:
    plain, away = BUILD[family](), put_away(BUILD[family](), where, tmp_path)
    pictures = images(3)
    assert away.device == plain.device == home_of(away.model)
    assert [c.text for c in away.caption(pictures)] == [c.text for c in plain.caption(pictures)]
    for target in (0, 3):  # 3: from the caption's own pass, or one more
        pair = (attribute(one, pictures, target=target, max_new_tokens=5) for one in (plain, away))
        for wanted, found in zip(*pair, strict=True):
            assert torch.allclose(found.scores, wanted.scores, rtol=1e-4, atol=1e-6)
            assert found.logit == pytest.approx(wanted.logit, rel=1e-5)
    for options in ({}, {"final_norm": True, "bias": True}):
        wanted_lists, found_lists = (decode(one, NEURONS, **options) for one in (plain, away))
        assert [one.token_ids for one in found_lists] == [one.token_ids for one in wanted_lists]
    with edit(plain, NEURONS, 5.0, "visual"), edit(away, NEURONS, 5.0, "visual"):
        assert [c.text for c in away.caption(pictures)] == [c.text for c in plain.caption(pictures)]
    seen = [
        patch_activations(one, one.prepare([open_image(picture) for picture in pictures]), NEURONS)
        for one in (plain, away)
    ]
    assert torch.allclose(seen[1], seen[0], rtol=1e-4, atol=1e-6)
    rows = [ablate(one, pictures[0], counts=(0, 3), target=0, draws=2).rows for one in (plain, away)]
    for wanted_row, found_row in zip(*rows, strict=True):
        assert found_row.probability == pytest.approx(wanted_row.probability, rel=1e-4)
    assert all(weight.is_meta for weight in away.model.parameters())  # put away again


def test_a_weight_that_is_not_finite_is_named_where_weights_are_put_away(tmp_path: Path) -> None:
    machine = machines.captioner()
    with torch.no_grad():
        machine.layout.mlps[1].pre.weight[0, 0] = torch.nan
    with pytest.raises(NonFiniteError, match=r"non-finite at layer 1.*h\.1\.mlp\.fc_in\.weight"):
        put_away(machine, "memory", tmp_path).caption(machines.images()[0])


def test_weights_are_read_by_name_wherever_they_are(tmp_path: Path) -> None:
    plain = machines.model()
    away = machines.model()
    cpu_offload(away, execution_device=torch.device("cpu"))
    wanted = dict(plain.named_parameters())
    found = {name: weight.clone() for name, weight in all_weights(away)}
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    head = away.get_output_embeddings()
    assert torch.equal(torch.as_tensor(weight_of(head)), plain.get_output_embeddings().weight)
    assert weight_of(nn.Linear(2, 2, bias=False), "bias") is None


# Several devices, imitated by the CPU and torch's "meta".


def two_devices() -> DecoderLayout:
    """Layer 0 and the head on one device, layer 1 on another."""

    def mlp(device: str) -> MlpPlace:
        return MlpPlace(nn.Linear(6, 8, device=device), nn.Linear(8, 6, device=device))

    head, norm = nn.Linear(6, 20, device="meta"), nn.LayerNorm(6, device="meta")
    return DecoderLayout((mlp("meta"), mlp("cpu")), 8, 6, head, norm)


@pytest.mark.parametrize("way", ["multiply", "stack", "where", "norm"])
def test_tensors_refuse_to_meet_on_two_devices(way: str) -> None:
    here, there = torch.ones(2, 3), torch.ones(2, 3, device="meta")
    ways: dict[str, Callable[[], Tensor]] = {
        "multiply": lambda: here * there,
        "stack": lambda: torch.stack([here, there]),
        "where": lambda: torch.where(here > 0, there, there),
        "norm": lambda: nn.LayerNorm(3, device="meta")(here),
    }
    with pytest.raises(RuntimeError, match="meta"):
        ways[way]()


@pytest.mark.parametrize("ragged", [False, True])
def test_scores_of_layers_on_two_devices_are_collected(ragged: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # Meta tensors hold no numbers to look at.
    monkeypatch.setattr(streams, "check_scores", lambda *_: None)
    monkeypatch.setattr(streams, "top_in_order", lambda values, count: values.topk(count))
    stream = ScoreStream(two_devices(), "post", 3, dense=True)
    stream.counts = [4, 4]
    stream._where = torch.zeros(2, 4, dtype=torch.long) if ragged else slice(0, 4)
    stream._own = torch.ones(2, 4, dtype=torch.bool) if ragged else None
    for layer, device in enumerate(("meta", "cpu")):
        value = torch.ones(2, 5, 8, device=device)
        stream._collect(layer, value, value)
        assert stream.pairs[layer].scores.device == value.device
    for record in (stream.maxima, stream.sums, stream.patches, stream.whole):
        assert stream.stacked(record).shape[:2] == (2, 2)


def test_edits_and_patches_follow_the_activation() -> None:
    activation = torch.ones(2, 5, 8, device="meta", dtype=torch.bfloat16)
    scales, where = torch.ones(2, 8), torch.ones(2, 5, dtype=torch.bool)
    for found in (scaled(activation, scales), scaled(activation, scales, where)):
        assert (found.device, found.dtype) == (activation.device, activation.dtype)
    assert at_patches(activation, torch.zeros(2, 3, dtype=torch.long)).device == activation.device


@pytest.mark.parametrize("layer", [0, 1])
def test_a_layers_vectors_come_to_the_head(layer: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "check_scores", lambda *_: None)

    machine = machines.captioner()
    machine.layout = two_devices()
    for norm in (False, True):
        found = token_logits(machine, layer, [1, 2], final_norm=norm, bias=True)
        assert (str(found.device), tuple(found.shape)) == ("meta", (2, machine.vocabulary))
