"""``molyneux decode``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from molyneux.cli.console import emit, stdout
from molyneux.cli.options import AsJson, Device, Dtype, Model, open_captioner

if TYPE_CHECKING:
    from molyneux.neurons.decode import Decoding

__all__ = ["decode"]


def decode(
    names: Annotated[
        list[str], typer.Argument(metavar="NEURON...", help="Neurons, such as L3.u12.", show_default=False)
    ],
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="Tokens of each.")] = 10,
    model: Model = "miniature",
    device: Device = None,
    dtype: Dtype = None,
    as_json: AsJson = False,
) -> None:
    """Read what neurons say: the tokens that their output vectors raise most (Eq. 3). Needs no image.

    Example: molyneux decode L3.u12 L0.u7 --k 5
    """
    from molyneux.ground.neuron import NeuronId

    for name in names:
        NeuronId.parse(name)  # before the model is loaded
    captioner = open_captioner(model, device, dtype)
    from molyneux.neurons.decode import decode as read

    found = read(captioner, list(names), k=k)
    if as_json:
        objects = [_json(one) for one in found]
        emit(objects[0] if len(names) == 1 else objects)
        return
    from molyneux.cli.tables import decoding_screen
    from molyneux.neurons.story import is_miniature

    stdout().print(decoding_screen(found, captioner.name, miniature=is_miniature(captioner)))


def _json(one: Decoding) -> dict[str, Any]:
    return {
        "neuron": str(one.neuron),
        "layer": one.neuron.layer,
        "unit": one.neuron.unit,
        "tokens": one.tokens,
        "token_ids": one.token_ids,
        "logits": one.logits,
        "probabilities": one.probabilities,
        "interpretable": one.interpretable,
    }
