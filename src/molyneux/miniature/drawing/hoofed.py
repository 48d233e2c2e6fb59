"""Horse, zebra and giraffe, in side view, looking right."""

from __future__ import annotations

import numpy as np

from molyneux.miniature.drawing.palette import INK, RGB, mix, shade
from molyneux.miniature.drawing.pen import Pen, Points

__all__ = ["giraffe", "horse", "zebra"]


def _leg(pen: Pen, hip: tuple[float, float], foot: tuple[float, float], *, look: tuple[RGB, float]) -> None:
    """A leg from hip to foot, with a hoof; ``look`` is its colour and its width at the hip."""
    colour, width = look
    knee = ((hip[0] + foot[0]) / 2 + 0.015, (hip[1] + foot[1]) / 2)
    pen.limb([hip, knee, foot], (width, width * 0.42), colour)
    x, y = foot
    w = width * 0.3
    pen.poly([(x - w, y - 0.03), (x + w, y - 0.03), (x + w * 1.4, y + 0.025), (x - w * 1.2, y + 0.025)], INK)


def _legs(
    pen: Pen,
    hips: tuple[float, float],
    ground: tuple[float, float],
    *,
    look: tuple[RGB, float],
    rng: np.random.Generator,
) -> None:
    """Four legs: the far pair darker, each in its own stride; ``ground`` is hip height and foot height."""
    top, foot = ground
    colour, width = look
    for far in (True, False):
        for hip in hips:
            stride = rng.uniform(-0.05, 0.05)
            away = 0.055 if far else 0.0
            hue = shade(colour, 0.7) if far else colour
            _leg(pen, (hip + away, top), (hip + away + stride, foot - away / 3), look=(hue, width))


#: Rump, back, withers, poll, nose, throat, chest, belly.
EQUINE: Points = (
    (0.12, 0.44), (0.19, 0.34), (0.38, 0.37), (0.55, 0.33), (0.65, 0.20), (0.735, 0.08), (0.82, 0.09),
    (0.955, 0.245), (0.935, 0.315), (0.87, 0.31), (0.80, 0.26), (0.76, 0.36), (0.72, 0.50), (0.64, 0.59),
    (0.44, 0.62), (0.24, 0.59), (0.13, 0.54),
)  # fmt: skip


def _head(pen: Pen, coat: RGB) -> None:
    pen.blob([(0.72, 0.10), (0.735, 0.0), (0.775, 0.09)], shade(coat, 0.85))
    pen.dot(0.825, 0.155, 0.016, INK)
    pen.dot(0.925, 0.265, 0.011, INK)


