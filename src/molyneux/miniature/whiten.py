"""Coordinates in which a linear layer learns fast, and the way back to one plain linear layer."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Whitening", "fit_whitening", "fold"]


class Whitening(NamedTuple):
    """z = (x - mean) @ matrix has mean 0 and a covariance near the identity; ``matrix`` is symmetric."""

    mean: Float[Tensor, " dim"]
    matrix: Float[Tensor, "dim dim"]


def fit_whitening(vectors: Float[Tensor, "*batch dim"], *, ridge: float) -> Whitening:
    """matrix = (covariance + ridge * mean variance * identity)^(-1/2), in float64.

    The ridge leaves directions that hardly vary small instead of blowing up their noise.
    """
    x = vectors.flatten(0, -2).double()
    mean = x.mean(0)
    covariance = (x - mean).T @ (x - mean) / len(x)
    dim = x.shape[1]
    covariance += ridge * covariance.diagonal().mean() * torch.eye(dim, dtype=x.dtype, device=x.device)
    values, directions = torch.linalg.eigh(covariance)
    matrix = directions @ torch.diag(values.rsqrt()) @ directions.T
    return Whitening(mean.float(), matrix.float())


def fold(
    weight: Float[Tensor, "out dim"], bias: Float[Tensor, " out"], whitening: Whitening
) -> tuple[Float[Tensor, "out dim"], Float[Tensor, " out"]]:
    """Weight and bias of the layer on x that does what ``weight`` and ``bias`` do on z.

    weight' = weight @ matrix, bias' = bias - weight' @ mean.
    """
    folded = weight @ whitening.matrix
    return folded, bias - folded @ whitening.mean
