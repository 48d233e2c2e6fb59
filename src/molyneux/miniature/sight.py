"""What the encoder has to guess about a picture: codes of edges and colour for its patches, and their bag.

Each patch gets one code from every codebook: the nearest centre of a k-means over histograms of oriented
edges in windows of 16 and 32 pixels about the patch, and over its colours. No word and no label is involved.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

__all__ = ["BINS", "WINDOWS", "assign", "bags", "describe", "edge_cells", "fit_books", "kmeans"]

#: Orientations of an edge histogram over half a turn: dark on light looks like light on dark.
BINS = 8
#: Kind of edge code -> side of its window in pixels.
WINDOWS: dict[str, int] = {"edges16": 16, "edges32": 32}


def edge_cells(view: Float[Tensor, "image 3 side side"]) -> Float[Tensor, "image bin row column"]:
    """Histograms of oriented gradients in cells of 4 x 4 pixels.

    The gradient is the central difference of the channel where it is strongest; its magnitude is shared by
    the two nearest of eight bins (Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection",
    2005).
    """
    dx = functional.pad(view[..., :, 2:] - view[..., :, :-2], (1, 1, 0, 0))
    dy = functional.pad(view[..., 2:, :] - view[..., :-2, :], (0, 0, 1, 1))
    strength, channel = (dx.square() + dy.square()).max(1, keepdim=True)
    dx, dy = dx.gather(1, channel), dy.gather(1, channel)
    place = torch.remainder(torch.atan2(dy, dx) * (BINS / torch.pi), BINS)
    distance = (place - torch.arange(BINS).view(1, BINS, 1, 1)).abs()
    share = (1 - torch.minimum(distance, BINS - distance)).clamp(min=0)
    return functional.avg_pool2d(share * (strength + 1e-8).sqrt(), 4)


def _window(
    cells: Float[Tensor, "image bin row column"], size: int
) -> Float[Tensor, "image patch descriptor"]:
    """The 4 x 4 blocks about each patch, 16 or 32 pixels wide; square roots, each block of length one."""
    if size == 16:
        blocks = functional.unfold(cells, 4, padding=1, stride=2)
    else:
        blocks = functional.unfold(functional.avg_pool2d(cells, 2, padding=1), 4, padding=1)
    return functional.normalize((blocks + 1e-6).sqrt(), dim=1).transpose(1, 2)


def describe(view: Float[Tensor, "image 3 side side"]) -> dict[str, Float[Tensor, "image patch descriptor"]]:
    """The descriptors of every patch of 8 x 8 pixels, one kind for each codebook."""
    cells = edge_cells(view)
    found = {kind: _window(cells, size) for kind, size in WINDOWS.items()}
    near = functional.unfold(functional.avg_pool2d(view, 4), 2, stride=2)
    wide = functional.avg_pool2d(view, 24, stride=8, padding=8, count_include_pad=False).flatten(2)
    found["colour"] = torch.cat([near, wide], 1).transpose(1, 2)
    return found


def assign(
    points: Float[Tensor, "*batch descriptor"], centres: Float[Tensor, "code descriptor"]
) -> Int[Tensor, "*batch"]:
    """The index of the nearest centre, by Euclidean distance."""
    return (points @ centres.T - centres.square().sum(1) / 2).argmax(-1)


def kmeans(
    points: Float[Tensor, "point descriptor"], *, count: int, rounds: int, generator: torch.Generator
) -> Float[Tensor, "code descriptor"]:
    """Lloyd's k-means from random points; a centre that loses all its points restarts at a random one."""
    centres = points[torch.randperm(len(points), generator=generator)[:count]].clone()
    for _ in range(rounds):
        nearest = assign(points, centres)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        sizes = torch.bincount(nearest, minlength=count)
        fresh = points[torch.randint(len(points), (count,), generator=generator)]
        centres = torch.where(sizes[:, None] > 0, sums / sizes.clamp(min=1)[:, None], fresh)
    return centres


def fit_books(
    views: Float[Tensor, "image 3 side side"], *, sizes: Mapping[str, int], generator: torch.Generator
) -> dict[str, Float[Tensor, "code descriptor"]]:
    """A codebook for each name in ``sizes``, from the patches of ``views``."""
    found = describe(views)
    return {
        name: kmeans(found[name].flatten(0, 1), count=count, rounds=12, generator=generator)
        for name, count in sizes.items()
    }


def bags(codes: Int[Tensor, "image patch"], *, count: int) -> Float[Tensor, "image code"]:
    """How often each code occurs in each picture."""
    empty = torch.zeros(len(codes), count)
    return empty.scatter_add_(1, codes, torch.ones(codes.shape))
