"""A canvas for backgrounds: bands of gradient, hills, clouds, in fractions of the canvas."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from molyneux.miniature.drawing.palette import RGB, mix, shade
from molyneux.miniature.drawing.pen import Points, smooth

__all__ = ["Backdrop", "sky_colours"]


def sky_colours(light: float) -> tuple[RGB, RGB]:
    """Zenith and horizon of a sky from dusk (0) to noon (1)."""
    return mix((86, 78, 138), (88, 158, 222), light), mix((246, 176, 132), (206, 230, 244), light)


class Backdrop:
    """An opaque canvas of ``side`` pixels; all coordinates are fractions of it, y down.

    Args:
        side: pixels.
        light: 0 dusk .. 1 noon, for skies.
        rng: of the small variations.
    """

    def __init__(self, side: int, *, light: float, rng: np.random.Generator) -> None:
        self.side, self.light, self.rng = side, light, rng
        self.image = Image.new("RGB", (side, side))
        self._draw = ImageDraw.Draw(self.image)

    def band(self, top: float, bottom: float, *, colours: tuple[RGB, RGB]) -> None:
        """A full-width band that fades from the first colour to the second."""
        first, last = round(top * self.side), round(bottom * self.side)
        if last <= first:
            return
        column = np.linspace(colours[0], colours[1], last - first).astype(np.uint8)[:, None]
        strip = Image.fromarray(column, "RGB").resize((self.side, last - first), Image.Resampling.NEAREST)
        self.image.paste(strip, (0, first))

    def sky(self, bottom: float) -> None:
        """A sky down to ``bottom``, coloured by the hour."""
        self.band(0.0, bottom, colours=sky_colours(self.light))

    def poly(self, points: Points | np.ndarray, fill: RGB) -> None:
        """A filled polygon."""
        self._draw.polygon((np.asarray(points, dtype=float) * self.side).ravel().tolist(), fill=fill)

    def rect(self, left: float, top: float, *, size: tuple[float, float], fill: RGB) -> None:
        """A filled rectangle of ``size`` (width, height)."""
        s = self.side
        box = (left * s, top * s, (left + size[0]) * s, (top + size[1]) * s)
        self._draw.rectangle(box, fill=fill)

    def oval(self, x: float, y: float, size: tuple[float, float], fill: RGB) -> None:
        """A filled ellipse about (x, y) with half axes ``size``."""
        s = self.side
        self._draw.ellipse(
            ((x - size[0]) * s, (y - size[1]) * s, (x + size[0]) * s, (y + size[1]) * s), fill=fill
        )

    def line(self, points: Points, width: float, fill: RGB) -> None:
        """A stroke."""
        flat = (np.asarray(points, dtype=float) * self.side).ravel().tolist()
        self._draw.line(flat, fill=fill, width=max(1, round(width * self.side)))

    def hill(self, height: float, *, swell: float, fill: RGB) -> None:
        """Rolling ground whose crest wanders by ``swell`` about ``height``, filled to the bottom."""
        crest = [(x, height + self.rng.uniform(-swell, swell)) for x in np.linspace(-0.2, 1.2, 6)]
        self.poly(np.concatenate([smooth(crest, closed=False), [(1.2, 1.1), (-0.2, 1.1)]]), fill)

    def cloud(self, x: float, y: float, *, size: float) -> None:
        """A heap of puffs with a flat, greyer foot."""
        white = mix((244, 204, 190), (252, 252, 255), self.light)
        for hue, drop in ((shade(white, 0.9), 0.16), (white, 0.0)):
            for dx, r in ((-0.55, 0.26), (-0.2, 0.4), (0.2, 0.46), (0.58, 0.28)):
                self.oval(x + dx * size, y + (drop - r * 0.4) * size * 0.6, (r * size, r * size * 0.62), hue)

    def clouds(self, count: int, *, below: float) -> None:
        """``count`` clouds somewhere above ``below``."""
        for _ in range(count):
            self.cloud(
                self.rng.uniform(0, 1), self.rng.uniform(0.04, below), size=self.rng.uniform(0.1, 0.24)
            )

    def sun(self, x: float, y: float) -> None:
        """A low sun with a halo, by the hour."""
        glow = sky_colours(self.light)[1]
        for r, share in ((0.10, 0.35), (0.075, 0.6), (0.052, 1.0)):
            self.oval(x, y, (r, r), mix(glow, (255, 244, 200), share))
