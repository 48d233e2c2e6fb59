"""Backgrounds made by people: kitchen, bedroom and street; and the table of all twelve backgrounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from molyneux.miniature.drawing import outdoors
from molyneux.miniature.drawing.backdrop import Backdrop, sky_colours
from molyneux.miniature.drawing.palette import jitter, mix, shade
from molyneux.miniature.scene import Scene

__all__ = ["DRAWN", "draw_background"]


def _window(canvas: Backdrop, left: float, top: float, *, size: tuple[float, float]) -> None:
    w, h = size
    zenith, glow = sky_colours(canvas.light)
    canvas.rect(left - 0.012, top - 0.012, size=(w + 0.024, h + 0.024), fill=(246, 244, 238))
    canvas.rect(left, top, size=size, fill=mix(zenith, glow, 0.4))
    canvas.rect(left, top + h * 0.6, size=(w, h * 0.4), fill=mix(glow, (150, 190, 140), 0.5))
    canvas.rect(left + w / 2 - 0.006, top, size=(0.012, h), fill=(246, 244, 238))
    canvas.rect(left, top + h / 2 - 0.006, size=(w, 0.012), fill=(246, 244, 238))


def kitchen(canvas: Backdrop) -> None:
    """A tiled wall, a shelf with jars, a window, and a wooden counter."""
    tile = jitter((226, 232, 226), canvas.rng)
    edge = canvas.rng.uniform(0.60, 0.68)
    canvas.band(0.0, edge, colours=(tile, shade(tile, 0.93)))
    shift = canvas.rng.uniform(0, 0.1)
    for k in range(12):
        canvas.line([(k * 0.1 + shift - 0.1, 0), (k * 0.1 + shift - 0.1, edge)], 0.004, shade(tile, 0.84))
        if k * 0.1 < edge:
            canvas.line([(0, k * 0.1), (1, k * 0.1)], 0.004, shade(tile, 0.84))
    right = canvas.rng.random() < 0.5
    _window(canvas, 0.66 if right else 0.06, 0.08, size=(0.28, 0.3))
    shelf = 0.04 if right else 0.5
    canvas.rect(shelf, 0.28, size=(0.46, 0.022), fill=(150, 104, 66))
    for k in range(5):
        hue = jitter(((202, 92, 70), (96, 140, 120), (232, 190, 96))[k % 3], canvas.rng)
        h = canvas.rng.uniform(0.07, 0.12)
        canvas.rect(shelf + 0.03 + 0.085 * k, 0.28 - h, size=(0.055, h), fill=hue)
    wood = jitter((190, 142, 92), canvas.rng)
    canvas.band(edge, 1.0, colours=(shade(wood, 1.12), shade(wood, 0.8)))
    canvas.rect(0.0, edge, size=(1.0, 0.014), fill=shade(wood, 1.4))
    for y in np.linspace(edge + 0.07, 0.98, 4):
        canvas.line([(0, y), (1, y + canvas.rng.uniform(-0.01, 0.01))], 0.005, shade(wood, 0.74))


def bedroom(canvas: Backdrop) -> None:
    """Striped wallpaper, a picture, a bed with pillow and blanket, floorboards and a rug."""
    wall = jitter(
        ((204, 190, 214), (196, 212, 220), (226, 208, 188))[int(canvas.rng.integers(3))], canvas.rng
    )
    canvas.band(0.0, 0.7, colours=(wall, shade(wall, 0.92)))
    for k in range(10):
        canvas.rect(k * 0.1 + 0.02, 0.0, size=(0.03, 0.7), fill=shade(wall, 0.95))
    left = canvas.rng.random() < 0.5
    x = 0.1 if left else 0.66
    canvas.rect(x, 0.08, size=(0.24, 0.19), fill=(120, 84, 58))
    canvas.rect(x + 0.02, 0.1, size=(0.2, 0.15), fill=jitter((150, 184, 196), canvas.rng))
    canvas.poly([(x + 0.02, 0.25), (x + 0.1, 0.15), (x + 0.22, 0.25)], (96, 130, 104))
    floor = jitter((168, 122, 84), canvas.rng)
    canvas.band(0.7, 1.0, colours=(floor, shade(floor, 0.82)))
    blanket = jitter(
        ((118, 140, 186), (190, 120, 128), (122, 160, 132))[int(canvas.rng.integers(3))], canvas.rng
    )
    head, foot = (0.0, 0.72) if left else (1.0, 0.28)
    far = 0.82 if head else 0.06
    canvas.rect(min(head, foot), 0.52, size=(0.72, 0.24), fill=blanket)
    canvas.rect(min(head, foot), 0.52, size=(0.72, 0.03), fill=shade(blanket, 1.3))
    canvas.rect(head - (0.03 if head else 0.0), 0.32, size=(0.03, 0.46), fill=(110, 76, 52))
    canvas.oval(far + 0.04, 0.5, (0.11, 0.045), (248, 246, 242))
    canvas.oval(0.5, 0.93, (0.5, 0.075), shade(blanket, 0.8))
    canvas.oval(0.5, 0.93, (0.42, 0.055), shade(blanket, 1.2))


def street(canvas: Backdrop) -> None:
    """A row of houses with lit windows and doors, a lamp, pavement and kerb."""
    canvas.sky(0.6)
    x = canvas.rng.uniform(-0.15, 0.0)
    while x < 1.0:
        w, top = canvas.rng.uniform(0.2, 0.3), canvas.rng.uniform(0.06, 0.26)
        wall = jitter(
            ((196, 120, 96), (222, 200, 160), (158, 168, 182), (206, 152, 120))[int(canvas.rng.integers(4))],
            canvas.rng,
        )
        canvas.rect(x, top, size=(w, 0.7 - top), fill=wall)
        canvas.poly([(x - 0.015, top), (x + w + 0.015, top), (x + w / 2, top - 0.11)], shade(wall, 0.6))
        glass = mix((250, 220, 130), (112, 146, 176), canvas.light)
        for row in range(3):
            for col in (0.2, 0.62):
                y = top + 0.05 + 0.15 * row
                if y < 0.52:
                    canvas.rect(x + w * col, y, size=(w * 0.22, 0.08), fill=glass)
        canvas.rect(x + w * 0.41, 0.59, size=(w * 0.2, 0.11), fill=shade(wall, 0.45))
        x += w
    canvas.band(0.70, 0.80, colours=((190, 186, 182), (172, 168, 164)))
    for k in np.arange(canvas.rng.uniform(-0.1, 0), 1.1, 0.14):
        canvas.line([(k, 0.70), (k - 0.03, 0.80)], 0.005, (146, 142, 140))
    canvas.rect(0.0, 0.80, size=(1.0, 0.018), fill=(214, 212, 208))
    canvas.band(0.818, 1.0, colours=((104, 104, 112), (84, 84, 94)))


DRAWN: dict[str, Callable[[Backdrop], None]] = {
    "sea": outdoors.sea,
    "beach": outdoors.beach,
    "sky": outdoors.sky,
    "road": outdoors.road,
    "railway": outdoors.railway,
    "meadow": outdoors.meadow,
    "savanna": outdoors.savanna,
    "forest": outdoors.forest,
    "snow": outdoors.snow,
    "kitchen": kitchen,
    "bedroom": bedroom,
    "street": street,
}


def draw_background(scene: Scene, side: int) -> Image.Image:
    """The scene's background alone, ``side`` x ``side``, opaque."""
    canvas = Backdrop(side, light=scene.light, rng=np.random.default_rng(scene.seed))
    DRAWN[scene.background](canvas)
    return canvas.image
