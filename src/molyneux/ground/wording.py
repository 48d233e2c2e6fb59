"""Captions compared word by word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

__all__ = ["changed_words", "commonest"]


def changed_words(original: str, new: str) -> list[tuple[str, bool]]:
    """The words of the new caption, each with whether it is not the original's (longest common blocks)."""
    before, after = original.split(), new.split()
    changed = [True] * len(after)
    for block in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks():
        changed[block.b : block.b + block.size] = [False] * block.size
    return list(zip(after, changed, strict=True))


def commonest(captions: Sequence[str]) -> tuple[str, int]:
    """The caption that came up most often (the first of them in ties) and how often; ("", 0) of none."""
    counted = Counter(captions).most_common(1)
    return counted[0] if counted else ("", 0)
