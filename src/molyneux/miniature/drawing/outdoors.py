"""Backgrounds under the sky: sea, beach, sky, road, railway, meadow, savanna, forest, snow."""

from __future__ import annotations

import numpy as np

from molyneux.miniature.drawing.backdrop import Backdrop, sky_colours
from molyneux.miniature.drawing.palette import RGB, jitter, mix, shade

__all__ = ["beach", "forest", "meadow", "railway", "road", "savanna", "sea", "sky", "snow"]


def _tuft(canvas: Backdrop, x: float, y: float, *, fill: RGB) -> None:
    h = 0.02 + 0.03 * y
    for lean in (-0.012, 0.0, 0.012):
        canvas.poly([(x - 0.005, y), (x + 0.005, y), (x + lean * 1.6, y - h)], fill)


def _pine(canvas: Backdrop, x: float, foot: float, *, height: float, fill: RGB, snowy: bool = False) -> None:
    canvas.rect(
        x - height * 0.035, foot - height * 0.1, size=(height * 0.07, height * 0.12), fill=(92, 66, 48)
    )
    for k in range(3):
        w, top = height * (0.30 - 0.07 * k), foot - height * (0.62 + 0.19 * k)
        base = foot - height * (0.10 + 0.26 * k)
        canvas.poly([(x - w, base), (x + w, base), (x, top)], shade(fill, 0.85 + 0.1 * k))
        if snowy:
            canvas.poly(
                [(x - w * 0.5, (base + top) / 2), (x + w * 0.5, (base + top) / 2), (x, top)], (244, 248, 252)
            )


def sea(canvas: Backdrop) -> None:
    """Open water with rows of waves under a sky."""
    horizon = canvas.rng.uniform(0.34, 0.46)
    canvas.sky(horizon)
    if canvas.rng.random() < 0.5:
        canvas.sun(canvas.rng.uniform(0.15, 0.85), horizon - 0.05)
    canvas.clouds(2, below=0.2)
    near, far = (
        mix((24, 56, 104), (26, 96, 150), canvas.light),
        mix((120, 120, 160), (96, 172, 208), canvas.light),
    )
    canvas.band(horizon, 1.0, colours=(far, near))
    for k in range(26):
        y = horizon + (1 - horizon) * ((k + 0.5) / 26) ** 1.6
        x, w = canvas.rng.uniform(-0.05, 1), 0.05 + 0.16 * (y - horizon)
        pale = mix(far, (240, 248, 252), 0.55)
        canvas.line([(x, y), (x + w * 0.5, y - 0.008), (x + w, y)], 0.004 + 0.006 * (y - horizon), pale)


def beach(canvas: Backdrop) -> None:
    """Sand with pebbles and shells, a strip of sea with foam."""
    horizon, shore = 0.36 + canvas.rng.uniform(-0.05, 0.05), 0.55 + canvas.rng.uniform(-0.05, 0.05)
    canvas.sky(horizon)
    canvas.clouds(2, below=0.22)
    canvas.band(horizon, shore + 0.06, colours=((84, 154, 196), (120, 206, 214)))
    canvas.hill(shore, swell=0.02, fill=(250, 248, 240))
    canvas.hill(shore + 0.025, swell=0.02, fill=jitter((236, 212, 160), canvas.rng))
    for _ in range(34):
        x, y = canvas.rng.uniform(0, 1), canvas.rng.uniform(shore + 0.08, 1)
        canvas.oval(x, y, (0.008, 0.004), (212, 182, 130) if canvas.rng.random() < 0.7 else (250, 240, 226))
    if canvas.rng.random() < 0.5:
        x = canvas.rng.choice([0.06, 0.94])
        canvas.line([(x, 0.72), (x + 0.02, 0.4), (x, 0.2)], 0.03, (126, 92, 58))
        for a in np.linspace(0.2, 2.94, 6):
            tip = (x + 0.2 * np.cos(a), 0.22 - 0.12 * np.sin(a))
            canvas.poly([(x, 0.18), tip, (x, 0.225)], (58, 128, 70))


