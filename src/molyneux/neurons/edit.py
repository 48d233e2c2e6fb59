"""Switch neurons off, or turn them up, while the model runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.models.captioner import Captioner
from molyneux.models.hooks import before, on_input
from molyneux.models.senses import teller

__all__ = ["edit", "edit_rows", "scaled"]

POSITIONS = ("all", "visual")


def scaled(
    activation: Float[Tensor, "row position unit"],
    scales: Float[Tensor, "#row unit"],
    where: Bool[Tensor, "row position"] | None = None,
) -> Float[Tensor, "row position unit"]:
    """a * scale, as a new tensor; only at the positions marked, where any are."""
    edited = activation * scales[:, None, :].to(activation)  # its dtype, and its device: layers may lie apart
    return (
        edited if where is None else torch.where(where.to(activation.device)[:, :, None], edited, activation)
    )


class _VisualNow:
    """Which positions of the forward pass that is running are image patches."""

    def __init__(self, captioner: Captioner) -> None:
        self.captioner = captioner
        self.mask: Tensor | None = None

    def look(self, keywords: dict[str, Any]) -> None:
        ids = keywords.get("input_ids")
        if ids is None:
            raise SettingError(
                "positions",
                value="visual",
                expected="a model driven with input_ids",
                fix="inputs_embeds alone do not say which positions are patches: use positions='all'.",
            )
        self.mask = self.captioner.visual(ids)

    def over(self, activation: Tensor) -> Tensor:
        """The mask, which must be that of the pass that this activation is of."""
        mask = self.mask
        if mask is None or mask.numel() * activation.shape[-1] != activation.numel():
            raise SettingError(
                "positions",
                value="visual",
                expected="passes of the captioner's own model, driven with input_ids",
                fix="Its parts, run alone, do not say which positions are patches: use positions='all'.",
            )
        return mask


def _check(captioner: Captioner, scale: float | int, positions: str) -> None:
    if positions not in POSITIONS:
        raise SettingError("positions", value=positions, expected="'all' or 'visual'")
    if positions == "visual" and not captioner.has_patches:
        raise SettingError(
            "positions",
            value="visual",
            expected="'all' for this model: its decoder reads images by cross-attention",
            fix="No image patch stands in its sequence, so there is none whose neurons could be edited.",
        )
    if not torch.isfinite(torch.tensor(scale)):
        raise SettingError("scale", value=scale, expected="a finite number: 0 ablates, 1 changes nothing")


def _layer_scales(
    captioner: Captioner, rows: Sequence[Sequence[NeuronId]], scale: float | int
) -> dict[int, Float[Tensor, "row unit"]]:
    """A factor a row and unit for every layer that any row edits; 1 where nothing is to change."""
    layout = captioner.layout
    scales: dict[int, Tensor] = {}
    for row, neurons in enumerate(rows):
        for layer, units in layout.by_layer(neurons).items():
            if layer not in scales:
                scales[layer] = torch.ones(len(rows), layout.units, device=captioner.device)
            scales[layer][row, units] = scale
    return scales


@contextmanager
def edit_rows(
    captioner: Captioner, rows: Sequence[Sequence[NeuronId]], scale: float | int = 0.0, positions: str = "all"
) -> Iterator[None]:
    """Inside, row r of every batch runs with the activations of ``rows[r]`` multiplied by ``scale``.

    One row edits whatever batch runs; several need a batch of that many rows. Acts in every forward pass,
    with and without a KV cache, so in ``generate()`` too.
    """
    _check(captioner, scale, positions)
    now = _VisualNow(captioner)
    with ExitStack() as stack:
        if positions == "visual":
            stack.enter_context(before(teller(captioner.model), now.look))
        for layer, scales in _layer_scales(captioner, rows, scale).items():
            stack.enter_context(on_input(captioner.layout.mlps[layer].out, _scaler(scales, now, positions)))
        yield


def _scaler(scales: Tensor, now: _VisualNow, positions: str) -> Callable[[Tensor], Tensor]:
    def apply(activation: Tensor) -> Tensor:
        where = now.over(activation) if positions == "visual" else None
        flat = activation.ndim == 2  # OPT flattens batch and position into one axis
        rows = len(scales) if where is None else len(where)
        shaped = activation.reshape(rows, -1, activation.shape[-1]) if flat else activation
        return scaled(shaped, scales, where).reshape(activation.shape)

    return apply


@contextmanager
def edit(
    captioner: Captioner,
    neurons: Iterable[NeuronId | str] | NeuronId | str,
    scale: float | int = 0.0,
    positions: str = "all",
) -> Iterator[None]:
    """Inside, the neurons' activations are multiplied by ``scale`` in every forward pass.

        a[u] <- scale * a[u]

    Args:
        neurons: neurons or names; 0 of them change nothing.
        scale: 0 ablates, 1 changes nothing, 2 amplifies.
        positions: "all", or "visual" for image patches only.

    Raises:
        NeuronNameError: a neuron is not in this model.
        SettingError: scale is not finite, or positions are unknown or none in this model.

    Source: Sec. 3.3 (there: scale 0, all positions).
    """
    many = [neurons] if isinstance(neurons, str | NeuronId) else list(neurons)
    resolved = [captioner.layout.resolve(one) for one in many]
    with edit_rows(captioner, [resolved], scale, positions):
        yield
