"""Car, train and boat."""

from __future__ import annotations

import numpy as np

from molyneux.miniature.drawing.palette import INK, RGB, mix, shade
from molyneux.miniature.drawing.pen import Pen

__all__ = ["boat", "car", "train"]

GLASS: RGB = (176, 208, 226)
STEEL: RGB = (186, 190, 198)


def _wheel(pen: Pen, x: float, y: float, *, radius: float, rim: RGB = STEEL) -> None:
    pen.dot(x, y, radius, INK)
    pen.dot(x, y, radius * 0.58, rim)
    pen.dot(x, y, radius * 0.2, INK)


def car(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """Side view: rounded cabin with two panes, two big wheels, lamps; in a box 0.5 high."""
    tall = rng.uniform(-0.015, 0.02)
    back = rng.uniform(-0.05, 0.03)
    pen.blob(
        [(0.02, 0.33), (0.04, 0.22), (0.17 + back, 0.185), (0.28 + back, 0.05 - tall), (0.45, 0.025 - tall),
         (0.58, 0.045 - tall), (0.71, 0.185), (0.90, 0.215), (0.985, 0.27), (0.985, 0.39), (0.5, 0.415),
         (0.03, 0.40)], paint)  # fmt: skip
    pen.poly([(0.25 + back, 0.19), (0.315 + back, 0.075), (0.44, 0.06), (0.44, 0.19)], GLASS)
    pen.poly([(0.47, 0.06), (0.56, 0.075), (0.66, 0.19), (0.47, 0.19)], GLASS)
    pen.poly([(0.49, 0.19), (0.55, 0.075), (0.58, 0.09), (0.54, 0.19)], shade(GLASS, 1.5))
    with pen.inside():
        pen.poly([(0, 0.355), (1, 0.355), (1, 0.5), (0, 0.5)], shade(paint, 0.6))
        pen.poly([(0, 0.21), (1, 0.225), (1, 0.24), (0, 0.225)], shade(paint, 1.35))
    for x in (0.45, 0.69):
        pen.line([(x, 0.2), (x, 0.35)], 0.008, shade(paint, 0.6))
    pen.line([(0.39, 0.255), (0.43, 0.255)], 0.014, shade(paint, 0.5))
    pen.oval(0.955, 0.275, (0.026, 0.028), (255, 244, 190))
    pen.oval(0.03, 0.275, (0.018, 0.035), (196, 40, 44))
    for x in (0.22, 0.775):
        pen.dot(x, 0.385, 0.122, shade(paint, 0.4))
        _wheel(pen, x, 0.39, radius=0.108)


def train(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """A steam engine and its coach in side view: boiler, chimney with smoke, cab, many wheels; 0.56 high."""
    for k in range(4):
        pen.dot(
            0.83 - 0.085 * k + rng.uniform(-0.01, 0.01), 0.075 - 0.008 * k, 0.035 + 0.011 * k, (226, 226, 230)
        )
    dark = shade(paint, 0.55)
    pen.poly([(0.0, 0.40), (0.96, 0.40), (0.96, 0.46), (0.0, 0.46)], INK)
    pen.poly([(0.0, 0.17), (0.36, 0.17), (0.36, 0.42), (0.0, 0.42)], paint)
    pen.poly([(-0.015, 0.135), (0.375, 0.135), (0.36, 0.175), (0.0, 0.175)], dark)
    for k in range(3):
        x = 0.035 + 0.11 * k
        pen.poly([(x, 0.21), (x + 0.075, 0.21), (x + 0.075, 0.30), (x, 0.30)], GLASS)
    pen.poly([(0.0, 0.335), (0.36, 0.335), (0.36, 0.36), (0.0, 0.36)], shade(paint, 1.5))
    pen.poly([(0.41, 0.13), (0.60, 0.13), (0.60, 0.42), (0.41, 0.42)], dark)
    pen.poly([(0.39, 0.10), (0.62, 0.10), (0.60, 0.14), (0.41, 0.14)], INK)
    pen.poly([(0.45, 0.18), (0.55, 0.18), (0.55, 0.275), (0.45, 0.275)], GLASS)
    pen.poly(
        [(0.60, 0.215), (0.90, 0.215), (0.925, 0.25), (0.925, 0.37), (0.90, 0.405), (0.60, 0.405)], paint
    )
    for x in (0.66, 0.75, 0.84):
        pen.line([(x, 0.215), (x, 0.405)], 0.014, (232, 196, 84))
    pen.poly([(0.815, 0.22), (0.805, 0.12), (0.785, 0.10), (0.895, 0.10), (0.875, 0.12), (0.865, 0.22)], INK)
    pen.oval(0.70, 0.21, (0.035, 0.05), (232, 196, 84))
    pen.dot(0.93, 0.275, 0.03, (255, 240, 170))
    pen.poly([(0.90, 0.43), (1.0, 0.535), (0.86, 0.535)], (176, 48, 44))
    for x in (0.065, 0.155, 0.235, 0.32):
        _wheel(pen, x, 0.49, radius=0.048)
    for x in (0.475, 0.60, 0.725):
        _wheel(pen, x, 0.475, radius=0.066, rim=(196, 60, 54))
    _wheel(pen, 0.835, 0.495, radius=0.045)
    pen.line([(0.475, 0.48), (0.725, 0.48)], 0.02, STEEL)


def boat(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """A sailing boat: hull with a stripe and portholes, mast, mainsail and jib, a pennant; 0.92 wide."""
    sail = mix((250, 246, 234), paint, 0.15)
    full = rng.uniform(-0.02, 0.03)
    pen.line([(0.43, 0.02), (0.43, 0.80)], 0.022, (110, 78, 50))
    pen.poly([(0.435, 0.02), (0.54, 0.05), (0.435, 0.085)], paint)
    pen.blob(
        [
            (0.405, 0.10),
            (0.40, 0.40),
            (0.40, 0.71),
            (0.22, 0.715),
            (0.04, 0.70),
            (0.17 - full, 0.46),
            (0.32 - full, 0.22),
        ],
        sail,
    )
    with pen.inside():
        for y in (0.34, 0.52):
            pen.line([(0.05, y), (0.41, y)], 0.008, shade(sail, 0.72))
    pen.blob(
        [
            (0.46, 0.13),
            (0.60 + full, 0.33),
            (0.72 + full, 0.52),
            (0.86, 0.70),
            (0.66, 0.71),
            (0.46, 0.70),
            (0.465, 0.40),
        ],
        shade(sail, 0.9),
    )
    hull = [
        (0.0, 0.76),
        (0.30, 0.785),
        (0.60, 0.785),
        (0.92, 0.74),
        (0.83, 0.92),
        (0.74, 0.985),
        (0.18, 0.985),
        (0.07, 0.92),
    ]
    pen.poly(hull, paint)
    with pen.inside():
        pen.poly(
            [(0.02, 0.80), (0.92, 0.79), (0.92, 0.835), (0.02, 0.845)],
            shade(paint, 1.6) if sum(paint) < 620 else (62, 92, 150),
        )
        pen.poly([(0.0, 0.94), (1.0, 0.94), (1.0, 1.1), (0.0, 1.1)], shade(paint, 0.5))
    for x in (0.25, 0.40, 0.55, 0.70):
        pen.dot(x, 0.885, 0.022, (250, 244, 220))
        pen.dot(x, 0.885, 0.014, (58, 82, 116))
