"""A neuron's receptive field laid over the image."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from molyneux.ground.heat import blend
from molyneux.ground.story import NeuronView, Story

__all__ = ["blend", "show_field", "show_image"]

#: The share of a field's pixels that its outline leaves out, as in the paper's masks.
PERCENTILE = 95


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