def sky(canvas: Backdrop) -> None:
    """Nothing but sky and clouds, with a rim of far hills now and then."""
    canvas.sky(1.0)
    if canvas.rng.random() < 0.4:
        canvas.sun(canvas.rng.uniform(0.1, 0.9), canvas.rng.uniform(0.1, 0.8))
    for _ in range(int(canvas.rng.integers(3, 6))):
        canvas.cloud(
            canvas.rng.uniform(0, 1), canvas.rng.uniform(0.05, 0.95), size=canvas.rng.uniform(0.14, 0.32)
        )
    if canvas.rng.random() < 0.4:
        canvas.hill(0.94, swell=0.03, fill=mix(sky_colours(canvas.light)[0], (72, 118, 98), 0.6))


def road(canvas: Backdrop) -> None:
    """A wide road across the land: verge, kerb and dashed line, hills behind."""
    canvas.sky(0.5)
    canvas.clouds(2, below=0.25)
    canvas.hill(0.44, swell=0.05, fill=jitter((134, 168, 150), canvas.rng))
    canvas.hill(0.54, swell=0.02, fill=jitter((116, 160, 84), canvas.rng))
    top = canvas.rng.uniform(0.60, 0.68)
    canvas.band(top, 1.0, colours=((112, 112, 120), (82, 82, 92)))
    canvas.rect(0.0, top - 0.012, size=(1.0, 0.02), fill=(210, 208, 200))
    start = canvas.rng.uniform(-0.2, 0)
    for k in range(6):
        x = start + 0.24 * k
        canvas.poly([(x, 0.845), (x + 0.13, 0.845), (x + 0.125, 0.875), (x - 0.008, 0.875)], (246, 236, 190))
    for x in np.arange(start + 0.1, 1.1, 0.3):
        canvas.rect(x, top - 0.09, size=(0.018, 0.09), fill=(236, 236, 236))
        canvas.rect(x, top - 0.07, size=(0.018, 0.02), fill=(200, 60, 54))


def railway(canvas: Backdrop) -> None:
    """Two rails on sleepers and gravel, with masts and a wire."""
    canvas.sky(0.52)
    canvas.clouds(2, below=0.22)
    canvas.hill(0.47, swell=0.04, fill=jitter((120, 146, 116), canvas.rng))
    canvas.band(0.58, 1.0, colours=((156, 146, 134), (124, 114, 106)))
    shift = canvas.rng.uniform(0, 0.1)
    for _ in range(40):
        x, y = canvas.rng.uniform(0, 1), canvas.rng.uniform(0.6, 1)
        canvas.oval(x, y, (0.009, 0.006), (108, 98, 92) if canvas.rng.random() < 0.5 else (180, 172, 162))
    for x in np.arange(-0.1 + shift, 1.1, 0.1):
        canvas.poly([(x + 0.02, 0.72), (x + 0.06, 0.72), (x + 0.045, 0.92), (x - 0.01, 0.92)], (98, 70, 52))
    for y, w in ((0.75, 0.018), (0.88, 0.026)):
        canvas.rect(0.0, y, size=(1.0, w), fill=(84, 84, 92))
        canvas.rect(0.0, y, size=(1.0, w * 0.4), fill=(206, 208, 216))
    for x in (0.12 + shift, 0.82 + shift):
        canvas.rect(x, 0.12, size=(0.016, 0.47), fill=(90, 84, 84))
        canvas.rect(x - 0.05, 0.15, size=(0.12, 0.012), fill=(90, 84, 84))
    canvas.line([(0, 0.17), (1, 0.17)], 0.005, (70, 70, 78))


def meadow(canvas: Backdrop) -> None:
    """Green hills with flowers and tufts of grass."""
    canvas.sky(0.6)
    canvas.clouds(2, below=0.25)
    canvas.hill(0.48, swell=0.05, fill=jitter((136, 182, 126), canvas.rng))
    green = jitter((104, 170, 74), canvas.rng)
    canvas.hill(0.6, swell=0.025, fill=green)
    canvas.hill(0.8, swell=0.02, fill=shade(green, 0.9))
    for _ in range(12):
        _tuft(canvas, canvas.rng.uniform(0, 1), canvas.rng.uniform(0.68, 1), fill=shade(green, 0.72))
    petals = ((250, 240, 120), (250, 250, 250), (236, 110, 130), (190, 130, 214))
    for _ in range(18):
        x, y = canvas.rng.uniform(0, 1), canvas.rng.uniform(0.66, 1)
        r = 0.006 + 0.008 * (y - 0.6)
        canvas.oval(x, y, (r * 1.5, r * 1.2), petals[int(canvas.rng.integers(4))])


