"""Randomness that depends on the run's seed and the image, never on order, batch or process."""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["generator_of", "seed_of"]


def seed_of(run_seed: int, image: str, *, purpose: str = "") -> int:
    """A seed from 0 to 2**63 - 1, as NumPy, Python and torch take it.

    Args:
        image: its id in the run; any text.
        purpose: tells several uses for one image apart, such as ``"random arm"``.
    """
    told = ascii((run_seed, purpose, image))  # quoted, so that no two triples look alike
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big") >> 1


def generator_of(run_seed: int, image: str, *, purpose: str = "") -> np.random.Generator:
    """A NumPy generator of that seed; for torch, ``torch.Generator().manual_seed(seed_of(...))``."""
    return np.random.default_rng(seed_of(run_seed, image, purpose=purpose))
