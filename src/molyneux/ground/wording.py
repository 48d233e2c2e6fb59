"""Captions compared word by word, and numbers said alike."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

__all__ = ["changed_words", "commonest", "decimals", "percent", "scale_said"]


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


def percent(share: float) -> str:
    """A change as signed percent, such as ``-70%``, ``+0.4%`` or ``0%``: small ones with a decimal."""
    said = f"{share:+.0%}" if abs(share) >= 0.0095 else f"{share:+.1%}"
    return "0%" if not said.strip("+-0.%") else said


def decimals(largest: float) -> int:
    """Decimals that give the largest of some numbers three digits, so that all of them can have the same."""
    if not math.isfinite(largest) or largest == 0:
        return 2
    return max(0, 2 - math.floor(math.log10(abs(largest))))


def scale_said(scale: float | int) -> str:
    """What activations are multiplied by: ``off``, or the factor behind a multiplication sign."""
    return f"\u00d7{scale:g}" if scale else "off"
