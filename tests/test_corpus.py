"""The corpus: documents that any process can make again, whose captions follow from their words."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from molyneux.ground.errors import SettingError
from molyneux.miniature.captions import COLOURS, LEAD, caption_words, describe
from molyneux.miniature.corpus import CorpusRecipe, corpus_words, document, documents
from molyneux.miniature.passages import Mixture, crossed, draw_mixture, draw_scene, passage
from molyneux.miniature.scene import CATEGORIES, PRIOR
from molyneux.miniature.tokenizer import (
    EOS,
    IMAGE,
    PAD,
    UNK,
    build_piece_tokenizer,
    build_tokenizer,
    first_pieces,
)
from molyneux.miniature.topics import TOPICS

HALF = CorpusRecipe(passages=0.5, colours=0.08, plain=False)
CORPUS = list(documents(3, HALF, stop=600))


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(HALF)


def test_documents_are_a_function_of_seed_and_number() -> None:
    assert [document(3, index, HALF) for index in range(20)] == CORPUS[:20]
    assert list(documents(3, HALF, start=5, stop=9)) == CORPUS[5:9]
    assert document(4, 0, HALF) != CORPUS[0]
    assert len(set(CORPUS)) == len(CORPUS)


def test_lengths(tokenizer: PreTrainedTokenizerFast) -> None:
    lengths = np.array([len(row) for row in tokenizer(CORPUS)["input_ids"]])
    assert lengths.max() <= 110
    assert (lengths >= 72).mean() > 0.15


def test_most_documents_end_in_a_caption_and_half_are_passages() -> None:
    ends = [text.count(LEAD) for text in CORPUS]
    assert set(ends) == {0, 1}
    assert np.mean(ends) > 0.8
    passages = [text for text in CORPUS if "." not in text]
    assert 0.4 < len(passages) / len(CORPUS) < 0.6
    sizes = np.array([len(text.split(f" {LEAD} ")[0].split()) for text in passages])
    assert sizes.min() >= 8
    assert sizes.max() == 64
    assert (sizes == 64).mean() > 0.25


def test_passages_mostly_leave_the_noun_to_be_inferred() -> None:
    inferred = []
    for text in CORPUS:
        if "." not in text:
            words, caption = text.split(f" {LEAD} ")
            noun = next(word for word in caption.split() if word in CATEGORIES)
            inferred.append(noun not in words.split())
            assert set(words.split()) & set(TOPICS[noun].words)
    assert 0.5 < np.mean(inferred) < 0.8


@pytest.mark.parametrize("raster", [False, True])
@pytest.mark.parametrize("length", [8, 37, 64])
def test_passage_is_made_as_asked(length: int, raster: bool) -> None:
    rng = np.random.default_rng(length)
    scene = draw_scene(rng, category="dog", background="beach")
    mixture = Mixture(length=length, main=0.5, noun=0.0, raster=raster)
    words = passage(scene, mixture, rng)
    assert len(words) == length
    assert "dog" not in words
    own = set(TOPICS["dog"].companions) | {scene.things[0].colour}
    assert sum(word in own for word in words) >= length // 2


def test_raster_keeps_the_object_together() -> None:
    """Laid out as a block, the object's words have each other for neighbours more often than shuffled."""
    own = set(TOPICS["cat"].words)
    together = {}
    for raster in (False, True):
        rng = np.random.default_rng(0)
        pairs = []
        for _ in range(60):
            scene = draw_scene(rng, category="cat")
            words = passage(scene, Mixture(length=64, main=0.3, raster=raster), rng)
            pairs += [b in own for a, b in pairwise(words) if a in own]
        together[raster] = np.mean(pairs)
    assert together[True] > together[False] + 0.15


def test_mixtures_vary() -> None:
    rng = np.random.default_rng(0)
    shares = [draw_mixture(rng).main for _ in range(200)]
    assert min(shares) < 0.25
    assert max(shares) > 0.65


def test_everything_is_in_the_vocabulary(tokenizer: PreTrainedTokenizerFast) -> None:
    rng = np.random.default_rng(0)
    captions = [c for _ in range(300) for c in describe(draw_scene(rng), rng)]
    for row in tokenizer([*CORPUS, *captions])["input_ids"]:
        assert tokenizer.unk_token_id not in row
    assert len(tokenizer) % 8 == 0


