"""A model that computes NaN or infinity is named with the place where it begins, and never captions."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from molyneux.ground.errors import NonFiniteError

__all__ = ["check_logits", "check_scores"]


def _first_bad_weight(model: nn.Module) -> str | None:
    for name, parameter in model.named_parameters():
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
