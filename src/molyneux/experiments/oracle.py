"""The paper as an oracle: do these weights say what the paper's Table S.1 prints?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from molyneux.data.paper import TableS1, table_s1
from molyneux.experiments.from_disk import (
    DecodeOptions,
    Listing,
    decode_from_disk,
    open_tokenizer,
    real_tokens,
)
from molyneux.ground.assets import asset
from molyneux.ground.errors import ModelError, SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.shares import Share, share
from molyneux.metrics.stats import Interval, mean_interval
from molyneux.models.gptj_weights import GptJWeights, open_gptj
from molyneux.models.presets import PRESETS
from molyneux.models.source import Source, find_source

__all__ = ["Agreement", "Difference", "OracleReport", "ask_paper"]

_TOP = 5  # tokens that the table prints of a neuron
#: The paper's own options first: it wins where several agree best.
_OPTIONS = tuple(
    DecodeOptions(final_norm=norm, bias=bias) for norm in (False, True) for bias in (False, True)
)


@dataclass(frozen=True)
class Agreement:
    """The table's lists against the decodings under one choice of options."""

    options: DecodeOptions
    ordered: Share
    """Lists with the same tokens in the same order."""
    as_sets: Share
    """Lists with the same tokens."""
    overlap: Interval
    """Mean number of the printed tokens, of 5, among the 5 decoded; bootstrap over neurons."""
    random: Interval
    """The same against random units of the same layers, several a neuron: what chance gives."""

    @property
    def beyond_chance(self) -> bool:
        """The two intervals lie apart."""
        return self.overlap.low > self.random.high


@dataclass(frozen=True)
class Difference:
    """A neuron whose decoding is not the printed list."""

    neuron: NeuronId
    printed: tuple[str, ...]
    decoded: tuple[str, ...]

    @property
    def shared(self) -> int:
        """How many of the printed tokens were decoded, in any order."""
        return len(set(self.printed) & set(self.decoded))


@dataclass(frozen=True)
class OracleReport:
    """What ``doctor --paper`` prints."""

    model: str
    shape: tuple[int, int, int]
    """Layers, units a layer, residual width."""
    is_paper_shape: bool
    neurons: int
    skipped: Mapping[NeuronId, str]
    """Neurons of the table that are left out -> why."""
    unknown: tuple[str, ...]
    """Printed tokens that the model's tokenizer does not have."""
    rounded: str | None
    """The type that the weights were rounded through, or None."""
    draws: int
    """Random units for each neuron."""
    agreements: tuple[Agreement, ...]
    best: tuple[DecodeOptions, ...]
    """The options that agree best; several where they agree equally well."""
    differences: tuple[Difference, ...]
    """Under the first of the best options."""

    @property
    def agrees(self) -> bool:
        """Some options give the printed tokens more often than chance does."""
        return any(one.beyond_chance for one in self.agreements if one.options in self.best)


def ask_paper(model: str, *, through: str | None = "bfloat16", draws: int = 4, seed: int = 0) -> OracleReport:
    """Decode the neurons of Table S.1 from a GPT-J's weights on disk and compare the lists.

    Only ``fc_out`` of the table's layers, the last norm and ``lm_head`` are read, a part at a time; the model is
    never loaded.

    Args:
        model: folder or hub id (``OWNER/NAME@REVISION``) of a GPT-J 6B or of a LiMBeR with it, or the name of a
            LiMBeR preset.
        through: round weights through this type, as the paper's model was; None: as they are.
        draws: random units of the same layer, for each neuron.
        seed: of the random units and of the bootstrap.

    Raises:
        ModelError: no GPT-J, or one that is too small for the table's neurons.
    """
    if draws < 1:
        raise SettingError("draws", value=draws, expected="at least 1")
    table = table_s1()
    source = _text_model(model)
    weights = open_gptj(source, through=_dtype(through))
    _check_shape(weights, table, model)
    tokenizer = open_tokenizer(source)
    neurons = list(table.decodings)
    controls = _controls(neurons, [*table.decodings, *table.skipped], weights.units, draws=draws, seed=seed)
    options = [option for option in _OPTIONS if weights.has_bias or not option.bias]
    real = real_tokens(weights, tokenizer)
    found = decode_from_disk(weights, [*neurons, *controls], real=real, options=options, k=_TOP)
    lists = {option: _spelled(listing, tokenizer) for option, listing in found.items()}
    agreements = tuple(_agreement(o, list(table.decodings.values()), lists[o], seed) for o in options)
    best = max((a.overlap.mean, a.ordered.count) for a in agreements)
    winners = tuple(a.options for a in agreements if (a.overlap.mean, a.ordered.count) == best)
    pairs = zip(table.decodings.items(), lists[winners[0]], strict=False)  # the controls come after
    return OracleReport(
        model=model,
        shape=(weights.layers, weights.units, weights.width),
        is_paper_shape=(weights.layers, weights.units) == (table.layers, table.units),
        neurons=len(neurons),
        skipped=table.skipped,
        unknown=_unknown(table, tokenizer),
        rounded=through,
        draws=draws,
        agreements=agreements,
        best=winners,
        differences=tuple(Difference(n, told, mine) for (n, told), mine in pairs if told != mine),
    )