def test_tokenizer_round_trip(tokenizer: PreTrainedTokenizerFast) -> None:
    for text in CORPUS:
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert tokenizer("A picture of") == tokenizer("a picture of")
    assert len(tokenizer("A picture of")["input_ids"]) == 3
    ids = tokenizer(f"a brown dog{EOS}")["input_ids"]
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(ids, skip_special_tokens=True) == "a brown dog"
    assert tokenizer("a quux")["input_ids"][-1] == tokenizer.unk_token_id


def test_tokenizer_opens_with_auto_tokenizer(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    opened = AutoTokenizer.from_pretrained(tmp_path)
    assert opened(CORPUS[:30])["input_ids"] == tokenizer(CORPUS[:30])["input_ids"]
    assert (opened.pad_token, opened.eos_token, opened.unk_token, opened.image_token) == (
        PAD,
        EOS,
        UNK,
        IMAGE,
    )
    row = opened(f"{IMAGE}{IMAGE}a picture of")["input_ids"]
    assert opened.convert_ids_to_tokens(row) == [IMAGE, IMAGE, "a", "picture", "of"]


def _passages(recipe: CorpusRecipe) -> list[str]:
    return [text for text in documents(3, recipe, stop=300) if "." not in text and "," not in text]


def test_the_recipe_decides_how_many_documents_are_passages() -> None:
    assert len(_passages(CorpusRecipe(passages=1.0))) == 300
    assert not [text for text in documents(3, CorpusRecipe(passages=0.0), stop=50) if "." not in text]


def test_passages_without_colours_name_none() -> None:
    for text in _passages(CorpusRecipe(passages=1.0, colours=0.0)):
        assert not set(text.split(f" {LEAD} ")[0].split()) & set(COLOURS)


def test_plain_sentences_have_no_little_words_but_those_of_captions() -> None:
    plain = CorpusRecipe(plain=True, passages=0.3)
    about = {word for topic in TOPICS.values() for word in topic.words}
    words = {word for text in documents(3, plain, stop=300) for word in _split(text)}
    assert words <= corpus_words(plain)
    assert corpus_words(plain) - about <= caption_words() | {"it", ",", "."}
    assert corpus_words(plain) < corpus_words(CorpusRecipe(plain=False))


def _split(text: str) -> list[str]:
    return text.replace(".", " . ").replace(",", " , ").split()


def test_backgrounds_tell_less_where_fewer_are_usual() -> None:
    def usual(share: float) -> float:
        scenes = [draw_scene(np.random.default_rng([9, index]), usual=share) for index in range(400)]
        return float(np.mean([scene.background in PRIOR[scene.things[0].category] for scene in scenes]))

    assert usual(0.85) > 0.8 > 0.6 > usual(0.3) > 0.3


def test_of_a_crossed_passage_the_noun_follows_only_from_what_its_topics_share() -> None:
    rows: list[tuple[int, int]] = []
    for index in range(60):
        rng = np.random.default_rng([11, index])
        scene = draw_scene(rng, category="zebra")
        words = crossed(scene, Mixture(length=64, main=0.7, noise=0.0, noun=0.0, colour=0.0), rng)
        assert len(words) == 64
        assert "zebra" not in words
        own = sum(word in TOPICS["zebra"].companions for word in words)
        rows.append((own, sum(any(w in TOPICS[c].companions for c in CATEGORIES) for w in words)))
    own, about = np.array(rows).sum(0)
    assert 0.2 < own / about < 0.5  # a quarter, and what neighbouring topics share with it


def test_shares_are_checked() -> None:
    with pytest.raises(SettingError, match=r"passages.*1\.5.*a share"):
        CorpusRecipe(passages=1.5)


def test_pieces_hold_every_text_and_start_words_with_their_space() -> None:
    pieces = build_piece_tokenizer(CORPUS, 420)
    assert len(pieces) == 420
    for text in CORPUS[:50]:
        ids = pieces(text)["input_ids"]
        assert pieces.unk_token_id not in ids
        assert pieces.decode(ids) == text
        assert len(ids) > len(_split(text))
    assert len(set(first_pieces(pieces, CATEGORIES))) == len(CATEGORIES)
    whole = build_tokenizer(HALF)
    assert whole.convert_ids_to_tokens(first_pieces(whole, CATEGORIES)) == list(CATEGORIES)
