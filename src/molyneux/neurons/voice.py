"""What neurons say, for results that are shown: asked of their model when they are, and not before."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import ref

from molyneux.ground.neuron import NeuronId
from molyneux.metrics.batches import is_out_of_memory
from molyneux.models.captioner import Captioner
from molyneux.neurons.decode import Decoding, decode

__all__ = ["Voice"]


class Voice:
    """Decodes neurons (Eq. 3) as long as their model is there.

    A result holds no model: it is held weakly here, and neither copied nor pickled, so that a result costs nothing,
    keeps nothing in memory, and travels. What it says is what the weights say at that time.
    """

    __slots__ = ("_captioner",)

    def __init__(self, captioner: Captioner | None = None) -> None:
        self._captioner = None if captioner is None else ref(captioner)

    def __reduce__(self) -> tuple[type[Voice], tuple[()]]:
        return Voice, ()

    def __call__(self, neurons: Sequence[NeuronId]) -> dict[NeuronId, Decoding]:
        """The ten top tokens of each; nothing where the model is gone, or memory is too full to ask it."""
        captioner = None if self._captioner is None else self._captioner()
        if captioner is None:
            return {}
        try:
            return {one.neuron: one for one in decode(captioner, list(neurons))}
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return {}
