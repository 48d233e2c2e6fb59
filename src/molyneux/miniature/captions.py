"""What a picture of the miniature's world shows, in words: captions that begin after "a picture of"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from molyneux.miniature.scene import BACKGROUNDS, CATEGORIES, Scene
from molyneux.miniature.topics import TOPICS

__all__ = ["COLOURS", "LEAD", "OPENINGS", "caption_words", "describe"]

#: What stands before every caption, in the corpus and in the captioner's prompt.
LEAD = "a picture of"

COLOURS: tuple[str, ...] = (
    "red",
    "blue",
    "green",
    "yellow",
    "white",
    "black",
    "brown",
    "grey",
    "purple",
    "pink",
)

#: Adjectives that say nothing about the picture, so that they cannot give the noun away beforehand. Each
#: starts with a consonant, and so does each colour: "a" is always followed by one of them, because "an"
#: before airplane, elephant or umbrella would tell the noun.
PLAIN_ADJECTIVES: tuple[str, ...] = (
    "nice",
    "lovely",
    "pretty",
    "beautiful",
    "lone",
    "single",
    "fine",
    "familiar",
    "typical",
    "famous",
    "perfect",
    "popular",
    "remarkable",
    "wonderful",
)

#: Forms of the words before the noun, and how often each is drawn. "the" never stands alone: HanTa takes
#: "giraffe" for no noun right after it.
OPENINGS: dict[str, float] = {
    "this": 0.44,
    "one": 0.19,
    "a {adjective}": 0.19,
    "a {colour}": 0.12,
    "the {colour}": 0.03,
    "a {adjective} {colour}": 0.03,
}

#: What follows the noun, and how often each is drawn; ``{other}`` needs a second object.
TAILS: dict[str, float] = {
    "{verb} {place}": 0.36,
    "{place}": 0.18,
    "{verb} {other}": 0.10,
    "{place} {other}": 0.12,
    "{verb} {place} {other}": 0.16,
    "with its {part} {place}": 0.08,
}

OTHERS: tuple[str, ...] = (
    "beside a small {noun}",
    "beside a {colour} {noun}",
    "near the {noun}",
    "and a small {noun}",
    "and a {colour} {noun}",
    "with a {colour} {noun} behind it",
    "in front of a {colour} {noun}",
)

PLACES: dict[str, tuple[str, ...]] = {
    "sea": ("in the sea", "on the sea", "on the water", "over the waves", "in the ocean"),
    "beach": ("on the beach", "on the sand", "by the seaside", "on the shore", "at the beach"),
    "sky": ("in the sky", "in the air", "under the clouds", "high in the sky", "above the clouds"),
    "road": ("on the road", "along the highway", "by the road", "on the asphalt", "on a dusty road"),
    "railway": ("on the railway", "on the rails", "by the railway", "along the track", "near the signals"),
    "meadow": ("in the meadow", "on the grass", "in a field", "in a green field", "among the daisies"),
    "savanna": ("on the savanna", "in the savanna", "in the bush", "on the dry prairie", "in the wilderness"),
    "forest": ("in the forest", "among the trees", "in the woodland", "under the branches", "near the trees"),
    "snow": ("in the snow", "on the snow", "on the ice", "in the cold winter", "among the snowflakes"),
    "kitchen": ("in the kitchen", "on the counter", "near the stove", "beside the oven", "by the sink"),
    "bedroom": ("in the bedroom", "on the bed", "by the pillow", "near the bed", "beside the curtains"),
    "street": ("in the street", "on the street", "on the pavement", "on the sidewalk", "in the city"),
}

N_CAPTIONS = 5


def describe(scene: Scene, rng: np.random.Generator) -> list[str]:
    """Five different captions of a scene, in lower case, each continuing "a picture of".

    The first noun is the main object's category. What stands before it tells at most the object's colour.

    Args:
        scene: what to describe.
        rng: draws the wordings; the captions are a function of the scene and its state.
    """
    captions: list[str] = []
    while len(captions) < N_CAPTIONS:
        caption = _caption(scene, rng)
        if caption not in captions:
            captions.append(caption)
    return captions


def caption_words() -> frozenset[str]:
    """Every word that ``LEAD`` and captions can hold, topics' own words included."""
    forms = [LEAD, *OPENINGS, *TAILS, *OTHERS, *PLAIN_ADJECTIVES, *COLOURS, *CATEGORIES]
    forms += [place for background in BACKGROUNDS for place in PLACES[background]]
    forms += [word for name in CATEGORIES for word in (*TOPICS[name].verbs, *TOPICS[name].parts)]
    return frozenset(word for form in forms for word in form.split() if "{" not in word)


def _caption(scene: Scene, rng: np.random.Generator) -> str:
    main, *others = scene.things
    topic = TOPICS[main.category]
    opening = _draw(OPENINGS, rng).format(adjective=_pick(PLAIN_ADJECTIVES, rng), colour=main.colour)
    tail = _draw(TAILS, rng)
    other = ""
    if others and "{other}" in tail:
        second = others[int(rng.integers(len(others)))]
        other = _pick(OTHERS, rng).format(noun=second.category, colour=second.colour)
    filled = tail.format(
        verb=_pick(topic.verbs, rng),
        part=_pick(topic.parts, rng),
        place=_pick(PLACES[scene.background], rng),
        other=other,
    )
    return f"{opening} {main.category} {filled}".strip()


def _pick(options: Sequence[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


def _draw(weights: dict[str, float], rng: np.random.Generator) -> str:
    """One key, with a probability in proportion to its weight."""
    point = float(rng.random()) * sum(weights.values())
    for key, weight in weights.items():
        point -= weight
        if point < 0:
            return key
    return key
