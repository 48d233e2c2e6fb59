"""Words of a caption, and the first of them that is a noun."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, Protocol, runtime_checkable

__all__ = ["HanTaTagger", "Noun", "Tagger", "Word", "default_tagger", "first_noun", "words"]

_LETTERS = r"[^\W\d_]+"
# A word may hold hyphens and apostrophes between letters; a possessive 's is no part of it.
_WORD = rf"{_LETTERS}(?:-{_LETTERS}|['\u2019](?!s\b){_LETTERS})*"
_TOKEN = re.compile(rf"{_WORD}|['\u2019]s\b|\d+(?:[.,:]\d+)*|[^\w\s]", re.IGNORECASE)


class Word(NamedTuple):
    """A word of a text; ``text[start:end] == word``."""

    word: str
    start: int
    end: int


class Noun(NamedTuple):
    """A noun of a text; ``text[start:end] == word``."""

    word: str
    start: int
    end: int


@runtime_checkable
class Tagger(Protocol):
    """Anything that tells nouns from other words, such as a wrapper of spaCy."""

    def nouns(self, tokens: Sequence[str]) -> Sequence[bool]:
        """Whether each token of a sentence (words, numbers, punctuation marks) is a noun."""
        ...


class HanTaTagger:
    """The default tagger: HanTa's hidden Markov model of English, trained on the British National Corpus."""

    def __init__(self) -> None:
        from HanTa.HanoverTagger import HanoverTagger  # here, so that importing molyneux stays light

        # The full path: given a bare name, HanTa would unpickle a file of that name from the
        # current folder before its own.
        model = files("HanTa").joinpath("morphmodel_en.pgz")
        self._tagger: Any = HanoverTagger(str(model))

    def nouns(self, tokens: Sequence[str]) -> list[bool]:
        """Nouns, common or proper (BNC tags NN0, NN1, NN2, NP0)."""
        if not tokens:
            return []
        tags = self._tagger.tag_sent(list(tokens), taglevel=0)
        return [tag.startswith("NN") or tag == "NP0" for tag in tags]


@cache
def default_tagger() -> Tagger:
    """The default tagger, loaded once."""
    return HanTaTagger()


def words(text: str) -> list[Word]:
    """The words of a text with their places, without punctuation, numbers and possessive endings."""
    return [Word(match[0], *match.span()) for match in _TOKEN.finditer(text) if match[0][0].isalpha()]


def first_noun(text: str, tagger: Tagger | None = None) -> Noun | None:
    """The first noun of a text, or None if it has none (never a guess).

    Of a compound such as "tennis court" that is its first part, as in the paper: the model decides
    on the first token.

    Args:
        text: a caption; a text all in capitals is read as lower case.
        tagger: what tells nouns from other words; by default :func:`default_tagger`.
    """
    matches = list(_TOKEN.finditer(text))
    tokens = [match[0] for match in matches]
    if not tokens:
        return None
    if text.isupper():
        tokens = [token.lower() for token in tokens]
    elif tokens[0].istitle():
        # The capital of a sentence's first word says nothing, but the tagger takes it for a name.
        tokens[0] = tokens[0].lower()
    is_noun = (tagger or default_tagger()).nouns(tokens)
    for match, noun in zip(matches, is_noun, strict=True):
        if noun and match[0][0].isalpha():
            return Noun(match[0], *match.span())
    return None
