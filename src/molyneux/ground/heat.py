"""A heat map over an image."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

__all__ = ["CMAP", "RANGE", "blend", "fitted"]

CMAP = "magma"
"""Even in lightness, so it reads the same under every colour blindness and in print."""

RANGE = (0.12, 0.95)
"""The part of it that is used: the darkest is no black, the brightest no white."""


def blend(
    image: UInt8[np.ndarray, "height width 3"], heat: Float[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width 3"]:
    """The image in grey under a map from dark (lowest activation here) to bright (highest).

    Pixels that the model did not see (NaN) stay grey and pale.
    """
    from matplotlib import colormaps

    grey = image.astype(float) @ np.array([0.299, 0.587, 0.114]) / 255
    seen = np.isfinite(heat)
    level = np.zeros_like(heat, dtype=float)
    if seen.any():
        low, high = float(heat[seen].min()), float(heat[seen].max())
        level[seen] = (heat[seen] - low) / (high - low) if high > low else 0.0
    colour = colormaps[CMAP](RANGE[0] + (RANGE[1] - RANGE[0]) * level)[..., :3]
    alpha = (0.35 + 0.45 * level)[..., None]
    mixed = (1 - alpha) * grey[..., None] + alpha * colour
    mixed = np.where(seen[..., None], mixed, 0.6 + 0.4 * grey[..., None])
    pixels: UInt8[np.ndarray, "height width 3"] = np.round(mixed * 255).clip(0, 255).astype(np.uint8)
    return pixels


def fitted(
    heat: Float[np.ndarray, "height width"], shape: tuple[int, ...]
) -> Float[np.ndarray, "rows columns"]:
    """A map at the size (rows, columns) of a smaller picture: the nearest pixels."""
    rows = (np.arange(shape[0]) * heat.shape[0]) // shape[0]
    columns = (np.arange(shape[1]) * heat.shape[1]) // shape[1]
    small: Float[np.ndarray, "rows columns"] = heat[np.ix_(rows, columns)]
    return small
