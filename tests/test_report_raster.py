"""Activations over images in NumPy: the same as those that the experiments computed with torch."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from molyneux.ground.neuron import NeuronId
from molyneux.models.geometry import PatchGrid
from molyneux.neurons.fields import ReceptiveField
from molyneux.report.raster import Shot, spread, top_mask


@pytest.mark.parametrize(
    ("rows", "columns", "size"), [(8, 8, (64, 64)), (14, 9, (37, 53)), (3, 5, (2, 4)), (1, 1, (6, 7))]
)
def test_spread_is_what_torch_does(rows: int, columns: int, size: tuple[int, int]) -> None:
    grid = np.random.default_rng(0).normal(size=(rows, columns))
    found = torch.nn.functional.interpolate(
        torch.from_numpy(grid)[None, None], size=size, mode="bilinear", align_corners=False
    )
    assert np.allclose(spread(grid, size), found[0, 0].numpy(), atol=1e-12)


@pytest.mark.parametrize("box", [(0.0, 0.0, 60.0, 40.0), (10.0, 0.0, 50.0, 40.0), (3.0, 4.0, 60.0, 31.0)])
def test_heat_lies_where_the_grid_puts_it(box: tuple[float, float, float, float]) -> None:
    grid = PatchGrid(4, 6, 60, 40, box)
    values = np.random.default_rng(1).normal(size=24)
    place = {"rows": 4, "columns": 6, "width": 60, "height": 40, "box": list(box)}
    written = io.BytesIO()
    Image.new("RGB", (60, 40)).save(written, "JPEG")
    shot = Shot("x", written.getvalue(), place, {NeuronId(0, 1): list(values)}, {})
    heat = shot.heat(values.tolist(), (40, 60))
    wanted = grid.upsample(torch.from_numpy(values))
    assert heat is not None
    assert np.allclose(heat, wanted.numpy(), atol=1e-6, equal_nan=True)
    mask = wanted.as_subclass(ReceptiveField).mask(95)
    assert np.array_equal(top_mask(heat.astype(np.float32), 95.0), mask.numpy())


def test_patches_without_a_place_have_no_heat() -> None:
    assert Shot("x", b"", None, {}, {}).heat([1.0, 2.0], (4, 4)) is None
