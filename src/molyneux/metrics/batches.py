"""Batches that become smaller when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from logging import getLogger
from typing import TypeVar

import torch

__all__ = ["halving", "is_out_of_memory"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_LOG = getLogger(__name__)
#: How torch says that memory is full where it has no error of its own for that (CPU, MPS).
_FULL = ("not enough memory", "can't allocate memory", "out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory is full, on any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _FULL)


def halving(
    items: Sequence[Item], size: int, compute: Callable[[Sequence[Item]], Result], *, what: str
) -> Iterator[tuple[Sequence[Item], Result]]:
    """Each batch with what is computed of it; out of memory halves the batches from there on.

    Args:
        what: the items, in the plural, for the warning that names the batch in effect.

    Raises:
        torch.OutOfMemoryError, MemoryError, RuntimeError: memory is full even for one item.
    """
    start = 0
    while start < len(items):
        some = items[start : start + size]
        try:
            result = compute(some)
        except Exception as error:
            if not is_out_of_memory(error) or len(some) == 1:
                raise
            size = len(some) // 2
            _LOG.warning("out of memory: batches of %d %s from here on", size, what)
            continue
        yield some, result
        start += len(some)
