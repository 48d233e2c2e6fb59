"""What a run's images say together: from how many captions the first noun is gone without its neurons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from molyneux.data.nouns import words
from molyneux.explorer.lookups import Lookups

__all__ = ["noun_totals"]

_BY = "sum"


def noun_totals(looks: Lookups) -> list[dict[str, object]]:
    """For each count of units off: the captions made under each arm, and those that lost the image's first noun.

    A caption counts once a draw; units are those that score highest summed over patches, and the controls of them.
    """
    found: dict[int, dict[str, list[bool]]] = {}
    for row in looks.light.values():
        noun = next((word for word in row["words"] if word["noun"]), None)
        if noun is None:
            continue
        for edit in _edits(noun):
            lost = _bare(noun["text"]) not in map(_bare, _texts(edit["caption"]))
            found.setdefault(edit["count"], {}).setdefault(edit["arm"], []).append(lost)
    return [
        {"n": count, "arms": {arm: [sum(lost), len(lost)] for arm, lost in sorted(arms.items())}}
        for count, arms in sorted(found.items())
    ]


def _edits(noun: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [edit for ranked in noun["rankings"] if ranked["by"] == _BY for edit in ranked["edits"]]


def _texts(caption: str) -> list[str]:
    return [one.word for one in words(caption)]


def _bare(word: str) -> str:
    return word.strip().casefold()
