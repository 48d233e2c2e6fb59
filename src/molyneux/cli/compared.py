"""``molyneux ablate --neuron``: neurons by name, off or turned up, beside random ones of their layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from molyneux.cli.console import waiting
from molyneux.ground.errors import SettingError

if TYPE_CHECKING:
    from molyneux.cli.study import Study
    from molyneux.data.gate import Picture
    from molyneux.models.captioner import Captioner
    from molyneux.neurons.compare import Comparison

__all__ = ["SHOWN", "Named", "compare_named", "names_in"]

SHOWN = 8
"""Of many neurons, these are told apart."""


@dataclass(frozen=True)
class Named:
    """What the command line says about named neurons."""

    names: tuple[str, ...]
    scale: float
    draws: int
    seed: int


def names_in(text: str) -> tuple[str, ...]:
    """Names of neurons from a list with commas.

    Raises:
        NeuronNameError: one of them is no name.
        SettingError: there is none.
    """
    from molyneux.ground.neuron import NeuronId

    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        raise SettingError("neurons", value=text, expected="names with commas, such as L1.u41,L0.u3")
    return tuple(dict.fromkeys(str(NeuronId.parse(name)) for name in names))


def compare_named(
    captioner: Captioner, picture: Picture, named: Named, *, target: str | int | None
) -> tuple[Study, Comparison]:
    """Edit them; and what they say, how they score for the word, and where.

    Raises:
        NeuronNameError: a neuron is not in this model.
        TargetError, NonFiniteError: as ``attribute``.
    """
    from molyneux.cli.study import Study
    from molyneux.neurons.attribute import attribute
    from molyneux.neurons.compare import compare
    from molyneux.neurons.decode import decode

    neurons = [captioner.layout.resolve(name) for name in named.names]
    found = attribute(captioner, picture, target=target)
    with waiting("editing neurons"):
        made = compare(
            captioner,
            picture,
            neurons,
            target=found.target.token,
            caption=found.caption,
            scale=named.scale,
            draws=named.draws,
            seed=named.seed,
        )
    return Study(picture, found, decode(captioner, neurons[:SHOWN])), made
