"""A caption: its text, its tokens, and which token begins each word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from molyneux.data.nouns import first_noun, words
from molyneux.ground.errors import TargetError
from molyneux.ground.html import TOP, Html, bar, card, chip, marked, table, tag
from molyneux.ground.notebook import Shown, Told
from molyneux.ground.printable import shown_token

__all__ = ["Caption", "WordAt", "read_caption"]


class WordAt(NamedTuple):
    """A word of the caption and the index of its first token."""

    word: str
    token: int


@dataclass(frozen=True)
class Caption(Shown):
    """What the model wrote for one image, greedily."""

    text: str
    tokens: tuple[str, ...]
    token_ids: tuple[int, ...]
    probabilities: tuple[float, ...]
    """p of each token at the step that generated it, over the real tokens of the vocabulary."""
    noun: WordAt | None
    """The first noun (HanTa's tags) and the index of its first token; None where there is no noun."""
    words: tuple[WordAt, ...]
    """Every word, each with its first token."""
    image: str = field(default="image", compare=False)
    """Name of the image, for tables."""
    ends: tuple[int, ...] = field(default=(), compare=False, repr=False)
    """The last token of each word of ``words``; empty where each word is one token."""

    def __str__(self) -> str:
        return self.text

    def _told(self) -> Told:
        def html() -> Html:
            words = [(word.word, word == self.noun) for word in self.words]
            style = "font-size:1.3em;margin:4px 0 8px"
            pairs = zip(self.tokens, self.probabilities, strict=True)
            rows = [(chip(token), bar(p, TOP), p) for token, p in pairs]
            said = marked(words) if words else "(an empty caption)"
            note = f"{'marked: its first noun; ' if self.noun else 'no noun; '}image {self.image}"
            return card("Caption", tag("div", said, style=style), table(("token", "", "p"), rows), note=note)

        def rows() -> list[dict[str, object]]:
            return [
                {"place": n, "token": token, "id": number, "p": p}
                for n, (token, number, p) in enumerate(
                    zip(self.tokens, self.token_ids, self.probabilities, strict=True)
                )
            ]

        def plot() -> object:
            from molyneux.ground.plots import bars

            labels = [shown_token(token, space=False) for token in self.tokens]
            return bars(labels, self.probabilities, title=self.text, x="p of the token")

        return Told(html, rows, plot)

    def find(self, word: str) -> WordAt:
        """The first occurrence of a word, letter case ignored.

        Raises:
            TargetError: the caption does not hold it.
        """
        for candidate in self.words:
            if candidate.word.casefold() == word.strip().casefold():
                return candidate
        raise TargetError(
            "word",
            value=word,
            expected=f"a word of the caption {self.text!r}",
            fix="Take one of its words, or the index of a token.",
        )

    def at(self, token: int) -> WordAt:
        """The word that holds a token index; a token outside every word stands for itself.

        Raises:
            TargetError: there is no such token.
        """
        if not 0 <= token < len(self.tokens):
            raise TargetError(
                "token index",
                value=token,
                expected=f"an index below {len(self.tokens)}, the number of the caption's tokens",
                fix=f"Its tokens are {list(self.tokens)}.",
            )
        ends = self.ends or [word.token for word in self.words]
        for word, end in zip(self.words, ends, strict=True):
            if word.token <= token <= end:
                return WordAt(word.word, token)
        return WordAt(self.tokens[token].strip(), token)


def read_caption(
    ids: Sequence[int], probabilities: Sequence[float], tokenizer: Any, *, image: str = "image"
) -> Caption:
    """Turn generated token ids (end-of-text and padding already cut off) into a Caption.

    The token of a word is the first one whose text reaches past the word's first letter, found by decoding
    ever longer beginnings, which holds for byte-level, sentence-piece and word-level tokenizers alike.
    """
    ids = list(ids)
    whole: str = tokenizer.decode(ids, skip_special_tokens=True)
    text = whole.strip()
    offset = len(whole) - len(whole.lstrip())
    ends = [len(tokenizer.decode(ids[: i + 1], skip_special_tokens=True)) - offset for i in range(len(ids))]

    def token_of(start: int) -> int:
        return next((i for i, end in enumerate(ends) if end > start), len(ids) - 1)

    def last_token_of(end: int) -> int:
        return next((i for i, until in enumerate(ends) if until >= end), len(ids) - 1)

    found = first_noun(text) if text else None
    spoken = words(text)
    return Caption(
        text=text,
        tokens=tuple(tokenizer.decode([i]) for i in ids),
        token_ids=tuple(ids),
        probabilities=tuple(probabilities),
        noun=None if found is None else WordAt(found.word, token_of(found.start)),
        words=tuple(WordAt(word.word, token_of(word.start)) for word in spoken),
        image=image,
        ends=tuple(last_token_of(word.end) for word in spoken),
    )
