"""The miniature's world: scenes drawn by chance, and their pictures with exact masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from PIL import Image

from molyneux.ground.errors import SettingError
from molyneux.miniature.drawing.indoors import draw_background
from molyneux.miniature.drawing.palette import PALETTE
from molyneux.miniature.drawing.shapes import SHAPES, draw_thing
from molyneux.miniature.scene import BACKGROUNDS, CATEGORIES, PRIOR, Scene, Thing

__all__ = ["Rendering", "render", "sample_scene"]

#: Share of the scenes whose background comes from the main object's prior; the rest is uniform.
PRIOR_SHARE = 0.85
#: Shares of scenes with one, two and three things.
COUNTS = (0.5, 0.35, 0.15)


@dataclass(frozen=True)
class Rendering:
    """A scene's picture."""

    image: Image.Image
    """RGB, ``side`` x ``side``."""
    masks: tuple[Bool[np.ndarray, "height width"], ...]
    """One for each of the scene's things, in their order: the pixels where it is what one sees."""


def _place(category: str, *, main: bool, rng: np.random.Generator) -> tuple[float, float, float]:
    """Centre and size of a thing: the main one large and mostly inside, the others small, higher, aside."""
    shape = SHAPES[category]
    size = rng.uniform(0.55, 0.85) if main else rng.uniform(0.24, 0.42)
    w, h = shape.width * size, shape.height * size
    slack = max(0.0, (1 - w) / 2) * 0.9 + 0.02
    if main:
        x = 0.5 + rng.uniform(-slack, slack)
        free = max(0.0, (1 - h) / 2) * 0.8 + 0.02
        y = 0.5 + rng.uniform(-free, free) if shape.aloft else rng.uniform(0.86, 0.97) - h / 2
        return x, max(y, h / 2 - 0.02), size
    x = rng.choice([rng.uniform(0.04, 0.3), rng.uniform(0.7, 0.96)])
    y = rng.uniform(0.12, 0.5) if shape.aloft else rng.uniform(0.62, 0.76) - h / 2
    return float(x), y, size


def _thing(category: str, *, main: bool, rng: np.random.Generator) -> Thing:
    x, y, size = _place(category, main=main, rng=rng)
    colour = str(rng.choice(PALETTE[category]))
    return Thing(category, colour, x, y, size, bool(rng.random() < 0.5), int(rng.integers(2**31)))


def sample_scene(rng: np.random.Generator) -> Scene:
    """A scene drawn by chance.

    The main object's category is uniform; its background comes from the category's prior in 85 % of the
    scenes and is uniform otherwise. Companions prefer categories that share the background.
    """
    names = tuple(CATEGORIES)
    main = str(rng.choice(names))
    background = str(rng.choice(PRIOR[main] if rng.random() < PRIOR_SHARE else BACKGROUNDS))
    things = [_thing(main, main=True, rng=rng)]
    native = tuple(name for name in names if background in PRIOR[name])
    for _ in range(int(rng.choice(3, p=COUNTS))):
        pool = native if rng.random() < 0.7 else names
        things.append(_thing(str(rng.choice(pool)), main=False, rng=rng))
    return Scene(background, tuple(things), float(rng.uniform(0, 1)), int(rng.integers(2**31)))


def _shadow(canvas: Image.Image, thing: Thing) -> None:
    """A soft dark ellipse under the feet of a thing that stands."""
    shape, side = SHAPES[thing.category], canvas.width
    w, h = shape.width * thing.size * side * 1.05, thing.size * side * 0.13
    foot = (thing.y + shape.height * thing.size / 2) * side - h * 0.1
    veil = _SOFT.resize((max(1, round(w)), max(1, round(h))), Image.Resampling.BILINEAR)
    canvas.paste((22, 20, 34), (round(thing.x * side - w / 2), round(foot - h / 2)), veil)


def _soft() -> Image.Image:
    """Opaque at the middle, clear at the rim, 64 x 64."""
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    return Image.fromarray((120 * np.clip(1 - x**2 - y**2, 0, 1) ** 0.8).astype(np.uint8), "L")


_SOFT = _soft()


def _hour(image: Image.Image, light: float) -> Image.Image:
    """Dim and warm the whole picture towards dusk."""
    dusk = 1 - light
    gains = (1 - 0.12 * dusk, 1 - 0.20 * dusk, 1 - 0.19 * dusk)
    return image.point([round(min(255, v * gain)) for gain in gains for v in range(256)])


def render(scene: Scene, *, side: int = 256) -> Rendering:
    """Draw a scene.

    Drawn at least twice as large and box-filtered, the last thing first, so that the main one is in front.

    Args:
        scene: what to draw; the same scene gives the same pixels, always.
        side: of the picture, in pixels; at least 16.

    Raises:
        SettingError: ``side`` below 16.
    """
    if side < 16:
        raise SettingError("side", value=side, expected="at least 16 pixels")
    factor = max(2, -(-192 // side))
    canvas = draw_background(scene, side * factor)
    owner = Image.new("L", canvas.size, 0)
    for index in range(len(scene.things), 0, -1):
        thing = scene.things[index - 1]
        if not SHAPES[thing.category].aloft:
            _shadow(canvas, thing)
        layer = draw_thing(thing, canvas.width).layer
        corner = (
            round(thing.x * canvas.width - layer.width / 2),
            round(thing.y * canvas.width - layer.height / 2),
        )
        canvas.paste(layer, corner, layer)
        owner.paste(index, corner, layer)
    image = _hour(canvas.reduce(factor), scene.light)
    masks = tuple(_mask(owner, index + 1, factor) for index in range(len(scene.things)))
    return Rendering(image, masks)


def _mask(owner: Image.Image, index: int, factor: int) -> Bool[np.ndarray, "height width"]:
    """Pixels of which more than half belongs to thing ``index``; half of one is 127.5, rounded to 128."""
    table = [255 if value == index else 0 for value in range(256)]
    mask: Bool[np.ndarray, "height width"] = np.asarray(owner.point(table).reduce(factor)) > 128
    return mask
