"""The sixteen shapes: who draws each, how wide and high it is, and where it likes to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from molyneux.miniature.drawing import flyers, hoofed, household, mammals, vehicles
from molyneux.miniature.drawing.palette import COLOURS, RGB, jitter
from molyneux.miniature.drawing.pen import Pen
from molyneux.miniature.scene import Thing

__all__ = ["SHAPES", "Shape", "draw_thing"]


@dataclass(frozen=True)
class Shape:
    """How one category is drawn and placed."""

    draw: Callable[[Pen, RGB, np.random.Generator], None]
    """Draws it with a pen, in a paint, with small variations."""
    width: float = 1.0
    """Of its box; the longer of width and height is 1."""
    height: float = 1.0
    """Of its box."""
    aloft: bool = False
    """It hangs or flies: no shadow, placed by its middle instead of its feet."""
    tilt: float = 0.06
    """It leans by at most this many radians either way."""


SHAPES: dict[str, Shape] = {
    "car": Shape(vehicles.car, height=0.5, tilt=0.05),
    "airplane": Shape(flyers.airplane, height=0.48, aloft=True, tilt=0.22),
    "train": Shape(vehicles.train, height=0.56, tilt=0.03),
    "boat": Shape(vehicles.boat, width=0.93, tilt=0.1),
    "bird": Shape(flyers.bird, height=0.96, aloft=True, tilt=0.2),
    "cat": Shape(mammals.cat, width=0.84),
    "dog": Shape(mammals.dog, width=0.84),
    "horse": Shape(hoofed.horse, tilt=0.07),
    "elephant": Shape(mammals.elephant, height=0.81),
    "zebra": Shape(hoofed.zebra, tilt=0.07),
    "giraffe": Shape(hoofed.giraffe, width=0.64),
    "umbrella": Shape(household.umbrella, aloft=True, tilt=0.3),
    "kite": Shape(flyers.kite, width=0.62, aloft=True, tilt=0.4),
    "pizza": Shape(household.pizza, aloft=True, tilt=0.0),
    "cake": Shape(household.cake, width=0.9),
    "clock": Shape(household.clock, aloft=True, tilt=0.08),
}


def draw_thing(thing: Thing, side: int) -> Pen:
    """Draw ``thing`` for a canvas of ``side`` pixels; the pen's layer holds it about its own centre."""
    shape = SHAPES[thing.category]
    rng = np.random.default_rng(thing.seed)
    tilt = rng.uniform(-shape.tilt, shape.tilt) if shape.tilt else 0.0
    pen = Pen(thing.size * side, extent=(shape.width, shape.height), flip=thing.flip, tilt=tilt)
    shape.draw(pen, jitter(COLOURS[thing.colour], rng), rng)
    pen.lighten(top=1.0, bottom=0.78)
    return pen
