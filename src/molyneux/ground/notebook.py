"""How results show in a notebook: as HTML, as a DataFrame, as a figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from molyneux.ground.errors import AssetError
from molyneux.ground.html import Html

__all__ = ["Shown", "Told"]


@dataclass(frozen=True)
class Told:
    """A result in plain values."""

    html: Callable[[], Html | None]
    """Self-contained, no script needed; None where there is nothing to see."""
    rows: Callable[[], Sequence[Mapping[str, object]]]
    """A record a row."""
    plot: Callable[[], Any]
    """A matplotlib Figure."""


class Shown:
    """A result that notebooks can show; subclasses say what in ``_told``."""

    def _told(self) -> Told:
        raise NotImplementedError

    def _repr_html_(self) -> str | None:
        """What notebooks show: HTML in which everything is, under 1 MB."""
        return self._told().html()

    def to_frame(self) -> Any:
        """A pandas DataFrame, a row a record.

        Raises:
            AssetError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise AssetError(
                "to_frame()",
                expected="pandas to be installed",
                fix="Run: pip install pandas (or 'molyneux[notebook]').",
            ) from None
        return pandas.DataFrame(list(self._told().rows()))

    def plot(self) -> Any:
        """A matplotlib Figure, which shows itself in a notebook; ``.savefig(path)`` writes it."""
        return self._told().plot()
