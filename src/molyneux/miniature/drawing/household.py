"""Pizza, cake, clock and umbrella."""

from __future__ import annotations

import numpy as np

from molyneux.miniature.drawing.palette import INK, RGB, mix, shade
from molyneux.miniature.drawing.pen import Pen

__all__ = ["cake", "clock", "pizza", "umbrella"]


def _spoke(angle: float, radius: float) -> tuple[float, float]:
    return 0.5 + radius * float(np.cos(angle)), 0.5 + radius * float(np.sin(angle))


def pizza(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """From above: crust, cheese, toppings of the paint's colour, cut in slices; mostly one is gone."""
    start = rng.uniform(0, 2 * np.pi)
    pen.dot(0.5, 0.5, 0.495, (190, 128, 66))
    for k in range(24):
        x, y = _spoke(k * 0.2618 + start, 0.462)
        pen.dot(x, y, 0.035, (206, 146, 82) if k % 2 else (170, 108, 52))
    pen.dot(0.5, 0.5, 0.425, (192, 66, 40))
    pen.dot(0.5, 0.5, 0.40, (246, 212, 112))
    for _ in range(9):
        x, y = _spoke(rng.uniform(0, 6.3), 0.38 * rng.uniform(0.1, 0.9))
        pen.oval(x, y, (0.06, 0.04), (252, 228, 150), turn=rng.uniform(0, 3))
    for k in range(8):
        for radius in (0.30, 0.16) if k % 2 else (0.28,):
            x, y = _spoke(start + (k + 0.5) * 0.7854 + rng.uniform(-0.12, 0.12), radius)
            pen.dot(x, y, 0.056, shade(paint, 0.62))
            pen.dot(x, y, 0.046, paint)
            pen.dot(x - 0.014, y - 0.014, 0.014, shade(paint, 1.35))
    for _ in range(12):
        x, y = _spoke(rng.uniform(0, 6.3), 0.36 * rng.uniform(0.15, 1))
        pen.oval(x, y, (0.026, 0.010), (66, 124, 52), turn=rng.uniform(0, 3))
    for k in range(4):
        a = start + k * 0.7854
        pen.line([_spoke(a, 0.48), _spoke(a + np.pi, 0.48)], 0.014, (150, 92, 44))
    if rng.random() < 0.6:
        plate = (228, 226, 222)
        wedge = [(0.5, 0.5), *(_spoke(start + 0.7854 * t, 0.5) for t in (0.0, 0.33, 0.67, 1.0))]
        pen.poly(wedge, plate)
        pen.line([wedge[0], wedge[1]], 0.02, (176, 112, 58))
        pen.line([wedge[0], wedge[-1]], 0.02, (206, 150, 84))


def _tier(pen: Pen, box: tuple[float, float, float, float], sponge: RGB, *, icing: RGB) -> None:
    """One round tier: side, icing on top that drips, and a row of pearls at its foot."""
    left, top, right, bottom = box
    middle, half = (left + right) / 2, (right - left) / 2
    flat = half * 0.20
    pen.oval(middle, bottom, (half, flat), shade(sponge, 0.8))
    pen.poly([(left, top), (right, top), (right, bottom), (left, bottom)], sponge)
    drips = 7
    for k in range(drips):
        x = left + (k + 0.5) * (right - left) / drips
        long = 0.05 + 0.035 * ((k * 5) % 3)
        pen.limb(
            [(x, top), (x, top + long)], ((right - left) / drips * 1.02, (right - left) / drips * 0.7), icing
        )
    pen.oval(middle, top, (half, flat), shade(icing, 1.25))
    for k in range(9):
        angle = np.pi * k / 8
        pen.dot(middle + half * np.cos(angle) * 0.96, bottom + flat * np.sin(angle), 0.022, shade(icing, 1.5))


def cake(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """Two tiers with dripping icing, on a stand, with burning candles; in a box 0.9 wide."""
    sponge = [(236, 206, 150), (128, 80, 52), (250, 236, 214)][int(rng.integers(3))]
    if sum(abs(a - b) for a, b in zip(sponge, paint, strict=True)) < 110:
        sponge = shade(sponge, 0.7)
    pen.poly([(0.36, 0.90), (0.54, 0.90), (0.60, 0.985), (0.30, 0.985)], (196, 202, 212))
    pen.oval(0.45, 0.90, (0.45, 0.06), (222, 226, 234))
    _tier(pen, (0.06, 0.60, 0.84, 0.87), sponge, icing=paint)
    count = int(rng.integers(3, 6))
    _tier(pen, (0.20, 0.31, 0.70, 0.57), sponge, icing=paint)
    for k in range(count):
        x = 0.45 + (k - (count - 1) / 2) * 0.40 / count
        stick = [(226, 74, 84), (74, 138, 210), (246, 244, 238)][k % 3]
        pen.poly([(x - 0.019, 0.12), (x + 0.019, 0.12), (x + 0.019, 0.31), (x - 0.019, 0.31)], stick)
        pen.blob([(x, -0.005), (x + 0.03, 0.075), (x, 0.11), (x - 0.03, 0.075)], (250, 176, 52))
        pen.blob([(x, 0.04), (x + 0.013, 0.08), (x, 0.10), (x - 0.013, 0.08)], (255, 244, 180))


def clock(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """A round dial with twelve marks and two hands in a coloured rim; half of them ring bells on feet."""
    bells = rng.random() < 0.5
    if bells:
        for side in (-1, 1):
            pen.limb([(0.5 + side * 0.2, 0.85), (0.5 + side * 0.3, 0.97)], (0.07, 0.05), shade(paint, 0.6))
            pen.oval(
                0.5 + side * 0.25, 0.10, (0.15, 0.105), mix((214, 178, 84), paint, 0.25), turn=side * 0.6
            )
        pen.limb([(0.5, 0.13), (0.5, 0.03)], (0.04, 0.06), INK)
    middle, outer = (0.54, 0.40) if bells else (0.5, 0.49)
    rim = paint if sum(paint) < 660 else (206, 208, 214)
    pen.dot(0.5, middle, outer, shade(rim, 0.6))
    pen.dot(0.5, middle, outer * 0.95, rim)
    pen.dot(0.5, middle, outer * 0.80, (250, 248, 240))
    for k in range(12):
        angle = k * np.pi / 6
        c, s = float(np.cos(angle)), float(np.sin(angle))
        near, far = outer * (0.60 if k % 3 == 0 else 0.66), outer * 0.75
        pen.line(
            [(0.5 + near * c, middle + near * s), (0.5 + far * c, middle + far * s)],
            0.032 if k % 3 == 0 else 0.018,
            INK,
        )
    hour, minute = rng.uniform(0, 2 * np.pi, 2)
    for angle, reach, width in ((hour, 0.40, 0.045), (minute, 0.62, 0.03)):
        tip = (0.5 + outer * reach * np.cos(angle), middle + outer * reach * np.sin(angle))
        pen.limb([(0.5, middle), tip], (width, width * 0.6), INK)
    pen.dot(0.5, middle, 0.032, (196, 52, 48))


def umbrella(pen: Pen, paint: RGB, rng: np.random.Generator) -> None:
    """An open canopy of panels with a scalloped hem, and a shaft that ends in a crook."""
    other = shade(paint, 0.62) if rng.random() < 0.5 or sum(paint) > 640 else (244, 240, 230)
    pen.limb([(0.5, 0.30), (0.5, 0.62), (0.5, 0.86)], (0.03, 0.03), (88, 68, 58))
    pen.limb(
        [(0.5, 0.86), (0.515, 0.955), (0.58, 0.975), (0.635, 0.93), (0.64, 0.88)],
        (0.045, 0.045),
        (122, 72, 40),
    )
    pen.limb([(0.5, 0.09), (0.5, 0.0)], (0.03, 0.014), (88, 68, 58))
    angle = np.linspace(np.pi, 2 * np.pi, 33)
    dome = np.stack([0.5 + 0.495 * np.cos(angle), 0.52 + 0.46 * np.sin(angle)], 1)
    hems = 6
    edges = np.linspace(0.995, 0.005, hems + 1)
    scallops = [
        (edges[k] + (edges[k + 1] - edges[k]) * t, 0.52 - 0.22 * t * (1 - t))
        for k in range(hems) for t in (0.0, 0.25, 0.5, 0.75)
    ]  # fmt: skip
    pen.poly(np.concatenate([dome, np.array(scallops)]), paint)
    with pen.inside():
        for k in range(0, hems, 2):
            left, right = edges[k], edges[k + 1]
            bow = [
                (0.5 + (e - 0.5) * r, 0.52 - 0.46 * np.sqrt(1 - r**2))
                for e in (left, right)
                for r in (0.0, 0.4, 0.7, 0.9, 1.0)
            ]
            pen.poly([*bow[:5], *bow[:4:-1]], other)
        for edge in edges[1:-1]:
            rib = [
                (0.5 + (edge - 0.5) * r, 0.52 - 0.46 * np.sqrt(1 - r**2)) for r in (0.0, 0.4, 0.7, 0.9, 1.0)
            ]
            pen.line(rib, 0.012, shade(paint, 0.5))
        pen.blob([(0.24, 0.20), (0.36, 0.10), (0.34, 0.16), (0.24, 0.28)], shade(paint, 1.5))
