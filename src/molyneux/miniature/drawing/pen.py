"""A pen that draws one thing on a transparent layer, in coordinates of the thing's own box."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from molyneux.miniature.drawing.palette import RGB

__all__ = ["Pen", "Points", "smooth"]

Points: TypeAlias = Sequence[tuple[float | int, float | int]]

#: Room around the box, in box lengths, for what tilting moves out of it.
MARGIN = 0.14


@lru_cache(maxsize=8)
def _weights(samples: int) -> np.ndarray:
    """Catmull-Rom weights of the four points around a segment, [samples, 4]."""
    t = np.arange(samples) / samples
    w = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3)
    return np.stack(w, 1) / 2


@lru_cache(maxsize=8)
def _circle(samples: int) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, samples, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def smooth(points: Points | np.ndarray, *, closed: bool, samples: int = 6) -> np.ndarray:
    """The Catmull-Rom curve through ``points``, [samples * segments (+ 1 if open), 2]."""
    p = np.asarray(points, dtype=float)
    if closed:
        around = np.stack([np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0)], 1)
        ring: np.ndarray = np.einsum("sk,nkd->nsd", _weights(samples), around).reshape(-1, 2)
        return ring
    q = np.concatenate([p[:1], p, p[-1:]])
    around = np.stack([q[:-3], q[1:-2], q[2:-1], q[3:]], 1)
    inner = np.einsum("sk,nkd->nsd", _weights(samples), around).reshape(-1, 2)
    return np.concatenate([inner, p[-1:]])


class Pen:
    """Draws in a box whose longer side is 1: x to the right, y down, (0, 0) its upper left corner.

    Args:
        scale: pixels of the layer that one box length takes.
        extent: width and height of the box; the longer is 1.
        flip: mirror left to right.
        tilt: turn about the box's centre, in radians, clockwise.
    """

    def __init__(
        self, scale: float, *, extent: tuple[float, float], flip: bool = False, tilt: float = 0.0
    ) -> None:
        self.scale = scale
        self.centre = np.array(extent) / 2
        pixels = tuple(max(2, round((side + 2 * MARGIN) * scale)) for side in extent)
        self.layer = Image.new("RGBA", (pixels[0], pixels[1]), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.layer)
        turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
        if flip:
            turn[:, 0] *= -1
        self._turn = turn * scale
        self._middle = np.array(pixels) / 2

    def _pixels(self, points: Points | np.ndarray) -> list[float]:
        flat: list[float] = (
            ((np.asarray(points, dtype=float) - self.centre) @ self._turn + self._middle).ravel().tolist()
        )
        return flat

    def poly(self, points: Points | np.ndarray, fill: RGB) -> None:
        """A filled polygon."""
        self._draw.polygon(self._pixels(points), fill=fill)

    def blob(self, points: Points, fill: RGB) -> None:
        """A filled smooth outline through ``points``."""
        self.poly(smooth(points, closed=True), fill)

    def oval(self, x: float, y: float, size: tuple[float, float], fill: RGB, *, turn: float = 0.0) -> None:
        """A filled ellipse about (x, y) with half axes ``size``, turned by ``turn`` radians."""
        ring = _circle(14 if max(size) * self.scale < 12 else 32) * np.array(size)
        if turn:
            c, s = np.cos(turn), np.sin(turn)
            ring = ring @ np.array([[c, s], [-s, c]])
        self.poly(ring + np.array((x, y)), fill)

    def dot(self, x: float, y: float, radius: float, fill: RGB) -> None:
        """A filled circle."""
        self.oval(x, y, (radius, radius), fill)

    def line(self, points: Points, width: float, fill: RGB) -> None:
        """A straight-cornered stroke; never thinner than a pixel of the layer."""
        self._draw.line(
            self._pixels(points), fill=fill, width=max(1, round(width * self.scale)), joint="curve"
        )

    def limb(self, points: Points, widths: tuple[float, float], fill: RGB) -> None:
        """A smooth stroke through ``points`` that tapers from the first width to the second, ends rounded."""
        path = smooth(points, closed=False)
        way = np.gradient(path, axis=0)
        way /= np.linalg.norm(way, axis=1, keepdims=True) + 1e-9
        half = np.linspace(widths[0], widths[1], len(path))[:, None] / 2
        side = np.stack([-way[:, 1], way[:, 0]], 1) * half
        self.poly(np.concatenate([path + side, (path - side)[::-1]]), fill)
        self.dot(float(path[0, 0]), float(path[0, 1]), widths[0] / 2, fill)
        self.dot(float(path[-1, 0]), float(path[-1, 1]), widths[1] / 2, fill)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Whatever is drawn in this block stays within what had been drawn before it."""
        before = self.layer.getchannel("A")
        yield
        self.layer.putalpha(before)

    def lighten(self, *, top: float = 1.0, bottom: float = 0.72) -> None:
        """Light from above: every colour is multiplied by ``top`` at the top, ``bottom`` at the bottom."""
        height = self.layer.height
        fall = np.linspace(top, bottom, 32) * 255
        ramp = np.full((32, 1, 4), 255, np.uint8)
        ramp[..., :3] = fall.clip(0, 255).astype(np.uint8)[:, None, None]
        veil = Image.fromarray(ramp, "RGBA").resize((self.layer.width, height), Image.Resampling.BILINEAR)
        self.layer = ImageChops.multiply(self.layer, veil)
        self._draw = ImageDraw.Draw(self.layer)
