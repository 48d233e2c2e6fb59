"""The name of a neuron: one unit of one decoder MLP."""

from __future__ import annotations

import re
from typing import NamedTuple

from molyneux.ground.errors import NeuronNameError

__all__ = ["NeuronId"]

_NAME = re.compile(
    r"L(0|[1-9][0-9]{0,17})\.u(0|[1-9][0-9]{0,17})", re.ASCII
)  # int() refuses very long numbers


class NeuronId(NamedTuple):
    """A unit of a decoder MLP, layer and unit counted from 0; prints and parses as ``L12.u9058``.

    Strings live only at the edges (JSON, command line, pages); inside, a neuron is this tuple.
    """

    layer: int
    unit: int

    def __str__(self) -> str:
        return f"L{self.layer}.u{self.unit}"

    @classmethod
    def parse(cls, name: str) -> NeuronId:
        """Read ``L<layer>.u<unit>`` strictly: no spaces, no signs, no leading zeros.

        Raises:
            NeuronNameError: the text is anything else.
        """
        match = _NAME.fullmatch(name)
        if match is None:
            raise NeuronNameError(
                "neuron name",
                value=name,
                expected="L<layer>.u<unit>, counted from 0",
                fix="Write it like L12.u9058.",
            )
        return cls(int(match[1]), int(match[2]))
