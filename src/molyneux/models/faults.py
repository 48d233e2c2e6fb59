"""A model that computes NaN or infinity is named with the place where it begins, and never captions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from molyneux.ground.errors import ModelError, MolyneuxError, NonFiniteError
from molyneux.models.placement import all_weights

__all__ = ["check_logits", "check_scores", "running"]

#: How torch says that memory is full where it has no error of its own for that (CPU, MPS).
_FULL = ("not enough memory", "can't allocate memory", "out of memory")


@contextmanager
def running(model: nn.Module, inputs: Mapping[str, Tensor]) -> Iterator[None]:
    """Whatever a model raises over its inputs becomes one clear error.

    Raises:
        ModelError: the model cannot run on these inputs; names their shapes and what the model says.
        MemoryError: memory is full, on devices for which torch has no error of its own.
    """
    try:
        yield
    except (MolyneuxError, MemoryError, torch.OutOfMemoryError):
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        said = (str(error).strip() or "nothing").splitlines()[0]
        if isinstance(error, RuntimeError) and any(words in said for words in _FULL):
            raise MemoryError(said) from error
        raise ModelError(
            f"inputs of {type(model).__name__}",
            value={name: tuple(value.shape) for name, value in inputs.items()},
            expected="what its own processor makes of an image and a prompt",
            fix="Give the processor that was saved with the model, or inputs made as its documentation says. "
            f"The model says: {type(error).__name__}: {said}",
        ) from error


def _first_bad_weight(model: nn.Module) -> str | None:
    for name, parameter in all_weights(model):
        if not bool(torch.isfinite(parameter).all()):
            return str(name)
    return None


def _layer_of(parameter_name: str) -> str:
    """ " at layer L" where the weight belongs to a decoder block (as blocks are numbered in its name)."""
    if any(part in parameter_name for part in ("vision", "projection")):
        return ""
    numbers = [part for part in parameter_name.split(".") if part.isdigit()]
    return f" at layer {numbers[0]}" if numbers else ""


def check_logits(logits: Float[Tensor, "batch token"], model: nn.Module) -> None:
    """Raise where a logit is not finite, naming the first weight that is not, or saying that all weights are.

    Raises:
        NonFiniteError: see above.
    """
    if bool(torch.isfinite(logits).all()):
        return
    name = _first_bad_weight(model)
    if name is None and next(model.parameters()).dtype == torch.float64:
        raise NonFiniteError(
            "logits",
            value="NaN or infinity",
            expected="finite numbers; every weight is finite, but some attentions make their softmax in float32, "
            "where float64's mask is minus infinity and a padded row attends to nothing",
            fix="Use float32, batches of one, or model.set_attn_implementation('sdpa') (BLOOM has no other).",
        )
    if name is None:
        raise NonFiniteError(
            "logits",
            value="NaN or infinity",
            expected="finite numbers; every weight is finite, so the computation overflowed",
            fix="Use a wider dtype (float32 or bfloat16).",
        )
    raise NonFiniteError(
        f"non-finite{_layer_of(name)}: weight",
        value=name,
        expected="finite weights",
        fix="The checkpoint is damaged: fetch it again.",
    )


def check_scores(values: Tensor, layer: int) -> None:
    """Raise where a layer's activations, scores or decoded logits are not finite.

    Raises:
        NonFiniteError: one is NaN or infinite.
    """
    if not bool(torch.isfinite(values).all()):
        raise NonFiniteError(
            f"non-finite at layer {layer}: values",
            value="NaN or infinity",
            expected="finite activations and gradients",
            fix="Use a wider dtype (float32 or bfloat16), or check the checkpoint.",
        )
