"""Orders that never depend on chance: by falling score, ties by rising index."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["top_in_order"]


def top_in_order(
    values: Float[Tensor, "row item"], count: int
) -> tuple[Float[Tensor, "row best"], Int[Tensor, "row best"]]:
    """The ``count`` largest of each row and their indices, ordered by (-value, index).

    ``torch.topk`` breaks ties as it likes; where it met one, inside the list or at its end, the row is
    sorted stably instead.
    """
    count = min(count, values.shape[1])
    best, index = torch.topk(values, count, dim=1)
    if count == 0:
        return best, index
    inside = (best[:, 1:] == best[:, :-1]).any()
    at_end = ((values >= best[:, -1:]).sum(dim=1) > count).any()
    if bool(inside) or bool(at_end):
        ordered, where = torch.sort(values, dim=1, descending=True, stable=True)
        return ordered[:, :count], where[:, :count]
    return best, index
