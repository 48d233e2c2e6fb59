"""What a served explorer asks of a loaded model, and what it gets: plain values, no model, no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from molyneux.ground.errors import MolyneuxError, SettingError
from molyneux.ground.neuron import NeuronId

__all__ = ["MOST_DRAWS", "MOST_SCALE", "Check", "Dropped", "Edited", "GoneError", "Studio", "Wish", "Written"]

MOST_SCALE = 5.0
"""What activations are multiplied by at most."""
MOST_DRAWS = 32
"""Random draws beside an edit at most."""

Check = Callable[[], None]
"""Called between the steps of long work; raises Dropped when nobody waits for it any more."""


class Dropped(Exception):
    """Nobody waits for the work any more: its request was cancelled, or took too long."""


class GoneError(MolyneuxError, ValueError):
    """What a live part needs is not on this machine."""


@dataclass(frozen=True)
class Wish:
    """An edit of one image, as a page asks for it."""

    image: str
    """Its id in the run."""
    word: str
    token: int
    """The caption's token whose probability is told."""
    token_ids: tuple[int, ...]
    """The whole caption's."""
    probabilities: tuple[float, ...]
    neurons: tuple[NeuronId, ...] = ()
    """These are edited."""
    top: int = 0
    """Or as many of the word's highest scores."""
    rank: str = "sum"
    """Over patches: "sum" or "max"."""
    scale: float = 0.0
    """What their activations are multiplied by: 0 is off, 1 changes nothing."""
    draws: int = 8
    """Times that as many random units of the same layers are edited instead."""
    seed: int = 0

    def __post_init__(self) -> None:
        if bool(self.neurons) == bool(self.top) or self.top < 0:
            raise SettingError("edit", value=self.top or None, expected="one neuron or more, or the top n")
        if self.rank not in ("sum", "max"):
            raise SettingError("rank", value=self.rank, expected="'sum' or 'max'")
        if not 0 <= self.scale <= MOST_SCALE:
            raise SettingError("scale", value=self.scale, expected=f"a number from 0 to {MOST_SCALE:g}")
        if not 0 <= self.draws <= MOST_DRAWS:
            raise SettingError("draws", value=self.draws, expected=f"0 to {MOST_DRAWS} random draws")
        if not 0 <= self.token < len(self.token_ids) == len(self.probabilities):
            raise SettingError(
                "token", value=self.token, expected=f"an index below {len(self.token_ids)}, of the caption"
            )


@dataclass(frozen=True)
class Written:
    """An image under one edit."""

    p: float
    """Of the word's token, the caption's tokens before it held fixed."""
    caption: str
    """Generated anew, greedily."""


@dataclass(frozen=True)
class Edited:
    """What an edit does, beside the same edit of random neurons."""

    neurons: tuple[NeuronId, ...]
    """Those that were edited, best first."""
    plain: Written
    """Without any edit."""
    edited: Written
    random: tuple[Written, ...]
    """One a draw."""


@runtime_checkable
class Studio(Protocol):
    """A loaded model, used from one thread only."""

    @property
    def about(self) -> str:
        """The model's name, for people."""

    def edit(self, wish: Wish, check: Check) -> Edited:
        """Do an edit.

        Raises:
            Dropped: by ``check``.
            GoneError: the image's file is not here.
        """

    def look(self, image: Path, out: Path, check: Check) -> None:
        """Compute all that an image's page shows, as a run of its own in ``out``; its id there is the file's name.

        Raises:
            Dropped: by ``check``.
            ImageError: it is none that can be used.
        """
