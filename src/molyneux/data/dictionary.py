"""Which tokens are English words, and which neurons are interpretable by the paper's rule."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from functools import cache

from molyneux.ground.assets import asset

__all__ = ["is_interpretable", "is_word"]

# How tokenizers write the space before a word: decoded, byte-level, SentencePiece.
_SPACES = " \u0120\u2581"
_LETTERS = 3
_TOKENS, _WORDS = 10, 7


def is_word(token: str) -> bool:
    """Whether a token, without its leading space, is an English word of at least three letters.

    The list is SCOWL's size 60, en-US and en-GB together, with a spell checker's rule of case: an
    entry in lower case matches in any case, a name (``Paris``) only capitalised or all in capitals.
    Names belong to the en-US and en-GB dictionaries that the paper names, and without them " Spanish"
    would be no word; with their capital they let no fragments in. Abbreviations, acronyms and
    possessives are left out. Tokens come as decoded text: byte-level accents are no words.

    Source: paper, Sec. 2.2 and supplement; http://wordlist.aspell.net.
    """
    core = token.lstrip(_SPACES)
    if len(core) < _LETTERS:
        return False
    plain, names = _lists()
    name = core.capitalize()
    return core.lower() in plain or (name in names and (core == name or core.isupper()))


def is_interpretable(tokens: Sequence[str]) -> bool:
    """The paper's rule for a neuron: of its 10 top tokens, at least 7 are words (Sec. 2.2).

    Args:
        tokens: the neuron's decoding, best first; only the first 10 count.
    """
    return sum(map(is_word, tokens[:_TOKENS])) >= _WORDS


@cache
def _lists() -> tuple[frozenset[str], frozenset[str]]:
    """The words, in lower case, and the names, each with its capital."""
    entries = gzip.decompress(asset("words/scowl-60.txt.gz").read_bytes()).decode().split()
    plain = frozenset(word for word in entries if word.islower())
    return plain, frozenset(entries) - plain
