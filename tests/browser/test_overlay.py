"""What the pages draw is what the Python side computes, to the pixel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import looked
from molyneux.metrics.overlap import iou
from molyneux.models.geometry import PatchGrid
from molyneux.neurons.fields import ReceptiveField

Tabs = Callable[..., Any]
GRID = PatchGrid(looked.ROWS, looked.COLUMNS, looked.WIDTH, looked.HEIGHT, looked.BOX)

SPREAD = """(values) => {
  const image = {width: 120, height: 90, grid: {rows: 3, columns: 4, box: [20, 0, 100, 90]}};
  return [...molyneux.draw.spread(image, values)].map((value) => (Number.isNaN(value) ? null : value));
}"""
HOVERED = """() => {
  const mark = document.querySelector(".patch.hover.seen .edge");
  const number = (name) => [name, Number(mark.getAttribute(name))];
  return mark && Object.fromEntries(["x", "y", "width", "height"].map(number));
}"""


def field(values: np.ndarray) -> ReceptiveField:
    return GRID.upsample(torch.from_numpy(values.copy())).as_subclass(ReceptiveField)


def canvas(page: Any, name: str) -> np.ndarray:
    told = page.evaluate(
        f"() => [...document.querySelector('canvas.{name}').getContext('2d').getImageData(0, 0, 120, 90).data]"
    )
    return np.array(told, dtype=np.uint8).reshape(looked.HEIGHT, looked.WIDTH, 4)


def test_maps_are_spread_as_python_spreads_them(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html")
    for values in looked.maps(4)[:3]:
        told = np.array(page.evaluate(SPREAD, values.tolist()), dtype=float).reshape(
            looked.HEIGHT, looked.WIDTH
        )
        expected = field(values).as_subclass(torch.Tensor).numpy()
        assert (np.isnan(told) == np.isnan(expected)).all()
        np.testing.assert_allclose(told, expected, rtol=0, atol=2e-6, equal_nan=True)


@pytest.mark.parametrize("percentile", [50, 95])
def test_the_mask_is_pythons(percentile: int, site: Path, tab: Tabs) -> None:
    neuron = 3
    page = tab(site).open(f"image.html#map=mask&pct={percentile}&neuron={looked.NEURONS[neuron]}")
    dark = canvas(page, "heat")[..., 3] == 255
    expected = field(looked.maps(0)[neuron]).mask(percentile).numpy()
    assert (dark == ~expected).all()


def test_the_heat_is_viridis_of_the_map(site: Path, tab: Tabs) -> None:
    from matplotlib import colormaps

    neuron = 2
    page = tab(site).open(f"image.html#neuron={looked.NEURONS[neuron]}")
    drawn = canvas(page, "heat")
    heat = field(looked.maps(0)[neuron]).as_subclass(torch.Tensor).numpy()
    seen = np.isfinite(heat)
    assert (drawn[..., 3] == np.where(seen, 255, 0)).all()
    level = (heat - heat[seen].min()) / (heat[seen].max() - heat[seen].min())
    expected = colormaps["viridis"](np.nan_to_num(level))[..., :3] * 255
    apart = np.abs(drawn[..., :3][seen].astype(float) - expected[seen])
    assert apart.max() < 4  # a neighbour among 256 colours, where rounding decides
    assert (apart < 1).mean() > 0.99


def test_iou_is_pythons(site: Path, tab: Tabs) -> None:
    page = tab(site).open(f"image.html#object=0&neuron={looked.NEURONS[1]}")
    heat = field(looked.maps(0)[1])
    seen = torch.isfinite(heat.as_subclass(torch.Tensor)).numpy()
    expected = iou(heat.mask(95).numpy(), looked.mask() & seen)
    assert float(page.locator("#iou").get_attribute("data-iou")) == pytest.approx(expected, abs=1e-9)


def test_an_objects_outline_is_its_masks_border(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html#object=0&map=off")
    drawn = canvas(page, "lines")[..., 3] > 0
    border = looked.mask().copy()
    border[26:69, 31:74] = False
    assert (drawn == border).all()


@pytest.mark.parametrize("width", [1440, 390])
def test_patches_are_met_to_the_pixel(width: int, site: Path, tab: Tabs) -> None:
    """Just left and right of every border the patch is another, and its frame lies where it should."""
    page = tab(site, width=width, height=900).open("image.html")
    page.locator(".stage").scroll_into_view_if_needed()
    frame = page.locator(".stage").bounding_box()
    across, down = frame["width"] / looked.WIDTH, frame["height"] / looked.HEIGHT
    assert across == pytest.approx(down, rel=0.01)

    def at(x: float, y: float) -> dict[str, float] | None:
        page.mouse.move(frame["x"] + x * across, frame["y"] + y * down)
        return page.evaluate(HOVERED)  # type: ignore[no-any-return]

    assert at(19.5, 45) is None  # cut off by the crop
    assert at(100.5, 45) is None
    for patch in range(looked.ROWS * looked.COLUMNS):
        left, top, right, bottom = GRID.patch_box(patch) or (0, 0, 0, 0)
        expected = {"x": left, "y": top, "width": right - left, "height": bottom - top}
        for x in (left + 0.5, right - 0.5):
            for y in (top + 0.5, bottom - 0.5):
                assert at(x, y) == expected, (patch, x, y)
    at(30, 15)
    drawn = page.locator(".patch.hover .edge").bounding_box()
    assert drawn["x"] == pytest.approx(frame["x"] + 20 * across, abs=1.5)
    assert drawn["width"] == pytest.approx(20 * across, abs=3)


def test_the_models_view_lies_where_the_model_looked(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html#show=model")
    frame, view = page.locator(".stage").bounding_box(), page.locator(".stage .view").bounding_box()
    assert view["x"] - frame["x"] == pytest.approx(frame["width"] * 20 / 120, abs=0.6)
    assert view["width"] == pytest.approx(frame["width"] * 80 / 120, abs=0.6)
    assert view["height"] == pytest.approx(frame["height"], abs=0.6)
