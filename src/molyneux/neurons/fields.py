"""Where on the image a neuron fires."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from molyneux.data.gate import ImageSource, Picture, open_image
from molyneux.ground.errors import ModelError, SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.notebook import Shown, Told
from molyneux.models.captioner import Captioner
from molyneux.models.faults import check_scores
from molyneux.models.hooks import on_input
from molyneux.neurons.stream import at_patches, unrepeated, visual_index
from molyneux.neurons.told import field_told

__all__ = ["ReceptiveField", "patch_activations", "receptive_field"]


_SHOWN = 480  # longest side of the picture that goes with a map


class ReceptiveField(Tensor, Shown):
    """A heat map on the original image's pixels, [height, width]: a tensor that can make its own mask."""

    neuron: NeuronId | None = None
    """Whose map it is; None of what was computed from a map."""
    picture: UInt8[np.ndarray, "rows columns 3"] | None = None
    """The image, reduced, to lay the map over; None likewise."""

    def _told(self) -> Told:
        heat = self.as_subclass(Tensor).detach().cpu().float()
        if heat.ndim != 2 or not heat.numel():
            return Told(
                lambda: None, lambda: [{"activation": value} for value in heat.flatten().tolist()], self._flat
            )
        return field_told(heat.numpy(), self.picture, neuron="" if self.neuron is None else str(self.neuron))

    def _flat(self) -> object:
        raise SettingError("plot()", value=tuple(self.shape), expected="a map of [height, width]")

    def mask(self, percentile: float | int = 95) -> Bool[Tensor, "height width"]:
        """Pixels above a percentile of the map. NaN pixels (never seen by the model) are not in it.

        Source: Sec. 3.2 (95).
        """
        if not 0 <= percentile <= 100:
            raise SettingError("percentile", value=percentile, expected="0..100")
        heat = self.as_subclass(Tensor)
        threshold = float(np.nanpercentile(heat.numpy(), percentile))
        return heat > threshold


class _Enough(Exception):
    """The last layer asked for has been read: the rest of the forward pass is not needed."""


@torch.no_grad()
def patch_activations(
    captioner: Captioner, inputs: dict[str, Tensor], neurons: Sequence[NeuronId]
) -> Float[Tensor, "batch neuron patch"]:
    """a[l, u, p]: the input of the output matrix, for each neuron at each patch.

    The forward pass ends after the last layer that is needed. Where images of a batch differ in their number
    of patches, the shorter rows end in NaN.
    """
    wanted = captioner.layout.by_layer(neurons)
    visual = captioner.visual(inputs["input_ids"], inputs["attention_mask"])
    where, own = visual_index(visual), unrepeated(visual)
    batch = len(inputs["input_ids"])
    found: dict[NeuronId, Tensor] = {}

    def reader(layer: int) -> Any:
        def read(activation: Tensor) -> None:
            shaped = activation.reshape(batch, -1, activation.shape[-1])
            columns = shaped[..., wanted[layer]]
            check_scores(columns, layer)
            seen = at_patches(columns, where)
            for column, unit in enumerate(wanted[layer]):
                found[NeuronId(layer, unit)] = seen[..., column]
            if layer == max(wanted):
                raise _Enough

        return read

    with ExitStack() as stack:
        for layer in wanted:
            stack.enter_context(on_input(captioner.layout.mlps[layer].out, reader(layer)))
        with suppress(_Enough):
            captioner.forward(inputs)
    values = torch.stack([found[neuron].to(visual.device) for neuron in neurons], dim=1).float()
    return values if own is None else values.masked_fill(~own[:, None], torch.nan)


def receptive_field(captioner: Captioner, source: ImageSource, neuron: NeuronId | str) -> ReceptiveField:
    """The neuron's activation at every patch, spread bilinearly over the original image's pixels.

    Args:
        source: path, bytes, PIL image or Picture.

    Returns:
        [height, width] of the upright original; ``.mask(percentile=95)`` marks where it fires most.

    Raises:
        NeuronNameError: the neuron is not in this model.
        ModelError: the model's visual positions have no place on the image.

    Source: Sec. 3.2.
    """
    picture: Picture = open_image(source)
    resolved = captioner.layout.resolve(neuron)
    inputs = captioner.prepare([picture])
    grid = captioner.grid(picture, inputs)
    if grid is None:
        raise ModelError(
            "visual positions",
            value=type(captioner.model).__name__,
            expected="a grid of patches over the image",
            fix="This model's visual positions have no place on the image (learned queries, cross-attention), or "
            "no geometry of its family is known, so no map can be drawn.",
        )
    values = patch_activations(captioner, inputs, [resolved])[0, 0]
    made = grid.upsample(values).as_subclass(ReceptiveField)
    small = picture.image.copy()
    small.thumbnail((_SHOWN, _SHOWN))
    made.neuron, made.picture = resolved, np.asarray(small)
    return made
