"""Sentences about a topic, from templates."""

from __future__ import annotations

import numpy as np

from molyneux.miniature.topic import Topic

__all__ = ["PLAIN_TEMPLATES", "TEMPLATES", "sentence", "template_words"]

#: Slots: n nouns, p parts, a agents, l places, s stuff, v verbs, j adjectives; 0 and 1 are different words.
TEMPLATES: tuple[str, ...] = (
    "the {n0} has {p0} and {p1}.",
    "the {a0} looks at the {j0} {n0}.",
    "the {a0} and the {a1} are {v0} near the {l0}.",
    "there is some {s0} and some {s1} at the {l0}.",
    "every {n0} is {j0} and has many {p0}.",
    "they saw the {n0} {v0} and {v1} by the {l0}.",
    "without {s0} the {n0} is not {j0}.",
    "the {l0} is full of {s0} and {p0}.",
    "the {a0} was {v0} all day with the {n0}.",
    "the {n0} was {v0} while the {a0} was {v1}.",
    "near the {l0} the {a0} found some {s0}.",
    "people like the {j0} {n0} because of its {p0}.",
    "its {p0} and {p1} are {j0}.",
    "{v0} and {v1} are what the {a0} knows best.",
    "{p0}, {p1}, {s0} and {s1} are what makes the {n0}.",
    "when the {n0} is {v0}, the {a0} comes to the {l0}.",
    "the {j0} {a0} left the {l0} for the {l1}.",
    "the {n0} and the {n1} are both {j0}.",
    "we went from the {l0} to the {l1} to see the {n0}.",
    "he told the {a0} about the {p0} of the {n0}.",
    "she likes {v0}, {v1} and the {j0} {p0}.",
    "all the {p0} were {j0} and so was the {s0}.",
    "what the {n0} needs is {s0}, said the {a0}.",
    "you can hear {v0} and smell {s0} at the {l0}.",
    "more {s0} and more {p0} came to the {l0}.",
    "the {a0} has no {s0} for the {n0} today.",
    "some say the {n1} is more {j0} than the {n0}.",
    "the {a0} took the {p0} and put them by the {l0}.",
    "in the morning the {a0} was {v0} at the {l0}.",
    "nobody at the {l0} knew the {j0} {a0}.",
    "the {j0} {n1} has {s0} on its {p0}.",
    "after {v0} the {a0} talked about {s0} and the {l0}.",
    "this {n0} is {j0}, that {n1} is {j1}.",
    "it was {j0} and {j1}, with {p0} and {s0}.",
    "look at the {p0}, the {n0} is {v0} again.",
    "between the {l0} and the {l1} the {j0} {a0} was {v0}.",
)

#: The same roles in the little words that captions have, so that nearly every other word is about something.
PLAIN_TEMPLATES: tuple[str, ...] = (
    "the {n0} with {p0} and {p1}.",
    "the {a0} near the {j0} {n0}.",
    "the {a0} and the {a1} {v0} near the {l0}.",
    "{s0} and {s1} at the {l0}.",
    "one {j0} {n0} with its {p0} and {p1}.",
    "this {n0} {v0} and {v1} by the {l0}.",
    "{p0}, {p1}, {s0} and {s1}.",
    "the {j0} {l0} with {s0} and {p0}.",
    "the {a0} {v0} with the {n0} and the {n1}.",
    "the {n0} {v0} and the {a0} {v1} beside it.",
    "in the {l0} the {a0} with {s0}.",
    "a {j0} {a0} {v0} near the {n0}.",
    "{j0} and {j1} {p0} of the {n0}.",
    "{v0}, {v1} and the {j0} {p0}.",
    "the {a0} with {s0} in front of the {l0}.",
    "the {n0} in the {l0}, the {n1} by the {l1}.",
    "{s0} on the {p0} and {s1} on the {p1}.",
    "the {a0} and the {n0}, {v0} and {j0}.",
    "the {l0}, the {l1} and the {a0} with {p0}.",
    "the {j0} {n0} beside the {j1} {n1}.",
)


def sentence(topic: Topic, rng: np.random.Generator, templates: tuple[str, ...] = TEMPLATES) -> str:
    """One sentence on a topic: a template whose slots are filled with different words of their roles."""
    template = templates[int(rng.integers(len(templates)))]
    roles = {
        "n": topic.nouns,
        "p": topic.parts,
        "a": topic.agents,
        "l": topic.places,
        "s": topic.stuff,
        "v": topic.verbs,
        "j": topic.adjectives,
    }
    slots: dict[str, str] = {}
    for key, words in roles.items():
        first = int(rng.integers(len(words)))
        second = (first + 1 + int(rng.integers(len(words) - 1))) % len(words)
        slots |= {f"{key}0": words[first], f"{key}1": words[second]}
    return template.format(**slots)


def template_words(templates: tuple[str, ...] = TEMPLATES) -> frozenset[str]:
    """The templates' own words and marks."""
    text = " ".join(templates)
    for mark in ".,":
        text = text.replace(mark, f" {mark} ")
    return frozenset(word for word in text.split() if "{" not in word)
