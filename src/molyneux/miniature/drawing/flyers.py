"""Bird, airplane and kite: feathers, a tube with windows, a diamond on a string."""

from __future__ import annotations

import numpy as np

from molyneux.miniature.drawing.palette import COLOURS, INK, RGB, mix, shade
from molyneux.miniature.drawing.pen import Pen

__all__ = ["airplane", "bird", "kite"]


def _wing(
    pen: Pen, root: tuple[float, float], reach: tuple[float, float], *, colours: tuple[RGB, RGB]
) -> None:
    """Five long feathers fanned from ``root``; ``reach`` is the direction of the foremost, in box lengths."""
    length, angle = float(np.hypot(*reach)), float(np.arctan2(reach[1], reach[0]))
    for k in range(5, -1, -1):
        a = angle - 0.26 * k
        r = length * (1 - 0.075 * k)
        tip = (root[0] + r * np.cos(a), root[1] + r * np.sin(a))
        middle = ((root[0] + tip[0]) / 2 - 0.03, (root[1] + tip[1]) / 2)
        pen.limb([root, middle, tip], (0.15, 0.06), colours[k % 2])


def bird(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """In flight: round head, beak, pale belly, fanned tail, wings of separate feathers; in a box 0.9 high."""
    belly = mix(shade(paint, 1.5), (250, 236, 206), 0.5)
    dark = shade(paint, 0.62)
    lift, sweep = -rng.uniform(0.40, 0.47), rng.uniform(-0.12, 0.04)
    _wing(pen, (0.58, 0.50), (sweep + 0.16, lift * 0.95), colours=(shade(paint, 0.5), shade(paint, 0.58)))
    for k in range(4):
        pen.limb([(0.32, 0.56), (0.05 + 0.01 * k, 0.50 + 0.075 * k)], (0.07, 0.075), dark if k % 2 else paint)
    pen.blob(
        [(0.24, 0.54), (0.44, 0.44), (0.64, 0.42), (0.76, 0.50), (0.70, 0.64), (0.52, 0.71), (0.34, 0.66)],
        paint,
    )
    pen.blob([(0.34, 0.62), (0.52, 0.60), (0.70, 0.54), (0.70, 0.63), (0.52, 0.71)], belly)
    pen.dot(0.78, 0.42, 0.115, paint)
    pen.poly([(0.875, 0.37), (0.995, 0.435), (0.87, 0.48)], (238, 158, 40))
    pen.poly([(0.875, 0.425), (0.995, 0.435), (0.87, 0.48)], (206, 122, 30))
    pen.dot(0.81, 0.395, 0.034, (255, 255, 255))
    pen.dot(0.818, 0.397, 0.021, INK)
    if rng.random() < 0.5:
        for k in range(3):
            pen.limb([(0.76, 0.34), (0.70 - 0.025 * k, 0.27 + 0.03 * k)], (0.045, 0.015), dark)
    _wing(pen, (0.50, 0.52), (sweep, lift), colours=(dark, shade(paint, 0.88)))
    pen.oval(0.51, 0.53, (0.115, 0.075), shade(paint, 0.88), turn=-0.3)


def airplane(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """An airliner in side view: tube, row of windows, swept wing, engine, tall fin; in a box 0.46 high."""
    hull = mix((236, 238, 242), paint, rng.choice([0.1, 0.5]))
    trim = paint if sum(paint) < 640 else (70, 96, 150)
    steel = (150, 158, 170)
    pen.poly([(0.47, 0.235), (0.60, 0.235), (0.45, 0.07), (0.39, 0.07)], shade(steel, 0.8))
    pen.poly([(0.05, 0.01), (0.13, 0.0), (0.25, 0.20), (0.09, 0.22)], trim)
    pen.blob(
        [(0.02, 0.205), (0.10, 0.19), (0.40, 0.175), (0.80, 0.175), (0.92, 0.20), (0.985, 0.265),
         (0.93, 0.315), (0.80, 0.335), (0.40, 0.335), (0.16, 0.275)], hull)  # fmt: skip
    with pen.inside():
        pen.poly([(0.0, 0.285), (1.0, 0.285), (1.0, 0.5), (0.0, 0.5)], shade(hull, 0.82))
        pen.poly([(0.0, 0.262), (1.0, 0.262), (1.0, 0.292), (0.0, 0.292)], trim)
        pen.poly([(0.89, 0.15), (0.99, 0.15), (0.99, 0.238), (0.885, 0.238)], (54, 78, 112))
    for k in range(13):
        x = 0.22 + 0.05 * k
        pen.oval(x, 0.23, (0.014, 0.018), (54, 78, 112))
    pen.poly([(0.02, 0.20), (0.13, 0.20), (0.05, 0.285), (-0.01, 0.285)], shade(trim, 0.75))
    pen.poly([(0.42, 0.285), (0.60, 0.285), (0.34, 0.47), (0.24, 0.47)], steel)
    pen.poly([(0.42, 0.285), (0.47, 0.285), (0.27, 0.47), (0.24, 0.47)], shade(steel, 0.75))
    for x, y in ((0.50, 0.375), (0.40, 0.43)):
        pen.oval(x, y, (0.062, 0.03), shade(trim, 0.85))
        pen.oval(x + 0.045, y, (0.014, 0.028), INK)


def kite(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """A diamond of four panels on crossed spars, and a long tail with bows; in a box 0.62 wide."""
    names = ("red", "blue", "yellow", "green", "purple", "white")
    other = COLOURS[names[int(rng.integers(len(names)))]]
    if other == paint or sum(abs(a - b) for a, b in zip(other, paint, strict=True)) < 90:
        other = shade(paint, 0.55)
    wave = rng.uniform(0.06, 0.11) * (1 if rng.random() < 0.5 else -1)
    tail = [
        (0.31, 0.54),
        (0.31 + wave, 0.64),
        (0.31 - wave, 0.76),
        (0.31 + wave, 0.87),
        (0.31 - wave * 0.4, 0.98),
    ]
    pen.limb(tail, (0.016, 0.012), shade(paint, 0.6))
    for (x, y), hue in zip(tail[1:], (other, paint, other, paint), strict=True):
        pen.poly([(x, y), (x - 0.085, y - 0.045), (x - 0.085, y + 0.045)], hue)
        pen.poly([(x, y), (x + 0.085, y - 0.045), (x + 0.085, y + 0.045)], shade(hue, 0.85))
    top, left, right, bottom, cross = (0.31, 0.0), (0.03, 0.21), (0.59, 0.21), (0.31, 0.56), (0.31, 0.21)
    pen.poly([top, left, cross], paint)
    pen.poly([top, right, cross], other)
    pen.poly([bottom, left, cross], other)
    pen.poly([bottom, right, cross], paint)
    pen.line([top, bottom], 0.016, (92, 66, 44))
    pen.line([left, right], 0.016, (92, 66, 44))
    pen.line([top, right, bottom, left, top], 0.012, shade(paint, 0.5))
