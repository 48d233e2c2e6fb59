"""Paint one cell white: the vector that changes most must stand at the position that the geometry names."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from unittest.mock import patch as patched

import pytest
import torch
from torch import Tensor

from families import image as tiny
from families.image import IMAGE, MEAN, SIDE
from geometry_probe import apart, look, painted, plain_sighted, strips
from molyneux.models.captioner import Captioner
from molyneux.models.geometry import PatchGrid, PatchMap

WITHOUT = ("blip2", "mllama")
SIZES = [(96, 96), (144, 120), (100, 160), (200, 67), (47, 188), (129, 128), (63, 65), (400, 30), (30, 400)]


def llava_padded() -> tuple[Any, Any]:
    from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

    model, processor = IMAGE["llava"]()
    square = {"height": SIDE, "width": SIDE}
    processor.image_processor = LlavaImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size=square, do_pad=True, **MEAN
    )
    return model, processor


def llava_with_class_token() -> tuple[Any, Any]:
    model, processor = IMAGE["llava"]()
    model.config.vision_feature_select_strategy = processor.vision_feature_select_strategy = "full"
    return model, processor


def llava_wide_crop() -> tuple[Any, Any]:
    """A crop that is larger than the resized image: black borders around it."""
    model, processor = IMAGE["llava"]()
    processor.image_processor.size = {"shortest_edge": SIDE - 5}
    return model, processor


def odd_patches(family: str, size: int) -> Callable[[], tuple[Any, Any]]:
    """Patches that do not fill a side of 32 pixels: the last pixels of the side are in none."""

    def build() -> tuple[Any, Any]:
        with patched.dict(tiny.VISION, {"patch_size": size}):
            return IMAGE[family]()

    return build


def onevision_few() -> tuple[Any, Any]:
    """A canvas of more patches than two tiles have is drawn together."""
    model, processor = IMAGE["llava_onevision"]()
    model.config.vision_aspect_ratio = processor.vision_aspect_ratio = "anyres_max_2"
    return model, processor


def gemma3_panning() -> tuple[Any, Any]:
    """Crops of long images; the whole processor says so, and its word goes over the image processor's."""
    model, processor = IMAGE["gemma3"]()
    panning = {"do_pan_and_scan": True, "pan_and_scan_min_crop_size": 16}
    processor.images_kwargs = {**processor.images_kwargs, **panning}
    return model, processor


def idefics3_whole() -> tuple[Any, Any]:
    model, processor = IMAGE["idefics3"]()
    processor.image_processor.do_image_splitting = False
    return model, processor


def internvl_many() -> tuple[Any, Any]:
    model, processor = IMAGE["internvl"]()
    processor.image_processor.min_patches, processor.image_processor.max_patches = 5, 12
    return model, processor


VARIANTS = {
    build.__name__: build
    for build in (
        gemma3_panning,
        idefics3_whole,
        internvl_many,
        llava_padded,
        llava_wide_crop,
        llava_with_class_token,
        onevision_few,
    )
}
VARIANTS |= {
    "gemma3_odd_patches": odd_patches("gemma3", 6),  # five a side, of which pooling by two drops the last
    "llava_onevision_odd_patches": odd_patches("llava_onevision", 7),
    "paligemma_odd_patches": odd_patches("paligemma", 7),
}
BUILDS = {name: build for name, build in {**IMAGE, **VARIANTS}.items() if name not in WITHOUT}


@cache
def machine(name: str) -> Captioner:
    torch.manual_seed(0)
    model, processor = BUILDS[name]()
    return Captioner(plain_sighted(model), processor, name=name)


def views(grid: PatchGrid) -> list[Tensor]:
    """The positions of each view of an image."""
    if isinstance(grid, PatchMap):
        return [one.positions.flatten() for one in grid.views]
    return [torch.arange(grid.patches)]


def probes(grid: PatchGrid, *, parts: bool) -> list[tuple[int, Tensor, Any]]:
    """Cells to paint, in whole and in ``parts``: the position meant, those of its view, and the box."""
    found = []
    for positions in views(grid):
        count = len(positions)
        for index in sorted({0, count // 3, count // 2 + 1, count - 1} & set(range(count))):
            patch = int(positions[index])
            box = grid.patch_box(patch)
            if box is not None:
                found += [(patch, positions, part) for part in [box, *(strips(box) if parts else [])]]
    return found


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", BUILDS)
def test_a_white_cell_changes_the_position_that_the_geometry_names(name: str, size: tuple[int, int]) -> None:
    captioner = machine(name)
    grid = look(captioner, [painted(size)]).grid
    assert grid is not None
    cells = probes(grid, parts=name != "onevision_few")  # interpolation draws the edges of cells into others
    assert cells
    vectors = look(captioner, [painted(size), *(painted(size, box) for _, _, box in cells)]).vectors
    changes = (vectors[1:] - vectors[0]).norm(dim=-1)
    placeless = torch.tensor([grid.patch_box(p) is None for p in range(grid.patches)])
    for (patch, positions, box), change in zip(cells, changes, strict=True):
        assert float(change.max()) > 0
        assert int(positions[change[positions].argmax()]) == patch, (patch, box)
        strong = (change > 0.5 * change.max()).nonzero()[:, 0].tolist()
        assert not any(apart(grid.patch_box(other) or (0, 0, 0, 0), box, 3) for other in strong)
        assert float(change[placeless].sum()) < 0.3 * float(change.max())
