"""The miniature's text: documents that end in a caption, none of which ever met a picture.

Some documents are sentences on one or two topics; the others are passages of loosely ordered words
(``passages``). Both mostly end "a picture of <caption>", and the caption follows from the words before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from molyneux.ground.errors import SettingError
from molyneux.miniature.captions import LEAD, caption_words, describe
from molyneux.miniature.passages import crossed, draw_mixture, draw_scene, passage
from molyneux.miniature.scene import BACKGROUNDS, CATEGORIES, Scene
from molyneux.miniature.sentences import PLAIN_TEMPLATES, TEMPLATES, sentence, template_words
from molyneux.miniature.topics import TOPICS

__all__ = ["CorpusRecipe", "corpus_words", "document", "documents"]

_EVERYDAY = tuple(name for name in TOPICS if name not in CATEGORIES and name not in BACKGROUNDS)


@dataclass(frozen=True)
class CorpusRecipe:
    """What the text is made of; shares are from 0 to 1."""

    passages: float = 0.97
    """Documents that are passages of loosely ordered words; the others are sentences."""
    colours: float = 0.0
    """At most this share of an object's words in a passage is its colour."""
    crossed: float = 0.0
    """Passages in which no single word tells the noun (``passages.crossed``)."""

    usual: float = 0.85
    """Scenes before one of the main object's usual backgrounds; the others are before any."""
    plain: bool = True
    """Sentences have no little words but those of captions."""

    @property
    def templates(self) -> tuple[str, ...]:
        """Of its sentences."""
        return PLAIN_TEMPLATES if self.plain else TEMPLATES

    @property
    def coloured(self) -> str:
        """The sentence that tells a thing's colour."""
        return "the {colour} {noun}." if self.plain else "the {noun} is {colour}."

    def __post_init__(self) -> None:
        for name, share in vars(self).items():
            if not 0 <= share <= 1:
                raise SettingError(f"corpus recipe, {name}", value=share, expected="a share, 0 to 1")


def document(seed: int, index: int, recipe: CorpusRecipe = CorpusRecipe()) -> str:
    """The document of a number, a function of its arguments alone: any process may make any of them."""
    rng = np.random.default_rng([seed, index])
    return (
        _passage_document(rng, recipe) if rng.random() < recipe.passages else _sentence_document(rng, recipe)
    )


def documents(
    seed: int, recipe: CorpusRecipe = CorpusRecipe(), *, start: int = 0, stop: int
) -> Iterator[str]:
    """The documents numbered ``start`` to ``stop - 1``."""
    for index in range(start, stop):
        yield document(seed, index, recipe)


def corpus_words(recipe: CorpusRecipe = CorpusRecipe()) -> frozenset[str]:
    """Every word and mark that documents and captions can hold: the vocabulary."""
    topics = frozenset(word for topic in TOPICS.values() for word in topic.words)
    return topics | template_words(recipe.templates) | caption_words()


def _passage_document(rng: np.random.Generator, recipe: CorpusRecipe) -> str:
    scene = draw_scene(rng, usual=recipe.usual)
    mixture = draw_mixture(rng, colours=recipe.colours)
    if recipe.crossed and rng.random() < recipe.crossed:
        words = crossed(scene, mixture, rng)
    else:
        words = passage(scene, mixture, rng)
    return f"{' '.join(words)} {LEAD} {_one_caption(scene, rng)}"


def _sentence_document(rng: np.random.Generator, recipe: CorpusRecipe) -> str:
    first = _topic_name(rng)
    second = _topic_name(rng) if rng.random() < 0.3 else first
    room = int(rng.integers(24, 78))
    sentences: list[str] = []
    used = 0
    while True:
        name = first if rng.random() < 0.7 else second
        new = sentence(TOPICS[name], rng, recipe.templates)
        used += len(new.split()) + sum(new.count(mark) for mark in ".,")
        if used > room:
            break
        sentences.append(new)
    scene = _scene_of(first, second, rng, recipe.usual)
    if scene is None or rng.random() < 0.1:
        return " ".join(sentences)
    for thing in scene.things:
        if rng.random() < 0.5:
            said = recipe.coloured.format(noun=thing.category, colour=thing.colour)
            sentences.insert(int(rng.integers(len(sentences) + 1)), said)
    return f"{' '.join(sentences)} {LEAD} {_one_caption(scene, rng)}"


def _scene_of(first: str, second: str, rng: np.random.Generator, usual: float) -> Scene | None:
    """What may be seen in a document on two topics; None where that is nothing a picture shows."""
    if first not in CATEGORIES and second in CATEGORIES:
        first, second = second, first
    if first in CATEGORIES:
        background = second if second in BACKGROUNDS else None
        other = second if second in CATEGORIES and second != first else None
        return draw_scene(rng, category=first, background=background, other=other, usual=usual)
    return draw_scene(rng, background=first, usual=usual) if first in BACKGROUNDS else None


def _topic_name(rng: np.random.Generator) -> str:
    point = float(rng.random())
    names = tuple(CATEGORIES) if point < 0.6 else BACKGROUNDS if point < 0.85 else _EVERYDAY
    return names[int(rng.integers(len(names)))]


def _one_caption(scene: Scene, rng: np.random.Generator) -> str:
    return describe(scene, rng)[int(rng.integers(5))]
