"""The weights of a GPT-J that its neurons are decoded with, read from disk: the rest of the model stays there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import layer_norm

from molyneux.ground.errors import ModelError, NonFiniteError
from molyneux.models.shards import Shards, open_shards
from molyneux.models.source import Source

__all__ = ["GptJWeights", "open_gptj"]

_ROWS = 4096  # of the unembedding in memory at once: 64 MB in float32 at GPT-J's width
_OUT = re.compile(r"(?P<decoder>.*?)h\.(?P<layer>\d+)\.mlp\.fc_out\.weight")


@dataclass(frozen=True)
class GptJWeights:
    """``fc_out``, the last norm and ``lm_head`` of a GPT-J, or of the GPT-J inside a LiMBeR, on disk."""

    shards: Shards
    decoder: str
    """What the names of the decoder's tensors begin with, such as ``transformer.``."""
    head: str
    """Name of the unembedding's weight."""
    layers: int
    units: int
    width: int
    rows: int
    """Of the unembedding; real tokens and padding."""
    epsilon: float
    """Of the last norm."""
    through: torch.dtype | None = None
    """Weights are rounded to this type before they are used (LiMBeR's GPT-J was: bfloat16)."""

    @property
    def has_bias(self) -> bool:
        """Whether the unembedding has one; GPT-J's does."""
        return self._bias in self.shards.files

    def vectors(self, layer: int, units: list[int]) -> Float[Tensor, "unit width"]:
        """The output vectors W_out[:, u] of some units of a layer, in float32.

        Raises:
            NonFiniteError: one holds NaN or infinity.
        """
        name = f"{self.decoder}h.{layer}.mlp.fc_out.weight"
        found = self._wide(self.shards.columns(name, units).T)
        if not bool(torch.isfinite(found).all()):
            raise _damaged(name, f" at layer {layer}")
        return found

    def normed(self, vectors: Float[Tensor, "unit width"]) -> Float[Tensor, "unit width"]:
        """The vectors through the decoder's last layer norm."""
        weight, bias = (self._wide(self.shards.read(f"{self.decoder}ln_f.{n}")) for n in ("weight", "bias"))
        found = layer_norm(vectors, (self.width,), weight, bias, self.epsilon)
        if not bool(torch.isfinite(found).all()):
            raise _damaged(f"{self.decoder}ln_f")
        return found

    def unembedding(
        self, rows: int
    ) -> Iterator[tuple[int, Float[Tensor, "token width"], Float[Tensor, " token"]]]:
        """The first rows of W_d in blocks: number of a block's first row, its weights, its biases (or zeros).

        Raises:
            NonFiniteError: a block holds NaN or infinity.
        """
        bias = self._wide(self.shards.read(self._bias)) if self.has_bias else torch.zeros(self.rows)
        for start in range(0, rows, _ROWS):
            block = slice(start, min(start + _ROWS, rows))
            weight = self._wide(self.shards.read(self.head, block))
            if not bool(torch.isfinite(weight).all() and torch.isfinite(bias[block]).all()):
                raise _damaged(self.head)
            yield start, weight, bias[block]

    @property
    def _bias(self) -> str:
        return self.head.removesuffix("weight") + "bias"

    def _wide(self, values: Tensor) -> Tensor:
        return (values if self.through is None else values.to(self.through)).float()


def _damaged(name: str, where: str = "") -> NonFiniteError:
    return NonFiniteError(
        f"non-finite{where}: weight",
        value=name,
        expected="finite weights",
        fix="The checkpoint is damaged: fetch it again.",
    )


def open_gptj(source: Source, *, through: torch.dtype | None = None) -> GptJWeights:
    """Find a GPT-J's weights in a folder or hub id; reads names and shapes only.

    Args:
        source: of a GPT-J, or of a LiMBeR whose text model is one.
        through: see ``GptJWeights``.

    Raises:
        ModelError: its text model is no GPT-J, or a weight is missing or of the wrong shape.
    """
    shards = open_shards(source)
    places = {int(m["layer"]): m["decoder"] for name in shards.files if (m := _OUT.fullmatch(name))}
    heads = [name for name in shards.files if name == "lm_head.weight" or name.endswith(".lm_head.weight")]
    layers, decoders = len(places), set(places.values())
    if len(decoders) != 1 or set(places) != set(range(layers)) or len(heads) != 1:
        raise ModelError(
            "model",
            value=str(source),
            expected="the weights of one GPT-J: h.N.mlp.fc_out.weight of every layer and lm_head.weight; "
            f"there are {layers} of the first and {len(heads)} of the second",
            fix="The paper's neurons are GPT-J 6B's: give its folder or hub id, or that of a LiMBeR with it.",
        )
    (decoder,) = decoders
    width, units = shards.shape(f"{decoder}h.0.mlp.fc_out.weight")
    rows, inner = shards.shape(heads[0])
    if inner != width:
        raise ModelError("lm_head.weight", value=(rows, inner), expected=f"V x {width}, the residual width")
    epsilon = float(_text(shards.settings()).get("layer_norm_epsilon", 1e-5))
    return GptJWeights(shards, decoder, heads[0], layers, units, width, rows, epsilon, through)


def _text(config: dict[str, Any]) -> dict[str, Any]:
    """The text model's part of a configuration."""
    return dict(config.get("text_config") or config)
