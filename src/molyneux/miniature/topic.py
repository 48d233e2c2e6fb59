"""The form of a topic: words in the roles that the corpus's sentences need."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Topic", "topic"]


@dataclass(frozen=True)
class Topic:
    """Words about one thing or place; each is an English word of three letters or more, in lower case."""

    nouns: tuple[str, ...]
    """What the topic is about, in the singular; the first one is the topic's name."""
    parts: tuple[str, ...]
    """What it has: parts of a thing, objects of a place."""
    agents: tuple[str, ...]
    """Who is found with it, in the singular."""
    places: tuple[str, ...]
    """Where it is found."""
    stuff: tuple[str, ...]
    """What it is made of, needs or leaves behind."""
    verbs: tuple[str, ...]
    """What it does, or is done there, as "-ing" forms."""
    adjectives: tuple[str, ...]
    """What it is like."""

    @property
    def companions(self) -> tuple[str, ...]:
        """All words but the topic's name: what a passage may say that leaves the noun to be inferred."""
        return self.words[1:]

    @property
    def words(self) -> tuple[str, ...]:
        """All words, the topic's name first."""
        roles = (self.nouns, self.parts, self.agents, self.places, self.stuff, self.verbs, self.adjectives)
        return tuple(word for role in roles for word in role)


def topic(*roles: str) -> Topic:
    """Make a topic of seven strings of words, in the order of ``Topic``'s fields."""
    if len(roles) != 7:
        raise ValueError(f"a topic has seven roles, got {len(roles)}")
    return Topic(*(tuple(role.split()) for role in roles))
