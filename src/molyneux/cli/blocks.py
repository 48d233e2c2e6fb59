"""Images, heat maps and bars made of characters."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from molyneux.ground.story import NeuronView, Story

__all__ = ["bar", "cells", "field", "picture"]

_SHADES = "·░▒▓█"


def bar(share: float, width: int) -> str:
    """A bar of ``share`` of ``width`` characters, to half of one."""
    full, rest = divmod(round(max(0.0, min(1.0, share)) * width * 2), 2)
    return "━" * full + "╸" * rest


def colourful(console: Console) -> bool:
    """Whether half blocks would show anything: no terminal, or NO_COLOR, leaves only characters."""
    return console.color_system is not None and not console.no_color


def cells(story: Story, widest: int, highest: int) -> tuple[int, int]:
    """Columns and (half) rows that an image takes; half a character is about square."""
    width, height = story.size
    scale = min(widest / width, 2 * highest / height)
    columns, rows = max(1, round(width * scale)), max(2, round(height * scale))
    return columns, rows + rows % 2


def _reduced(pixels: UInt8[np.ndarray, "height width 3"], size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def picture(console: Console, pixels: UInt8[np.ndarray, "height width 3"], size: tuple[int, int]) -> Text:
    """Pixels as upper half blocks in colour; as shades of grey where the console has no colours."""
    small = _reduced(pixels, size)
    if not colourful(console):
        return _shades(small @ np.array([0.299, 0.587, 0.114]) / 255)
    lines = [
        Text.assemble(
            *[("▀", _style(upper, lower)) for upper, lower in zip(small[y], small[y + 1], strict=True)]
        )
        for y in range(0, len(small), 2)
    ]
    return Text("\n").join(lines)


def _style(upper: np.ndarray, lower: np.ndarray) -> Style:
    return Style(color=Color.from_rgb(*upper.tolist()), bgcolor=Color.from_rgb(*lower.tolist()))


def _shades(levels: Float[np.ndarray, "height width"]) -> Text:
    """Levels from 0 to 1 as five shades, two rows a line."""
    pairs = levels.reshape(len(levels) // 2, 2, -1).mean(axis=1)
    index = np.clip((pairs * len(_SHADES)).astype(int), 0, len(_SHADES) - 1)
    return Text("\n".join("".join(_SHADES[i] for i in row) for row in index))


def field(console: Console, story: Story, neuron: NeuronView, size: tuple[int, int]) -> Text | None:
    """Where a neuron fires: heat over the image, or heat alone in shades; None without geometry."""
    if neuron.heat is None:
        return None
    if not colourful(console):
        seen = np.isfinite(neuron.heat)
        low, high = float(neuron.heat[seen].min()), float(neuron.heat[seen].max())
        level = np.where(seen, (neuron.heat - low) / (high - low or 1.0), 0.0)
        small = Image.fromarray(level.astype(np.float32)).resize(size, Image.Resampling.BOX)
        return _shades(np.asarray(small, dtype=float))
    from molyneux.report.overlay import blend

    return picture(console, blend(story.image, neuron.heat), size)
