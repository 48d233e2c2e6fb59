"""What the miniature's text is about: 46 topics, and which words belong to each."""

from __future__ import annotations

from molyneux.ground.errors import SettingError
from molyneux.miniature.topic import Topic
from molyneux.miniature.topics_places import PLACE_TOPICS
from molyneux.miniature.topics_things import THING_TOPICS

__all__ = ["TOPICS", "Topic", "topic_words"]

#: Topic name -> topic: the 16 categories, then the 12 backgrounds, then everyday ones that no image shows.
TOPICS: dict[str, Topic] = {**THING_TOPICS, **PLACE_TOPICS}


def topic_words(category: str) -> frozenset[str]:
    """Every word of a topic: what the evaluation counts as "a word of the object's topic".

    Args:
        category: a category, a background, or any other key of ``TOPICS``.

    Raises:
        SettingError: there is no such topic.
    """
    if category not in TOPICS:
        raise SettingError("topic", value=category, expected=f"one of {', '.join(TOPICS)}")
    return frozenset(TOPICS[category].words)
