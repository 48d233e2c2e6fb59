"""Captions of scenes: their first noun is the main object, and nothing before it tells which."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
from HanTa import HanoverTagger

from molyneux.ground.errors import SettingError
from molyneux.miniature.captions import COLOURS, LEAD, OPENINGS, PLAIN_ADJECTIVES, describe
from molyneux.miniature.passages import draw_scene
from molyneux.miniature.scene import BACKGROUNDS, CATEGORIES, PRIOR, Scene
from molyneux.miniature.topics import TOPICS, topic_words


@pytest.fixture(scope="module")
def described() -> list[tuple[Scene, list[str]]]:
    rng = np.random.default_rng(5)
    scenes = [draw_scene(rng, category=name) for name in CATEGORIES for _ in range(80)]
    return [(scene, describe(scene, rng)) for scene in scenes]


def test_five_distinct_lower_case_captions(described: list[tuple[Scene, list[str]]]) -> None:
    for _, captions in described:
        assert len(set(captions)) == len(captions) == 5
        for caption in captions:
            assert caption == " ".join(caption.lower().split())
            assert not caption.startswith(LEAD)
            assert "{" not in caption


def test_first_noun_is_the_main_object(described: list[tuple[Scene, list[str]]]) -> None:
    tagger = HanoverTagger.HanoverTagger("morphmodel_en.pgz")
    right, total = Counter[str](), Counter[str]()
    for scene, captions in described:
        noun = scene.things[0].category
        for caption in captions:
            tags = tagger.tag_sent(caption.split())
            first = next((word for word, _, tag in tags if tag.startswith("N")), None)
            right[noun] += first == noun
            total[noun] += 1
    assert right.total() / total.total() >= 0.99
    assert all(right[noun] / total[noun] >= 0.95 for noun in total), right


def test_words_before_the_noun_do_not_tell_it(described: list[tuple[Scene, list[str]]]) -> None:
    """A predictor that counts openings does no better than chance on other scenes (colours drawn evenly)."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    hits = tried = 0
    for number, (scene, captions) in enumerate(described):
        noun = scene.things[0].category
        for caption in captions:
            before = caption[: caption.index(noun)]
            if number % 2:
                counts[before][noun] += 1
    for number, (scene, captions) in enumerate(described):
        noun = scene.things[0].category
        for caption in captions:
            seen = counts[caption[: caption.index(noun)]]
            if number % 2 == 0 and seen:
                hits, tried = hits + (seen.most_common(1)[0][0] == noun), tried + 1
    # 5 captions share a colour, so a scene is the unit: 640 of them, standard error about .01.
    assert hits / tried < 1 / len(CATEGORIES) + 0.035


def test_no_article_tells_the_noun(described: list[tuple[Scene, list[str]]]) -> None:
    vowels = set("aeiou")
    assert not any(word[0] in vowels for word in (*PLAIN_ADJECTIVES, *COLOURS))
    assert all(not opening.endswith(" a") and opening != "a" for opening in OPENINGS)
    for _, captions in described:
        for caption in captions:
            words = caption.split()
            assert "an" not in words
            assert not any(a == "a" and b[0] in vowels for a, b in pairwise(words))


def test_captions_follow_from_scene_and_generator() -> None:
    scene = draw_scene(np.random.default_rng(1), category="boat", background="sea")
    first, again = (describe(scene, np.random.default_rng(7)) for _ in range(2))
    assert first == again
    assert first != describe(scene, np.random.default_rng(8))


def test_most_captions_carry_no_colour(described: list[tuple[Scene, list[str]]]) -> None:
    plain = [not set(c.split()) & set(COLOURS) for _, captions in described for c in captions]
    assert 0.6 < np.mean(plain) < 0.9  # colours are few: see passages.py


def test_topics_cover_the_world_and_overlap_little() -> None:
    assert set(CATEGORIES) | set(BACKGROUNDS) <= set(TOPICS)
    assert len(TOPICS) >= 46
    owners = Counter(word for topic in TOPICS.values() for word in set(topic.words))
    assert max(owners.values()) <= 2
    assert np.mean([count > 1 for count in owners.values()]) < 0.02
    for name, topic in TOPICS.items():
        assert topic.words[0] == name
        assert name not in topic.companions
        assert all(word.isalpha() and word.islower() and len(word) >= 3 for word in topic.words)
        assert not set(topic.words) & set(COLOURS)


def test_topic_words() -> None:
    assert {"dog", "barking", "kennel"} <= topic_words("dog")
    assert "dog" not in topic_words("cat")
    with pytest.raises(SettingError, match="unicorn"):
        topic_words("unicorn")


def test_text_scenes_follow_the_prior() -> None:
    rng = np.random.default_rng(2)
    scenes = [draw_scene(rng) for _ in range(600)]
    usual = np.mean([scene.background in PRIOR[scene.things[0].category] for scene in scenes])
    assert 0.8 < usual < 0.95
    assert {len(scene.things) for scene in scenes} == {1, 2, 3}
