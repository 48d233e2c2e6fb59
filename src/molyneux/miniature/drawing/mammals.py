"""Elephant, dog and cat: three poses that share nothing (walking, sitting in profile, sitting face on)."""

from __future__ import annotations

import numpy as np

from molyneux.miniature.drawing.palette import INK, RGB, mix, shade
from molyneux.miniature.drawing.pen import Pen

__all__ = ["cat", "dog", "elephant"]


def elephant(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """A great body on pillars, a fan of an ear, trunk and tusk; in a box 0.8 high."""
    skin = mix(paint, (150, 148, 152), 0.4)
    far = shade(skin, 0.68)
    for hip in (0.22, 0.58):
        step = rng.uniform(-0.04, 0.04)
        pen.limb([(hip + 0.08, 0.45), (hip + 0.08 + step, 0.75)], (0.14, 0.12), far)
    pen.limb([(0.06, 0.26), (0.02, 0.38), (0.03, 0.5)], (0.03, 0.015), far)
    for hip in (0.15, 0.52):
        step = rng.uniform(-0.03, 0.03)
        pen.limb([(hip, 0.42), (hip + step, 0.745)], (0.17, 0.135), skin)
        for toe in (-0.04, 0.0, 0.04):
            pen.oval(hip + step + toe, 0.795, (0.017, 0.013), (228, 220, 206))
    pen.blob(
        [(0.05, 0.34), (0.09, 0.17), (0.26, 0.09), (0.46, 0.10), (0.62, 0.13), (0.68, 0.3), (0.62, 0.5),
         (0.42, 0.60), (0.18, 0.58), (0.07, 0.48)], skin)  # fmt: skip
    pen.blob(
        [(0.56, 0.16), (0.66, 0.04), (0.80, 0.05), (0.87, 0.18), (0.86, 0.34), (0.74, 0.44), (0.6, 0.36)],
        skin,
    )
    curl = rng.uniform(-0.05, 0.05)
    pen.limb(
        [(0.82, 0.22), (0.885, 0.40), (0.875, 0.58), (0.93 + curl / 2, 0.70), (0.965, 0.62 + curl)],
        (0.13, 0.04),
        skin,
    )
    for k in range(4):
        y = 0.36 + 0.07 * k
        pen.line([(0.85, y), (0.915, y - 0.012)], 0.008, shade(skin, 0.75))
    pen.limb([(0.80, 0.37), (0.86, 0.46), (0.94, 0.46)], (0.04, 0.015), (250, 244, 226))
    flap = rng.uniform(-0.03, 0.02)
    ear = [
        (0.70, 0.11),
        (0.58, 0.06),
        (0.46 + flap, 0.13),
        (0.46 + flap, 0.32),
        (0.56, 0.44),
        (0.66, 0.40),
        (0.71, 0.26),
    ]
    pen.blob(ear, shade(skin, 0.78))
    pen.blob(
        [(x * 0.8 + 0.122, y * 0.8 + 0.048) for x, y in ear], mix(shade(skin, 0.9), (216, 160, 156), 0.35)
    )
    pen.dot(0.785, 0.185, 0.017, INK)


def dog(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """Sitting in profile: long muzzle, hanging ear, tongue, collar, a tail that wags; in a box 0.84 wide."""
    dark, pale = shade(paint, 0.62), shade(paint, 1.3)
    wag = rng.uniform(-0.1, 0.08)
    pen.limb([(0.16, 0.86), (0.04, 0.76 + wag), (0.05, 0.60 + wag)], (0.075, 0.03), paint)
    pen.limb([(0.52, 0.55), (0.545, 0.93)], (0.10, 0.075), dark)
    pen.oval(0.575, 0.955, (0.06, 0.033), dark)
    pen.blob(
        [(0.36, 0.36), (0.52, 0.36), (0.575, 0.50), (0.54, 0.70), (0.46, 0.90), (0.20, 0.95), (0.09, 0.86),
         (0.13, 0.68), (0.25, 0.52)], paint)  # fmt: skip
    pen.oval(0.24, 0.81, (0.14, 0.145), shade(paint, 0.9))
    pen.oval(0.30, 0.955, (0.12, 0.035), paint)
    pen.limb([(0.46, 0.55), (0.455, 0.93)], (0.115, 0.08), paint)
    pen.oval(0.48, 0.957, (0.065, 0.036), pale)
    pen.oval(0.535, 0.52, (0.05, 0.12), pale)
    pen.oval(0.46, 0.22, (0.165, 0.15), paint)
    pen.limb([(0.56, 0.25), (0.74, 0.285)], (0.16, 0.105), paint)
    pen.limb([(0.64, 0.325), (0.755, 0.325)], (0.055, 0.05), pale)
    if rng.random() < 0.6:
        pen.limb([(0.70, 0.34), (0.715, 0.44)], (0.045, 0.05), (226, 98, 112))
    pen.dot(0.785, 0.25, 0.036, INK)
    pen.dot(0.565, 0.185, 0.026, INK)
    pen.dot(0.573, 0.178, 0.008, (255, 255, 255))
    pen.limb(
        [(0.31, 0.375), (0.45, 0.415), (0.56, 0.385)],
        (0.045, 0.045),
        (186, 44, 52) if rng.random() < 0.5 else (48, 92, 176),
    )
    pen.dot(0.55, 0.43, 0.022, (240, 206, 90))
    swing = rng.uniform(-0.03, 0.03)
    pen.blob(
        [
            (0.40, 0.08),
            (0.46, 0.14),
            (0.45 + swing, 0.34),
            (0.38 + swing, 0.43),
            (0.30 + swing, 0.38),
            (0.31, 0.18),
        ],
        dark,
    )


def _cat_face(pen: Pen, paint: RGB, iris: RGB) -> None:
    pink = (232, 150, 156)
    for side in (-1, 1):
        ear = [(0.42 + side * 0.05, 0.13), (0.42 + side * 0.23, -0.005), (0.42 + side * 0.245, 0.24)]
        pen.poly(ear, shade(paint, 0.85))
        inner = [(0.42 + side * 0.10, 0.14), (0.42 + side * 0.205, 0.055), (0.42 + side * 0.21, 0.2)]
        pen.poly(inner, pink)
    pen.oval(0.42, 0.28, (0.25, 0.20), paint)
    for side in (-1, 1):
        pen.oval(0.42 + side * 0.11, 0.25, (0.058, 0.05), iris)
        pen.oval(0.42 + side * 0.11, 0.25, (0.016, 0.047), INK)
    pen.oval(0.37, 0.36, (0.065, 0.05), shade(paint, 1.5))
    pen.oval(0.47, 0.36, (0.065, 0.05), shade(paint, 1.5))
    pen.poly([(0.385, 0.315), (0.455, 0.315), (0.42, 0.355)], pink)
    whisker = (250, 248, 240) if sum(paint) < 330 else (96, 88, 90)
    for side in (-1, 1):
        for rise in (-0.03, 0.005, 0.04):
            pen.line(
                [(0.42 + side * 0.10, 0.36 + rise / 2), (0.42 + side * 0.31, 0.35 + rise)], 0.008, whisker
            )


def cat(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """Sitting face on: pointed ears, slit eyes, whiskers, tabby bands, a curled tail; in a box 0.84 wide."""
    iris = [(126, 190, 90), (236, 196, 70), (104, 170, 210)][int(rng.integers(3))]
    lift = rng.uniform(0.0, 0.3)
    pen.limb(
        [(0.58, 0.90), (0.76, 0.88), (0.79, 0.72 - lift / 2), (0.70 + lift / 5, 0.58 - lift)],
        (0.085, 0.06),
        shade(paint, 0.8),
    )
    pen.blob(
        [
            (0.42, 0.36),
            (0.56, 0.45),
            (0.66, 0.72),
            (0.68, 0.93),
            (0.42, 0.985),
            (0.16, 0.93),
            (0.18, 0.72),
            (0.28, 0.45),
        ],
        paint,
    )
    with pen.inside():
        band = shade(paint, 0.6) if sum(paint) > 240 else shade(paint, 1.2)
        for k in range(4):
            y = 0.56 + 0.10 * k
            pen.limb([(0.10, y + 0.03), (0.24, y), (0.30, y + 0.02)], (0.045, 0.008), band)
            pen.limb([(0.74, y + 0.03), (0.60, y), (0.54, y + 0.02)], (0.045, 0.008), band)
        pen.oval(0.42, 0.58, (0.12, 0.15), shade(paint, 1.5))
    for side in (-1, 1):
        pen.limb([(0.42 + side * 0.075, 0.66), (0.42 + side * 0.08, 0.93)], (0.10, 0.10), shade(paint, 1.06))
        pen.oval(0.42 + side * 0.085, 0.955, (0.072, 0.04), shade(paint, 1.4))
    pen.line([(0.42, 0.7), (0.42, 0.97)], 0.01, shade(paint, 0.6))
    _cat_face(pen, paint, iris)
    with pen.inside():
        for x in (0.36, 0.42, 0.48):
            pen.limb([(x, 0.07), (x * 0.8 + 0.084, 0.16)], (0.028, 0.01), shade(paint, 0.6))
