"""The search of the page *Neurons* in Python: neurons with a page, by what they say and where they are listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from molyneux.explorer.lookups import Lookups
from molyneux.explorer.neuron_shards import neuron_row
from molyneux.ground.errors import SettingError
from molyneux.ground.run import Run

__all__ = ["ORDERS", "find_neurons"]

_Key = Callable[[Mapping[str, Any]], tuple[Any, ...]]

ORDERS: dict[str, _Key] = {
    "images": lambda row: (-row["images"],),
    "score": lambda row: (-(row["best"] or 0.0),),
    "layer": lambda row: (row["layer"], row["unit"]),
    "word": lambda row: (row["boosted"][0].strip().lower(),),
}
"""Name of an order -> what it sorts by; ties stay as the run has them: those of most first nouns first."""


def find_neurons(
    run: Run,
    words: str = "",
    *,
    side: str = "boosted",
    layer: int | None = None,
    category: str | None = None,
    interpretable: bool | None = None,
    sort: str = "images",
) -> list[dict[str, Any]]:
    """The neurons with a page that fit, as the page lists them.

    Args:
        run: with the experiment ``looks``.
        words: each must begin one of the five tokens of the side, a word that lists the neuron, or its name.
        side: ``boosted``, the tokens that it raises most, or ``suppressed``.
        layer: only of this one.
        category: only those listed for an image that shows such an object.
        interpretable: only those that are, or are not.
        sort: ``images``, ``score``, ``layer`` or ``word``.

    Returns:
        Of each its ``name``, ``layer``, ``unit``, ``interpretable``, ``boosted``, ``suppressed``, ``images`` (that
        list it), ``words`` and ``categories`` with how often, and ``best`` (score).

    Raises:
        SettingError: no such side or order.
    """
    if side not in ("boosted", "suppressed"):
        raise SettingError("side", value=side, expected="'boosted' or 'suppressed'")
    if sort not in ORDERS:
        raise SettingError("sort", value=sort, expected=", ".join(ORDERS))
    looks, wanted = Lookups(run), words.lower().split()
    found = [
        row
        for row in (neuron_row(looks, name) for name in looks.neurons.ids)
        if _says(row, wanted, side)
        and layer in (None, row["layer"])
        and (not category or any(name == category for name, _ in row["categories"]))
        and interpretable in (None, row["interpretable"])
    ]
    return sorted(found, key=ORDERS[sort])


def _says(row: Mapping[str, Any], wanted: list[str], side: str) -> bool:
    texts = [
        *(text.strip().lower() for text in row[side]),
        row["name"].lower(),
        *(word for word, _ in row["words"]),
    ]
    return all(any(text.startswith(word) for text in texts) for word in wanted)
