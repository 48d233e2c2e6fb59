"""From a word to the neurons that raise or lower it most. Loads no torch and no model."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pyarrow.compute as pc

from molyneux.experiments.atlas_read import Atlas, Entry, Token
from molyneux.experiments.atlas_rows import WORDS
from molyneux.experiments.atlas_told import search_told
from molyneux.ground.errors import SettingError
from molyneux.ground.notebook import Shown, Told
from molyneux.ground.printable import inert

__all__ = ["Hit", "Search", "core", "matching", "search"]

_SPACES = " \u0120\u2581\t\r\n"
_NEAR = 5


@dataclass(frozen=True)
class Hit:
    """A neuron that lists the word."""

    entry: Entry
    token: Token
    """Of the tokens that match, the neuron's strongest."""
    rank: int
    """Its place in the neuron's list, from 1."""


@dataclass(frozen=True, repr=False)
class Search(Shown):
    """What ``search`` found."""

    word: str
    tokens: tuple[tuple[int, str], ...]
    """The tokens that match: id and text."""
    total: int
    """Neurons that list one of them, after the filters."""
    interpretable: int
    """Of these."""
    hits: tuple[Hit, ...]
    """The strongest, by (-logit, layer, unit); of suppressed words by (logit, layer, unit)."""
    near: tuple[str, ...] = ()
    """Where no token matches: the spellings that come closest."""
    suppressed: bool = False
    """Neurons that lower the word were looked for."""

    def _told(self) -> Told:
        return search_told(self)

    def __repr__(self) -> str:
        does, best = (
            "lower" if self.suppressed else "raise",
            ", ".join(str(h.entry.neuron) for h in self.hits[:3]),
        )
        return (
            f"Search({inert(self.word)!r}: {self.total} neurons {does} it{f': {best}, ...' if best else ''})"
        )


def core(text: str) -> str:
    """What of a word or token counts in a search: no spaces around, no case."""
    return text.strip(_SPACES).casefold()


def matching(atlas: Atlas, word: str, *, prefix: bool = False) -> list[int]:
    """Ids of the tokens that are a word, or begin with it, whatever their case and leading space.

    Raises:
        SettingError: nothing is left of the word.
    """
    wanted = core(word)
    if not wanted:
        raise SettingError("word", value=word, expected="a letter or more")
    pairs = zip(atlas.texts, atlas.real, strict=True)
    if prefix:
        return [n for n, (text, real) in enumerate(pairs) if real and core(text).startswith(wanted)]
    return [n for n, (text, real) in enumerate(pairs) if real and core(text) == wanted]


def search(
    atlas: Atlas,
    word: str,
    *,
    prefix: bool = False,
    suppressed: bool = False,
    interpretable: bool = False,
    layer: int | None = None,
    top: int = 20,
) -> Search:
    """The neurons that have a word among the tokens that they raise (or lower) most.

    Args:
        prefix: tokens that begin with the word count, too.
        suppressed: neurons that lower it.
        interpretable: only such neurons.
        layer: only neurons of this layer.
        top: neurons listed.

    Raises:
        SettingError: an empty word, no such layer, or a negative number.
        DamagedError: a part is not what was written.
    """
    if layer is not None and not 0 <= layer < atlas.layers:
        raise SettingError("layer", value=layer, expected=f"0..{atlas.layers - 1} in this atlas")
    if top < 1:
        raise SettingError("top", value=top, expected="at least 1")
    ids = matching(atlas, word, prefix=prefix)
    neurons, logits, tokens, words = _pairs(atlas, ids, "suppressed" if suppressed else "boosted")
    kept = np.ones(len(neurons), dtype=bool)
    if interpretable:
        kept &= words
    if layer is not None:
        kept &= neurons // atlas.units == layer
    order = np.lexsort((tokens, neurons, logits if suppressed else -logits))
    order = order[kept[order]]
    _, first = np.unique(neurons[order], return_index=True)  # a neuron stands at its strongest token
    places = order[np.sort(first)]
    hits = tuple(_hit(atlas, int(neurons[p]), int(tokens[p]), suppressed=suppressed) for p in places[:top])
    return Search(
        word=word,
        tokens=tuple((one, atlas.texts[one]) for one in ids),
        total=len(places),
        interpretable=int(words[places].sum()),
        hits=hits,
        near=() if ids else _near(atlas, word),
        suppressed=suppressed,
    )


def _pairs(atlas: Atlas, ids: list[int], side: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Neuron, logit, token, whether the neuron is interpretable: of every neuron that lists one of the tokens."""
    found: list[tuple[np.ndarray, ...]] = []
    for one in ids:
        row = atlas.row(WORDS, one)[side].combine_chunks()
        columns = [pc.list_flatten(row.field(name)) for name in ("neurons", "logits", "interpretable")]
        neurons, logits, words = (column.to_numpy(zero_copy_only=False) for column in columns)
        found.append((neurons, logits, np.full(len(neurons), one), words.astype(bool)))
    if not found:
        return np.zeros(0, int), np.zeros(0), np.zeros(0, int), np.zeros(0, bool)
    neurons, logits, tokens, words = (np.concatenate(column) for column in zip(*found, strict=True))
    return neurons, logits, tokens, words


def _hit(atlas: Atlas, number: int, token: int, *, suppressed: bool) -> Hit:
    entry = atlas.entry(atlas.neuron(number))
    assert isinstance(entry, Entry)
    listed = entry.suppressed if suppressed else entry.boosted
    rank = next(place for place, one in enumerate(listed) if one.id == token)
    return Hit(entry, listed[rank], rank + 1)


def _near(atlas: Atlas, word: str) -> tuple[str, ...]:
    """Spellings: tokens that begin with the word, then words that are alike."""
    known = dict.fromkeys(core(text) for text, real in zip(atlas.texts, atlas.real, strict=True) if real)
    known.pop("", None)
    begin = [one for one in known if one.startswith(core(word))]
    alike = get_close_matches(core(word), list(known), n=_NEAR, cutoff=0.7)
    return tuple(dict.fromkeys([*sorted(begin)[:_NEAR], *alike]))[:_NEAR]
