"""The encoder's diet: scenes rendered once to an array of bytes, and random views of them."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from molyneux.miniature.world import render, sample_scene

__all__ = ["prerender", "random_views"]


def prerender(
    path: Path, *, count: int, side: int, first_seed: int
) -> UInt8[np.ndarray, "image side side 3"]:
    """The pictures of scenes ``first_seed .. first_seed + count - 1``, from ``path`` where they already are.

    Args:
        path: an ``.npy`` file, written under another name and renamed, so that what is there is whole.
        count: scenes.
        side: pixels of each picture.
        first_seed: of the first scene; training takes 1,000,000 and above, which nothing else does.

    Returns:
        The memory-mapped array of bytes.
    """
    if path.exists():
        kept: UInt8[np.ndarray, "image side side 3"] = np.load(path, mmap_mode="r")
        if kept.shape == (count, side, side, 3):
            return kept
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npy")
    images = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(count, side, side, 3))
    began = time.monotonic()
    for k in range(count):
        images[k] = render(sample_scene(np.random.default_rng(first_seed + k)), side=side).image
        if k % 2000 == 1999:
            left = (time.monotonic() - began) / (k + 1) * (count - k - 1)
            print(f"scenes {k + 1}/{count}, {left:.0f} s left", file=sys.stderr, flush=True)
    images.flush()
    part.rename(path)
    done: UInt8[np.ndarray, "image side side 3"] = np.load(path, mmap_mode="r")
    return done


def random_views(
    images: UInt8[Tensor, "image side side 3"], *, side: int, generator: torch.Generator, zoom: float = 0.75
) -> Float[Tensor, "image 3 height width"]:
    """One random view of each picture: cropped, mirrored, its light and colours changed; in -1 .. 1.

    Args:
        images: pictures, somewhat larger than the views.
        side: pixels of a view.
        generator: of all the chances.
        zoom: smallest share of the picture's side that a view shows.
    """
    n = len(images)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(n, *shape, generator=generator) * (high - low) + low

    scale = draw(zoom, 1.0)
    shift = draw(-1.0, 1.0, 2) * (1 - scale)[:, None]
    mirror = torch.where(draw(0.0, 1.0) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = scale * mirror, scale, shift
    grid = functional.affine_grid(theta, [n, 3, side, side], align_corners=False)
    pixels = images.permute(0, 3, 1, 2).float() / 127.5 - 1
    view = functional.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)
    grey = view.mean(1, keepdim=True)
    view = grey + (view - grey) * draw(0.3, 1.3, 1, 1, 1)
    return (view * draw(0.7, 1.2, 3, 1, 1) + draw(-0.15, 0.15, 3, 1, 1)).clamp(-1, 1)