def savanna(canvas: Backdrop) -> None:
    """Dry gold grass, flat-topped acacias, haze."""
    canvas.band(0.0, 0.56, colours=(mix((150, 104, 132), (134, 182, 214), canvas.light), (250, 222, 168)))
    canvas.sun(canvas.rng.uniform(0.1, 0.9), 0.38)
    canvas.hill(0.5, swell=0.02, fill=(206, 170, 118))
    gold = jitter((220, 182, 98), canvas.rng)
    canvas.band(0.54, 1.0, colours=(shade(gold, 1.1), shade(gold, 0.86)))
    for _ in range(int(canvas.rng.integers(1, 4))):
        x, s = canvas.rng.uniform(0.02, 0.98), canvas.rng.uniform(0.7, 1.3)
        canvas.line([(x, 0.58), (x + 0.01, 0.58 - 0.2 * s)], 0.018 * s, (92, 66, 44))
        for dx, dy in ((-0.06, 0.19), (0.06, 0.2), (0.0, 0.24)):
            canvas.oval(x + dx * s, 0.58 - dy * s, (0.1 * s, 0.032 * s), (98, 122, 62))
    for _ in range(26):
        _tuft(canvas, canvas.rng.uniform(0, 1), canvas.rng.uniform(0.62, 1), fill=shade(gold, 0.76))


def forest(canvas: Backdrop) -> None:
    """Trunks behind trunks, ferns, light between them."""
    canvas.band(0.0, 0.7, colours=(mix((60, 92, 92), (120, 168, 120), canvas.light), (190, 216, 160)))
    for depth, hue in ((0.0, (120, 150, 112)), (0.5, (84, 98, 72)), (1.0, (82, 62, 46))):
        for _ in range(5):
            x, w = canvas.rng.uniform(-0.02, 1), 0.02 + 0.03 * depth
            canvas.rect(x, -0.01, size=(w, 0.62 + 0.06 * depth), fill=jitter(hue, canvas.rng, spread=6.0))
    for _ in range(14):
        x, y = canvas.rng.uniform(0, 1), canvas.rng.uniform(-0.02, 0.16)
        canvas.oval(x, y, (0.12, 0.07), jitter((58, 112, 62), canvas.rng, spread=12.0))
    canvas.hill(0.66, swell=0.02, fill=jitter((92, 122, 66), canvas.rng))
    canvas.hill(0.82, swell=0.02, fill=jitter((102, 96, 62), canvas.rng))
    for _ in range(16):
        _tuft(canvas, canvas.rng.uniform(0, 1), canvas.rng.uniform(0.7, 1), fill=(62, 104, 54))


def snow(canvas: Backdrop) -> None:
    """White slopes, snowy pines, flakes in the air."""
    canvas.band(0.0, 0.6, colours=(mix((104, 104, 150), (150, 182, 210), canvas.light), (226, 234, 242)))
    canvas.hill(0.46, swell=0.06, fill=(204, 216, 232))
    for _ in range(int(canvas.rng.integers(3, 7))):
        _pine(
            canvas,
            canvas.rng.uniform(0, 1),
            0.60,
            height=canvas.rng.uniform(0.22, 0.42),
            fill=(58, 96, 84),
            snowy=True,
        )
    canvas.hill(0.58, swell=0.025, fill=(236, 241, 248))
    canvas.hill(0.78, swell=0.025, fill=(248, 250, 253))
    for _ in range(30):
        r = canvas.rng.uniform(0.003, 0.008)
        canvas.oval(canvas.rng.uniform(0, 1), canvas.rng.uniform(0, 1), (r, r), (255, 255, 255))
