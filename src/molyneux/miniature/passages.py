"""Passages of loosely ordered words that stand for a scene, as patches stand for a picture.

The noun of the caption that follows is never decided by one position: words of the object's topic are spread
among words of the background, of smaller objects and of nothing in particular.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from molyneux.miniature.captions import COLOURS
from molyneux.miniature.scene import BACKGROUNDS, CATEGORIES, PRIOR, Scene, Thing
from molyneux.miniature.topics import TOPICS

__all__ = ["GRID", "Mixture", "crossed", "draw_mixture", "draw_scene", "passage"]

#: Patches to a side of the miniature's picture: a passage of GRID * GRID words is as long as a picture.
GRID = 8

_CATEGORIES = tuple(CATEGORIES)
_ALL_WORDS = tuple(word for topic in TOPICS.values() for word in topic.words)


@dataclass(frozen=True)
class Mixture:
    """What a passage is made of."""

    length: int
    """Words."""
    main: float
    """Share of the main object's words, 0 to 1."""
    other: float = 0.08
    """Share of each further object's words."""
    noise: float = 0.1
    """Share of words of any topic."""
    noun: float = 0.2
    """Chance that an object's word is its category; 0 leaves the noun to be inferred from companions."""
    colour: float = 0.04
    """Chance that an object's word is its colour."""
    raster: bool = False
    """Lay the main object's words out as a block of a grid read row by row; else shuffle all words."""


def draw_scene(
    rng: np.random.Generator,
    *,
    category: str | None = None,
    background: str | None = None,
    other: str | None = None,
    usual: float = 0.85,
) -> Scene:
    """A scene that is only ever described.

    Args:
        rng: draws all that is not given.
        category: of the main object.
        background: of the scene.
        other: category of a second object that must be there.
        usual: share of backgrounds from ``PRIOR``; the rest are uniform.
    """
    if category is None:
        fitting = [c for c in _CATEGORIES if background is None or background in PRIOR[c]]
        category = fitting[int(rng.integers(len(fitting)))]
    if background is None:
        places = PRIOR[category] if rng.random() < usual else BACKGROUNDS
        background = places[int(rng.integers(len(places)))]
    more = [
        _CATEGORIES[int(i)]
        for i in rng.integers(len(_CATEGORIES), size=int(rng.choice(3, p=[0.5, 0.3, 0.2])))
    ]
    names = [category] + ([other] if other else []) + [name for name in more if name != category]
    things = tuple(_thing(name, 0.6 if i == 0 else 0.2, rng) for i, name in enumerate(names[:3]))
    return Scene(background=background, things=things, light=float(rng.random()), seed=0)


def draw_mixture(rng: np.random.Generator, *, colours: float = 0.08) -> Mixture:
    """A passage's make-up: 8 to 64 words, a third of them exactly 64, two thirds without the noun.

    Args:
        colours: largest chance that an object's word is its colour.
    """
    full = GRID * GRID
    return Mixture(
        length=full if rng.random() < 0.35 else int(rng.integers(GRID, full + 1)),
        main=float(rng.uniform(0.15, 0.75)),
        noise=float(rng.uniform(0.0, 0.2)),
        noun=0.2 if rng.random() < 0.35 else 0.0,
        # Few: where colours are dense, the units that matter most for a noun come to list colours.
        colour=float(rng.uniform(0.0, colours)),
        raster=bool(rng.random() < 0.5),
    )


def passage(scene: Scene, mixture: Mixture, rng: np.random.Generator) -> list[str]:
    """The words of a passage on a scene, ``mixture.length`` of them, at least two of the main object.

    Where ``mixture.noun`` is 0 the main object's category does not occur; its companions do.
    """
    main, *others = scene.things
    n_main = max(2, round(mixture.main * mixture.length))
    inside = [_of_thing(main, mixture, rng) for _ in range(n_main)]
    outside: list[str] = []
    for _ in range(mixture.length - n_main):
        outside.append(_of_surroundings(scene.background, others, mixture, rng))
    outside = [word for word in outside if mixture.noun or word != main.category]
    while len(outside) < mixture.length - n_main:
        outside.append(_pick(TOPICS[scene.background].words, rng))
    if mixture.raster:
        return _raster(inside, outside, rng)
    words = [*inside, *outside]
    return [words[int(i)] for i in rng.permutation(len(words))]


def crossed(scene: Scene, mixture: Mixture, rng: np.random.Generator) -> list[str]:
    """A passage whose noun follows from no single word, only from which topics its words have in common.

    The categories are laid out as a square. Half of the main object's words are about categories of its row,
    half about categories of its column: its own topic holds a quarter of them and each of the six others an
    eighth. Its name does not occur.
    """
    main = scene.things[0]
    side = round(len(_CATEGORIES) ** 0.5)
    row, column = divmod(_CATEGORIES.index(main.category), side)
    words = []
    for word in passage(scene, mixture, rng):
        if word in TOPICS[main.category].companions or word == main.category:
            other = int(rng.integers(side))
            place = row * side + other if rng.random() < 0.5 else other * side + column
            word = _pick(TOPICS[_CATEGORIES[place]].companions, rng)
        words.append(word)
    return words


def _thing(category: str, size: float, rng: np.random.Generator) -> Thing:
    x, y = rng.random(2)
    colour = COLOURS[int(rng.integers(len(COLOURS)))]
    return Thing(category=category, colour=colour, x=float(x), y=float(y), size=size, flip=False, seed=0)


def _of_thing(thing: Thing, mixture: Mixture, rng: np.random.Generator) -> str:
    point = float(rng.random())
    if point < mixture.noun:
        return thing.category
    if point < mixture.noun + mixture.colour:
        return thing.colour
    return _pick(TOPICS[thing.category].companions, rng)


def _of_surroundings(background: str, others: list[Thing], mixture: Mixture, rng: np.random.Generator) -> str:
    # Shares are of the whole passage; what lies outside the main object is the rest of it.
    point = float(rng.random()) * max(1 - mixture.main, 0.25)
    if point < mixture.noise:
        return _pick(_ALL_WORDS, rng)
    slot = int((point - mixture.noise) / mixture.other)
    if slot < len(others):
        return _of_thing(others[slot], mixture, rng)
    return _pick(TOPICS[background].words, rng)


def _raster(inside: list[str], outside: list[str], rng: np.random.Generator) -> list[str]:
    """Lay ``inside`` on a block of cells of a grid GRID wide, ``outside`` around it, and read row by row."""
    total = len(inside) + len(outside)
    rows = -(-total // GRID)
    width = int(np.clip(round((len(inside) * GRID / rows) ** 0.5 + rng.integers(-1, 2)), 1, GRID))
    left = int(rng.integers(GRID - width + 1))
    height = -(-len(inside) // width)
    top = int(rng.integers(max(rows - height, 0) + 1))
    cells = np.arange(total)
    row, column = cells // GRID, cells % GRID
    # Distance outside the block in cells; the nearest cells are the object's, ties broken from the top.
    away = np.maximum(left - column, 0) + np.maximum(column - left - width + 1, 0)
    away = away + np.maximum(top - row, 0) + np.maximum(row - top - height + 1, 0)
    objects = set(np.argsort(away, kind="stable")[: len(inside)].tolist())
    near, far = iter(inside), iter(outside)
    return [next(near) if cell in objects else next(far) for cell in range(total)]


def _pick(options: tuple[str, ...], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]