def _text_model(model: str) -> Source:
    """Where the weights are that a name stands for: of a preset, its text model's."""
    if model == "miniature":
        return find_source(asset("miniature/model"))
    if model in PRESETS:
        return find_source(PRESETS[model].text)
    return find_source(model)


def _dtype(name: str | None) -> torch.dtype | None:
    known = {None: None, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if name not in known:
        raise SettingError("through", value=name, expected="bfloat16, float16 or None")
    return known[name]


def _check_shape(weights: GptJWeights, table: TableS1, model: str) -> None:
    outside = sum(n.layer >= weights.layers or n.unit >= weights.units for n in table.decodings)
    if outside:
        raise ModelError(
            "model",
            value=model,
            expected=f"GPT-J 6B, {table.layers} layers of {table.units:,} units, whose neurons the paper's Table "
            f"S.1 lists; with {weights.layers} layers of {weights.units:,} units this model lacks {outside} of "
            f"{len(table.decodings)}",
            fix="Give its folder or hub id: molyneux doctor --paper --model EleutherAI/gpt-j-6B@float16",
        )


def _controls(
    neurons: Sequence[NeuronId], barred: Sequence[NeuronId], units: int, *, draws: int, seed: int
) -> list[NeuronId]:
    """``draws`` random units for each neuron, neuron by neuron: of its layer, none twice, none of the table."""
    rng = np.random.default_rng(seed)
    layers = [neuron.layer for neuron in neurons]
    pools: dict[int, list[int]] = {}
    for layer in sorted(set(layers)):
        taken = {neuron.unit for neuron in barred if neuron.layer == layer}
        free = np.setdiff1d(np.arange(units), list(taken))
        pools[layer] = rng.choice(free, layers.count(layer) * draws, replace=False).tolist()
    return [NeuronId(layer, pools[layer].pop()) for layer in layers for _ in range(draws)]


def _spelling(token: str) -> str:
    """A token as the table prints it: the byte-level vocabulary's text, its mark of a space as a space."""
    return token.replace("\u0120", " ")


def _spelled(listing: Listing, tokenizer: Any) -> list[tuple[str, ...]]:
    return [tuple(map(_spelling, tokenizer.convert_ids_to_tokens(ids))) for ids in listing.token_ids.tolist()]


def _unknown(table: TableS1, tokenizer: Any) -> tuple[str, ...]:
    known = set(map(_spelling, tokenizer.get_vocab()))
    printed = dict.fromkeys(token for tokens in table.decodings.values() for token in tokens)
    return tuple(token for token in printed if token not in known)


def _overlaps(
    printed: Sequence[tuple[str, ...]], decoded: Sequence[tuple[str, ...]]
) -> Float[np.ndarray, " list"]:
    shared = [len(set(a) & set(b)) for a, b in zip(printed, decoded, strict=True)]
    return np.array(shared, dtype=np.float64)


def _agreement(
    options: DecodeOptions, printed: list[tuple[str, ...]], decoded: list[tuple[str, ...]], seed: int
) -> Agreement:
    """``decoded`` holds the table's neurons, then the random units of each."""
    count = len(printed)
    own, others = decoded[:count], decoded[count:]
    draws = len(others) // count
    chance = _overlaps([told for told in printed for _ in range(draws)], others).reshape(count, draws)
    pairs = list(zip(printed, own, strict=True))
    return Agreement(
        options=options,
        ordered=share(sum(a == b for a, b in pairs), count),
        as_sets=share(sum(set(a) == set(b) for a, b in pairs), count),
        overlap=mean_interval(_overlaps(printed, own), seed=seed),
        random=mean_interval(chance.mean(axis=1), seed=seed),
    )
