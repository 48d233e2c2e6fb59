"""A model in which we know the answer: the planted unit must be found, read, placed, and be the cause."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from molyneux.data.gate import open_image
from molyneux.neurons.ablate import ablate
from molyneux.neurons.attribute import attribute
from molyneux.neurons.decode import decode
from molyneux.neurons.edit import edit
from molyneux.neurons.fields import patch_activations, receptive_field
from planted import UNIT, planted, red_at

MACHINE = planted()


@pytest.mark.parametrize("site", ["pre", "post"])
@pytest.mark.parametrize("reduce", ["max", "sum"])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 1), (3, 3)])
def test_the_planted_unit_ranks_first_and_maps_to_the_red_patch(
    site: str, reduce: str, row: int, column: int
) -> None:
    found = attribute(MACHINE, red_at(row, column), site=site, reduce=reduce)
    assert found.caption.text == "dog"
    assert found.target.word == "dog"
    assert found.neurons[0].neuron == UNIT
    assert found.neurons[0].patch == row * 4 + column
    assert found.pairs[0].neuron == UNIT
    assert found.pairs[0].patch == row * 4 + column
    assert found.neurons[0].score > 5 * found.neurons[1].score


def test_it_decodes_to_its_word() -> None:
    decoding = decode(MACHINE, str(UNIT), k=3)
    assert decoding.tokens[0].strip() == "dog"
    assert decoding.logits[0] == pytest.approx(5.0 * 0.3, rel=1e-6)


def test_without_it_the_word_is_gone_and_random_units_change_nothing() -> None:
    image = red_at(1, 2)
    with edit(MACHINE, [UNIT]):
        assert MACHINE.caption(image).text == "grass"
    done = ablate(MACHINE, image, counts=[1], arms=["top", "random"], draws=6)
    (top,) = done.of("top", 1)
    assert top.caption == "grass"
    assert top.relative_change < -0.5
    # Every draw spares the planted unit at this seed; its figure is the control, not a certainty.
    assert abs(done.change("random", 1).mean) < 0.05
    with edit(MACHINE, [UNIT], scale=2.0):
        assert MACHINE.caption(image).probabilities[0] > done.probability


@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 3), (3, 2)])
@pytest.mark.parametrize("size", [(96, 96), (200, 90), (61, 150)])
def test_its_field_lies_on_the_red_patch_of_the_original(
    row: int, column: int, size: tuple[int, int]
) -> None:
    image = red_at(row, column).resize(size, Image.Resampling.NEAREST)
    field = receptive_field(MACHINE, image, UNIT)
    width, height = size
    assert tuple(field.shape) == (height, width)
    grid = attribute(MACHINE, image).grid
    left, top, right, bottom = grid.patch_box(row * 4 + column)
    peak_row, peak_column = np.unravel_index(int(field.argmax()), (height, width))
    assert top - 1 <= peak_row <= bottom
    assert left - 1 <= peak_column <= right
    mask = field.mask(percentile=95)
    assert 0 < int(mask.sum()) <= 0.06 * width * height
    inside = torch.zeros_like(mask)
    inside[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = True
    assert int((mask & inside).sum()) >= 0.95 * int(mask.sum())


def test_a_rotated_photo_is_upright_in_input_and_field(tmp_path) -> None:
    upright = red_at(0, 3)
    turned = upright.transpose(Image.Transpose.ROTATE_90)  # what a camera held sideways stores
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate by 270 degrees anticlockwise to show"
    path = tmp_path / "sideways.png"
    turned.save(path, exif=exif)
    one, two = receptive_field(MACHINE, upright, UNIT), receptive_field(MACHINE, path, UNIT)
    assert torch.allclose(one, two, atol=1e-5)


def test_activations_are_read_from_a_pass_that_stops_early() -> None:
    inputs = MACHINE.prepare([open_image(red_at(2, 2)), open_image(red_at(0, 1))])
    read = patch_activations(MACHINE, inputs, [UNIT])
    assert read.shape == (2, 1, 16)
    assert read.argmax(-1).flatten().tolist() == [10, 1]
    seen = []
    handle = MACHINE.layout.mlps[0].out.register_forward_pre_hook(lambda _m, i: seen.append(i[0]))
    with torch.no_grad():
        MACHINE.model(**inputs)
    handle.remove()
    assert torch.equal(seen[0][:, :16, UNIT.unit], read[:, 0])
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in MACHINE.model.modules())
