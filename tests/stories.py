"""Stories made by hand for the tests of figures and screens: no model, odd cases on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np

from molyneux.ground.story import AblationView, ArmCurve, NeuronView, Story

HOSTILE = (
    "antidisestablishmentarianism" * 4,
    " $x^2$",
    "\n",
    "\x1b[31mred",
    " \u202eevil",
    "\u4e2d\u6587",
    "</script>",
    "[bold]loud[/bold]",
    "\u2028",
    "",
)
TOKENS = (" cat", " cats", " kitten", " feline", " fur", " whiskers", " pet", " paws", " purr", " dog")
CAPTION = "a brown tabby cat looking at the camera on a blue sofa"


def neuron(index: int, size: tuple[int, int], shown: tuple[int, int], **given: Any) -> NeuronView:
    """A neuron that fires most on patch ``9 * index`` of an 8 x 8 grid."""
    width, height = size
    row, column = divmod(9 * index % 64, 8)
    across, down = width / 8, height / 8
    y, x = np.mgrid[0 : shown[1], 0 : shown[0]]
    centre = (column + 0.5) * shown[0] / 8, (row + 0.5) * shown[1] / 8
    heat = np.exp(-(((x + 0.5 - centre[0]) / shown[0]) ** 2 + ((y + 0.5 - centre[1]) / shown[1]) ** 2) * 40)
    values: dict[str, Any] = {
        "name": f"L{index}.u{37 * index}",
        "score": 3.2 / (index + 1.3),
        "patch": 9 * index % 64,
        "box": (column * across, row * down, (column + 1) * across, (row + 1) * down),
        "tokens": TOKENS,
        "interpretable": index != 2,
        "heat": heat.astype(np.float32),
    }
    return NeuronView(**(values | given))


def curve(arm: str, counts: tuple[int, ...], end: float, captions: tuple[str, ...]) -> ArmCurve:
    """A straight line from 0 to ``end``; the random arm with a band, the others with NaN ends."""
    mean = tuple(float(value) for value in np.linspace(0, end, len(counts)))
    band = 0.04 if arm == "random" else float("nan")
    low, high = (tuple(value + sign * band for value in mean) for sign in (-1, 1))
    return ArmCurve(arm, counts, mean, low, high, tuple(captions for _ in counts), counts)


def ablation(caption: str, counts: tuple[int, ...] = (0, 50, 100)) -> AblationView:
    return AblationView(
        0.71,
        (
            curve("top", counts, -0.8, (caption.replace("cat", "dog"),)),
            curve("interpretable", counts, -0.78, ("a brown kitten",)),
            curve("random", counts, -0.77, (caption,) * 7 + ("",)),
        ),
    )


def story(*, size: tuple[int, int] = (640, 428), count: int = 4, **given: Any) -> Story:
    """A story of an image of ``size`` with ``count`` neurons; any field can be given."""
    scale = min(1.0, 768 / max(size))
    shown = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    caption = given.get("caption", CAPTION)
    start = caption.find("cat")
    word = "cat" if start >= 0 else None
    pixels = np.random.default_rng(0).integers(0, 255, (shown[1], shown[0], 3), dtype=np.uint8)
    values: dict[str, Any] = {
        "name": "photo.jpg",
        "image": pixels,
        "size": size,
        "caption": caption,
        "word": word,
        "span": None if word is None else (start, start + 3),
        "probability": None if word is None else 0.71,
        "tokens": tuple(caption.split()),
        "probabilities": tuple(0.5 for _ in caption.split()),
        "model": "miniature",
        "miniature": True,
        "score": "pre-activation x gradient (Eq. 2), its best patch",
        "neurons": tuple(neuron(index, size, shown) for index in range(count if word else 0)),
        "ablation": ablation(caption) if word else None,
    }
    return Story(**(values | given))