def horse(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """Long legs, a flowing mane and a long full tail of another shade."""
    hair = (
        mix(INK, (226, 200, 150), rng.choice([0.0, 0.15, 0.75])) if rng.random() < 0.8 else shade(paint, 0.5)
    )
    sway = rng.uniform(-0.03, 0.04)
    pen.limb([(0.15, 0.39), (0.06 - sway, 0.48), (0.055 + sway, 0.66), (0.03, 0.80)], (0.06, 0.085), hair)
    _legs(pen, (0.2, 0.6), (0.52, 0.965), look=(paint, 0.125), rng=rng)
    pen.blob(EQUINE, paint)
    pen.oval(0.22, 0.47, (0.10, 0.11), shade(paint, 1.08))
    pen.oval(0.9, 0.27, (0.055, 0.045), shade(paint, 0.72), turn=0.7)
    if rng.random() < 0.5:
        pen.limb([(0.80, 0.10), (0.88, 0.2)], (0.022, 0.014), (240, 236, 228))
    _head(pen, paint)
    for k in range(7):
        x, y = 0.73 - 0.028 * k, 0.07 + 0.04 * k
        pen.limb([(x + 0.02, y - 0.02), (x - 0.035, y + 0.05), (x - 0.03, y + 0.11)], (0.04, 0.02), hair)
    pen.limb([(0.745, 0.05), (0.80, 0.09), (0.81, 0.13)], (0.035, 0.015), hair)


def zebra(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """A stocky horse in stripes, with an upright mane and a tufted tail."""
    dark, pale = mix(INK, paint, 0.08), shade(paint, 1.1)
    pen.limb([(0.14, 0.40), (0.08, 0.50), (0.075, 0.62)], (0.03, 0.02), pale)
    pen.limb([(0.075, 0.62), (0.07, 0.74)], (0.045, 0.03), dark)
    _legs(pen, (0.2, 0.6), (0.52, 0.965), look=(pale, 0.125), rng=rng)
    pen.blob([(0.54, 0.33), (0.6, 0.18), (0.70, 0.02), (0.76, 0.07), (0.68, 0.22), (0.6, 0.36)], dark)
    pen.blob(EQUINE, pale)
    with pen.inside():
        lean, gap = rng.uniform(-0.02, 0.05), rng.uniform(0.064, 0.074)
        for k in range(8):
            x = 0.14 + k * gap
            pen.limb([(x, 0.30), (x + lean, 0.46), (x - 0.015, 0.64)], (gap * 0.56, gap * 0.3), dark)
        for k in range(5):
            x, y = 0.60 + 0.036 * k, 0.37 - 0.068 * k
            pen.limb([(x - 0.07, y - 0.05), (x + 0.13, y + 0.045)], (0.032, 0.02), dark)
        for k in range(5):
            pen.limb([(-0.0, 0.66 + 0.062 * k), (1.0, 0.67 + 0.062 * k)], (0.024, 0.024), dark)
        pen.oval(0.935, 0.275, (0.05, 0.05), dark)
        pen.limb([(0.80, 0.05), (0.79, 0.28)], (0.02, 0.02), dark)
        pen.limb([(0.86, 0.10), (0.835, 0.30)], (0.02, 0.02), dark)
    for hoof in (0.2, 0.6):
        pen.dot(hoof, 0.5, 0.001, dark)
    _head(pen, pale)


#: Body, a very long neck, a small head; in a box 0.64 wide.
GIRAFFE: Points = (
    (0.07, 0.52), (0.11, 0.475), (0.24, 0.46), (0.34, 0.42), (0.385, 0.27), (0.42, 0.10), (0.455, 0.055),
    (0.51, 0.06), (0.605, 0.125), (0.60, 0.155), (0.55, 0.16), (0.50, 0.145), (0.475, 0.26), (0.455, 0.42),
    (0.44, 0.54), (0.40, 0.605), (0.26, 0.62), (0.12, 0.61), (0.07, 0.57),
)  # fmt: skip


def giraffe(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """A long neck, horns, and a net of brown patches."""
    patch = mix((120, 70, 36), paint, 0.12)
    coat = mix(shade(paint, 1.25), (246, 226, 170), 0.45)
    pen.limb([(0.09, 0.51), (0.045, 0.58), (0.05, 0.68)], (0.022, 0.014), coat)
    pen.limb([(0.05, 0.67), (0.05, 0.73)], (0.03, 0.024), INK)
    _legs(pen, (0.12, 0.365), (0.56, 0.972), look=(coat, 0.088), rng=rng)
    pen.limb([(0.335, 0.43), (0.375, 0.28), (0.415, 0.08)], (0.026, 0.03), shade(patch, 0.8))
    pen.blob(GIRAFFE, coat)
    with pen.inside():
        for row in range(15):
            for col in range(9):
                x = 0.04 + 0.062 * col + 0.031 * (row % 2) + rng.uniform(-0.006, 0.006)
                y = 0.10 + 0.052 * row + rng.uniform(-0.005, 0.005)
                if y < 0.17 or x > 0.5:
                    continue
                w, h = rng.uniform(0.021, 0.027), rng.uniform(0.018, 0.023)
                pen.poly(
                    [
                        (x - w, y - h * 0.4),
                        (x, y - h),
                        (x + w, y - h * 0.5),
                        (x + w * 0.8, y + h),
                        (x - w * 0.7, y + h),
                    ],
                    patch,
                )
    for horn in (0.458, 0.492):
        pen.limb([(horn, 0.07), (horn - 0.008, 0.022)], (0.016, 0.013), coat)
        pen.dot(horn - 0.008, 0.02, 0.014, INK)
    pen.blob([(0.445, 0.07), (0.385, 0.055), (0.42, 0.095)], shade(coat, 0.85))
    pen.oval(0.58, 0.138, (0.032, 0.022), shade(coat, 0.78), turn=0.5)
    pen.dot(0.515, 0.092, 0.012, INK)
