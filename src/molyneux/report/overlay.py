"""A neuron's receptive field laid over the image."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from molyneux.ground.story import NeuronView, Story

__all__ = ["blend", "show_field", "show_image"]

#: The share of a field's pixels that its outline leaves out, as in the paper's masks.
PERCENTILE = 95


def blend(
    image: UInt8[np.ndarray, "height width 3"], heat: Float[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width 3"]:
    """The image in grey under a map from dark (lowest activation here) to bright (highest).

    Magma is even in lightness, so it reads the same under every colour blindness and in print. Pixels that
    the model did not see (NaN) stay grey and pale.
    """
    grey = image.astype(float) @ np.array([0.299, 0.587, 0.114]) / 255
    seen = np.isfinite(heat)
    level = np.zeros_like(heat, dtype=float)
    if seen.any():
        low, high = float(heat[seen].min()), float(heat[seen].max())
        level[seen] = (heat[seen] - low) / (high - low) if high > low else 0.0
    colour = colormaps["magma"](0.12 + 0.83 * level)[..., :3]
    alpha = (0.35 + 0.45 * level)[..., None]
    mixed = (1 - alpha) * grey[..., None] + alpha * colour
    mixed = np.where(seen[..., None], mixed, 0.6 + 0.4 * grey[..., None])
    pixels: UInt8[np.ndarray, "height width 3"] = np.round(mixed * 255).clip(0, 255).astype(np.uint8)
    return pixels


def show_image(axes: Axes, story: Story, pixels: UInt8[np.ndarray, "height width 3"] | None = None) -> None:
    """The image (or what was made of it) on axes in original pixels."""
    width, height = story.size
    axes.imshow(
        story.image if pixels is None else pixels,
        extent=(0, width, height, 0),
        aspect="auto",
        interpolation="antialiased",
    )
    axes.set_axis_off()


def show_field(axes: Axes, story: Story, neuron: NeuronView) -> None:
    """Heat, the outline of its strongest twentieth, and the patch where the score peaks."""
    if neuron.heat is None:
        show_image(axes, story)
        return
    show_image(axes, story, blend(story.image, neuron.heat))
    _outline(axes, story, neuron.heat)
    if neuron.box is not None:
        left, top, right, bottom = neuron.box
        halo = [Stroke(linewidth=2.2, foreground="#00000090"), Normal()]
        square = Rectangle(
            (left, top),
            right - left,
            bottom - top,
            fill=False,
            edgecolor="#7fe3ff",
            linewidth=1.0,
            path_effects=halo,
        )
        axes.add_patch(square)
    axes.set_xlim(0, story.size[0])
    axes.set_ylim(story.size[1], 0)


def _outline(axes: Axes, story: Story, heat: Float[np.ndarray, "height width"]) -> None:
    seen = np.isfinite(heat)
    if not seen.any() or float(heat[seen].max()) <= float(heat[seen].min()):
        return  # flat: nowhere is more than elsewhere
    threshold = float(np.percentile(heat[seen], PERCENTILE))
    height, width = heat.shape
    x = (np.arange(width) + 0.5) * story.size[0] / width
    y = (np.arange(height) + 0.5) * story.size[1] / height
    if width < 2 or height < 2:
        return
    seen = np.ma.masked_invalid(heat)
    # Solid: matplotlib dashes the outlines of negative levels.
    lines = axes.contour(x, y, seen, levels=[threshold], colors="white", linewidths=1.1, linestyles="solid")
    lines.set_path_effects([Stroke(linewidth=2.4, foreground="#000000a0"), Normal()])
