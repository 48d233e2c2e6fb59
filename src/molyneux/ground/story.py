"""All that a picture or a terminal screen of one image needs, as plain values: no model, no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

__all__ = ["AblationView", "ArmCurve", "NeuronView", "Story"]


@dataclass(frozen=True, eq=False)
class NeuronView:
    """One neuron on one image."""

    name: str
    score: float
    patch: int
    """The patch at which its score is largest."""
    box: tuple[float, float, float, float] | None
    """left, top, right, bottom of that patch in original pixels; None where patches have no place."""
    tokens: tuple[str, ...]
    """What it says, best first, raw: whoever shows them makes them inert."""
    interpretable: bool
    heat: Float[np.ndarray, "height width"] | None
    """Its activation over the (reduced) image; NaN where the model did not look; None without geometry."""


@dataclass(frozen=True)
class ArmCurve:
    """What one arm of an ablation did, a value for each count of units."""

    arm: str
    counts: tuple[int, ...]
    mean: tuple[float, ...]
    """Mean relative change of the target's probability, -1 is all of it gone."""
    low: tuple[float, ...]
    """Ends of its 95% interval over draws; NaN where there is one draw."""
    high: tuple[float, ...]
    captions: tuple[tuple[str, ...], ...]
    """For each count the regenerated captions, one a draw."""
    units: tuple[int, ...]
    """Units really switched off at each count: fewer where the arm has no more."""


@dataclass(frozen=True)
class AblationView:
    """An ablation of one image."""

    probability: float
    """p of the target without any edit."""
    arms: tuple[ArmCurve, ...]
    scale: float = 0.0
    """What the units' activations are multiplied by."""


@dataclass(frozen=True, eq=False)
class Story:
    """One image's way from pixels to tested neurons."""

    name: str
    """Of the image."""
    image: UInt8[np.ndarray, "height width 3"]
    """Upright, reduced for showing."""
    size: tuple[int, int]
    """Width and height of the original in pixels, the units of every box."""
    caption: str
    word: str | None
    """The word explained; None where there was none to explain."""
    span: tuple[int, int] | None
    """Where it stands: ``caption[start:end]``."""
    probability: float | None
    """Of the word's token when it was generated."""
    tokens: tuple[str, ...]
    probabilities: tuple[float, ...]
    model: str
    miniature: bool
    """A miniature is labelled as one wherever it shows."""
    score: str
    """How scores were made, in words."""
    neurons: tuple[NeuronView, ...]
    ablation: AblationView | None = None
