"""What a scene of the miniature's world is: a background and one to three objects, before any pixel."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BACKGROUNDS", "CATEGORIES", "PRIOR", "Scene", "Thing"]

#: Category name -> its id in COCO, so that the miniature's folders read like COCO's.
CATEGORIES: dict[str, int] = {
    "car": 3,
    "airplane": 5,
    "train": 7,
    "boat": 9,
    "bird": 16,
    "cat": 17,
    "dog": 18,
    "horse": 19,
    "elephant": 22,
    "zebra": 24,
    "giraffe": 25,
    "umbrella": 28,
    "kite": 38,
    "pizza": 59,
    "cake": 61,
    "clock": 85,
}

BACKGROUNDS: tuple[str, ...] = (
    "sea",
    "beach",
    "sky",
    "road",
    "railway",
    "meadow",
    "savanna",
    "forest",
    "snow",
    "kitchen",
    "bedroom",
    "street",
)

#: The backgrounds that a category is mostly seen before. They hint at the category and never decide it:
#: each is shared by several categories, and a share of the scenes draws its background uniformly.
PRIOR: dict[str, tuple[str, ...]] = {
    "car": ("road", "street", "snow"),
    "airplane": ("sky", "snow", "meadow"),
    "train": ("railway", "snow", "meadow"),
    "boat": ("sea", "beach"),
    "bird": ("sky", "forest", "sea", "snow"),
    "cat": ("bedroom", "kitchen", "street"),
    "dog": ("meadow", "bedroom", "beach", "street"),
    "horse": ("meadow", "road", "forest"),
    "elephant": ("savanna", "forest"),
    "zebra": ("savanna", "meadow"),
    "giraffe": ("savanna", "forest"),
    "umbrella": ("beach", "street", "meadow"),
    "kite": ("sky", "beach", "meadow"),
    "pizza": ("kitchen", "street"),
    "cake": ("kitchen", "bedroom"),
    "clock": ("kitchen", "bedroom", "street", "railway"),
}


@dataclass(frozen=True)
class Thing:
    """One object of a scene; lengths and places are fractions of the canvas side, y counted downwards."""

    category: str
    """A key of CATEGORIES."""
    colour: str
    """The colour word of its coat, paint or topping; not told by the category alone."""
    x: float
    """Centre, from the left."""
    y: float
    """Centre, from the top."""
    size: float
    """Longer side of its box before clipping."""
    flip: bool
    """Mirrored left to right."""
    seed: int
    """Of the small variations of its drawing (limbs, windows, toppings)."""


@dataclass(frozen=True)
class Scene:
    """A picture to be drawn and described; ``things[0]`` is the main object, drawn last, in front."""

    background: str
    """One of BACKGROUNDS."""
    things: tuple[Thing, ...]
    """One to three objects, the main (largest) one first."""
    light: float
    """0 dusk .. 1 noon."""
    seed: int
    """Of the background's small variations."""
