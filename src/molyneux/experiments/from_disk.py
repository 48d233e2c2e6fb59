"""Decoding (Eq. 3) with the weights on disk: the same numbers as a loaded model's, in little memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.models.checkpoint import SAFE, reading
from molyneux.models.gptj_weights import GptJWeights
from molyneux.models.presence import TEXT
from molyneux.models.source import Source
from molyneux.neurons.ranking import top_in_order

__all__ = ["DecodeOptions", "Listing", "decode_from_disk", "open_tokenizer", "real_tokens"]

#: GPT-J's tokenizer names the padding rows of its vocabulary so.
_PADDING = re.compile(r"<\|extratoken_\d+\|>")


class DecodeOptions(NamedTuple):
    """What Eq. 3 leaves open; the paper's decoding has neither."""

    final_norm: bool = False
    """The output vector goes through the decoder's last norm first."""
    bias: bool = False
    """The unembedding's bias is added."""


@dataclass(frozen=True)
class Listing:
    """The best tokens of some neurons, best first."""

    token_ids: Int[Tensor, "neuron best"]
    logits: Float[Tensor, "neuron best"]
    log_total: Float[Tensor, " neuron"]
    """log of the sum of exp(logit) over all real tokens."""

    @property
    def probabilities(self) -> Float[Tensor, "neuron best"]:
        """softmax over the real tokens."""
        return (self.logits - self.log_total[:, None]).exp()

    def join(self, later: Listing, count: int) -> Listing:
        """Both lists' best; ``later`` holds larger token ids, so that ties go by rising id."""
        logits = torch.cat([self.logits, later.logits], dim=1)
        ids = torch.cat([self.token_ids, later.token_ids], dim=1)
        best, where = top_in_order(logits, count)
        return Listing(ids.gather(1, where), best, torch.logaddexp(self.log_total, later.log_total))


def open_tokenizer(source: Source) -> Any:
    """The tokenizer beside the weights.

    Raises:
        ModelError: there is none.
    """
    from transformers import AutoTokenizer

    with reading(source, TEXT):
        return AutoTokenizer.from_pretrained(source.where, revision=source.revision, **SAFE)


def real_tokens(weights: GptJWeights, tokenizer: Any) -> Bool[Tensor, " token"]:
    """Which leading rows of the unembedding are tokens that a text can hold.

    GPT-J's 50,400 rows are 50,257 tokens and padding; neither padding nor LiMBeR's image token is decoded to.
    """
    config = weights.shards.settings()
    told = config.get("real_vocab_size")
    rows = min(weights.rows, int(told) if told else len(tokenizer))
    names = tokenizer.convert_ids_to_tokens(range(rows))
    real = torch.tensor([name is not None and not _PADDING.fullmatch(name) for name in names])
    image = config.get("image_token_id")
    if image is not None and image < rows:
        real[image] = False
    return real


@torch.no_grad()
def decode_from_disk(
    weights: GptJWeights,
    neurons: Sequence[NeuronId],
    *,
    real: Bool[Tensor, " token"],
    options: Sequence[DecodeOptions] = (DecodeOptions(),),
    k: int = 10,
) -> dict[DecodeOptions, Listing]:
    """The k best tokens of each neuron under each of the options, as ``neurons.decode`` finds them.

    The unembedding is read once, in blocks, for all neurons and options together; of ``fc_out`` only the columns
    asked for are kept.

    Args:
        real: see ``real_tokens``.

    Raises:
        NonFiniteError: a weight is NaN or infinite.
    """
    count = min(k, int(real.sum()))
    if count < 1 or not neurons:
        raise SettingError("k and neurons", value=(k, len(neurons)), expected="at least one of each")
    plain = _output_vectors(weights, neurons)
    vectors = {norm: weights.normed(plain) if norm else plain for norm in {o.final_norm for o in options}}
    found: dict[DecodeOptions, Listing] = {}
    for start, weight, bias in weights.unembedding(len(real)):
        barred = ~real[start : start + len(weight)]
        products = {norm: some @ weight.T for norm, some in vectors.items()}
        for option in options:
            logits = products[option.final_norm] + bias if option.bias else products[option.final_norm]
            block = _block(logits.masked_fill(barred, -torch.inf), start, count)
            found[option] = found[option].join(block, count) if option in found else block
    return found


def _block(logits: Float[Tensor, "neuron token"], start: int, count: int) -> Listing:
    best, where = top_in_order(logits, count)
    return Listing(where + start, best, logits.logsumexp(dim=1))


def _output_vectors(weights: GptJWeights, neurons: Sequence[NeuronId]) -> Float[Tensor, "neuron width"]:
    """Row n is what neuron n writes; each layer's matrix is read once."""
    by_layer: dict[int, list[int]] = {}
    for place, neuron in enumerate(neurons):
        by_layer.setdefault(neuron.layer, []).append(place)
    found = torch.empty(len(neurons), weights.width)
    for layer, places in by_layer.items():
        found[places] = weights.vectors(layer, [neurons[place].unit for place in places])
    return found
