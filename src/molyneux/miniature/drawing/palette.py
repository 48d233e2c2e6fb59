"""Colour words and what they look like; which of them each category may wear."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

__all__ = ["COLOURS", "INK", "PALETTE", "RGB", "jitter", "mix", "shade"]

RGB: TypeAlias = tuple[int, int, int]

#: Outlines, eyes, tyres: nearly black.
INK: RGB = (34, 31, 40)

#: The words a caption may use, each with the colour it stands for.
COLOURS: dict[str, RGB] = {
    "red": (208, 52, 50),
    "blue": (54, 104, 196),
    "green": (62, 146, 78),
    "yellow": (240, 204, 74),
    "white": (243, 241, 236),
    "black": (54, 52, 60),
    "brown": (142, 94, 58),
    "grey": (148, 150, 156),
    "purple": (126, 80, 168),
    "pink": (238, 150, 178),
}

#: Category -> the words its coat, paint or topping is drawn from. No word belongs to one category alone.
PALETTE: dict[str, tuple[str, ...]] = {
    "car": ("red", "blue", "green", "yellow", "white", "black", "grey"),
    "airplane": ("white", "grey", "blue", "red", "yellow", "green"),
    "train": ("red", "blue", "green", "yellow", "black", "grey"),
    "boat": ("white", "red", "blue", "green", "brown", "yellow"),
    "bird": ("red", "blue", "yellow", "white", "black", "brown", "green"),
    "cat": ("black", "white", "grey", "brown", "yellow"),
    "dog": ("brown", "black", "white", "grey", "yellow"),
    "horse": ("brown", "black", "white", "grey"),
    "elephant": ("grey", "brown", "black", "white"),
    "zebra": ("white", "grey", "brown"),
    "giraffe": ("yellow", "brown", "white"),
    "umbrella": ("red", "blue", "green", "yellow", "black", "white", "purple", "pink"),
    "kite": ("red", "blue", "green", "yellow", "white", "purple", "pink"),
    "pizza": ("red", "green", "yellow", "white", "brown", "purple"),
    "cake": ("white", "pink", "brown", "yellow", "blue", "purple"),
    "clock": ("white", "black", "red", "blue", "green", "brown"),
}


def mix(one: RGB, other: RGB, share: float) -> RGB:
    """``one`` with ``share`` (0 .. 1) of ``other`` stirred in."""
    r, g, b = (round(p + (q - p) * share) for p, q in zip(one, other, strict=True))
    return r, g, b


def shade(colour: RGB, light: float) -> RGB:
    """Darker for ``light`` below 1 (0 is black), paler above it (2 is white)."""
    if light <= 1:
        return mix((0, 0, 0), colour, light)
    return mix(colour, (255, 255, 255), light - 1)


def jitter(colour: RGB, rng: np.random.Generator, *, spread: float = 10.0) -> RGB:
    """``colour`` moved a little, so that no two red cars are the same red."""
    drift = rng.normal(0.0, spread, 3) * 0.5 + rng.normal(0.0, spread)
    r, g, b = (int(min(255, max(0, c + d))) for c, d in zip(colour, drift, strict=True))
    return r, g, b
