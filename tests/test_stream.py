"""The stream's shortcuts give what the plain way gives."""

from __future__ import annotations

import pytest
import torch

from machines import TEXT, captioner, images
from molyneux.data.gate import open_image
from molyneux.neurons.passes import last_logits, with_prefix
from molyneux.neurons.stream import ScoreStream, max_over_patches


@pytest.mark.parametrize("patches", [1, 2, 7, 16, 18, 36])
def test_maxima_and_first_patches_in_two_steps(patches: int) -> None:
    scores = torch.randint(-2, 3, (3, patches, 50)).float()  # full of ties
    maxima, where = max_over_patches(scores)
    assert torch.equal(maxima, scores.amax(1))
    first = [[row[:, unit].tolist().index(row[:, unit].max()) for unit in range(50)] for row in scores]
    assert where.tolist() == first


@pytest.mark.parametrize("family", sorted(TEXT))
@pytest.mark.parametrize("site", ["pre", "post"])
@pytest.mark.usefixtures("exact")
def test_the_last_mlp_at_the_last_position_alone_changes_no_score(family: str, site: str) -> None:
    machine = captioner(family, dtype=torch.float64)
    inputs = with_prefix(machine.prepare([open_image(image) for image in images(2)]), [(6, 7), (8,)])
    visual = machine.visual(inputs["input_ids"])
    found = []
    for final in (False, True):
        stream = ScoreStream(machine.layout, site, 5, dense=True)
        with stream.listening(lambda: visual, final=final):
            logits = last_logits(machine, inputs)
        stream.backward(logits[:, 5].sum())
        found.append((logits.detach(), stream.stacked(stream.whole)))
    assert torch.allclose(found[0][0], found[1][0], rtol=1e-12, atol=1e-12)
    assert torch.allclose(found[0][1], found[1][1], rtol=1e-9, atol=1e-14)
    assert found[0][1][:, :-1].abs().amax(dim=(0, 2, 3)).min() > 0


def test_a_patch_in_the_last_position_keeps_the_last_layers_scores() -> None:
    machine = captioner(dtype=torch.float64)
    inputs = machine.prepare([open_image(images()[0])])
    inputs = {key: value[:, :16] if key != "pixel_values" else value for key, value in inputs.items()}
    visual = machine.visual(inputs["input_ids"])
    assert bool(visual.all())
    stream = ScoreStream(machine.layout, "pre", 5, dense=True)
    with stream.listening(lambda: visual, final=True):
        logits = last_logits(machine, inputs)
    stream.backward(logits[0, 5])
    assert stream.whole[2][0, -1].abs().max() > 0
