"""What every neuron of a model says, written once and looked up from then on: the atlas (Eq. 3 for all units)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import hypergeom
from torch import Tensor

from molyneux.data.dictionary import is_interpretable, is_word
from molyneux.experiments.atlas_place import MARK, aside_of, is_there, put_in_place, settle
from molyneux.experiments.atlas_read import Atlas, open_atlas
from molyneux.experiments.atlas_rows import (
    NEURONS,
    PART,
    SUMMARY,
    TOKENS,
    WORDS,
    AtlasSettings,
    NeuronRow,
    TokenRow,
    Unit,
    Vocable,
    WordRow,
)
from molyneux.experiments.atlas_top import Extremes, extremes
from molyneux.experiments.atlas_weights import AtlasWeights, LoadedWeights, open_on_disk
from molyneux.experiments.atlas_words import Inversion, neuron_parts
from molyneux.ground.errors import SettingError
from molyneux.ground.files import keep
from molyneux.ground.manifest import Identity
from molyneux.ground.plain import to_json
from molyneux.ground.rows import Skipped
from molyneux.ground.run import Run, writing
from molyneux.ground.tables import write_table
from molyneux.ground.work import Progress, work
from molyneux.models.captioner import Captioner
from molyneux.models.load import choose_device, load
from molyneux.models.presets import PRESETS

__all__ = ["Atlas", "AtlasSettings", "build_atlas", "build_from_weights", "open_atlas", "open_weights"]

_JUDGED = 10  # tokens that the dictionary test looks at, whatever k is
_WORDS = 7  # of which so many have to be words


def build_atlas(
    model: str | Path | Captioner,
    out: Path,
    *,
    settings: AtlasSettings | None = None,
    device: str | None = None,
    replace: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Atlas:
    """Decode every neuron of a model into a folder.

    Of a GPT-J, or a LiMBeR with one, only the output matrices and the unembedding are read, from its files.

    Args:
        model: a name, folder or hub id as ``load`` takes it, or a loaded captioner.
        out: a folder that is not there yet, or an atlas.
        settings: see ``AtlasSettings``.
        device: where products are made; of a captioner, where it is.
        replace: build where an atlas of something else is, which stays until the new one is whole.
        progress: told how far each of the three stages is.

    Raises:
        ModelError: the model cannot be read.
        RunMismatchError: an atlas of another model or settings is there, and ``replace`` is False.
        NonFiniteError: the unembedding holds NaN or infinity. (A neuron whose vector does is skipped.)
    """
    if isinstance(model, Captioner):
        return build_from_weights(
            LoadedWeights(model), out, name=model.name, settings=settings, replace=replace, progress=progress
        )
    chosen = settings or AtlasSettings()
    weights = open_weights(model, chosen, device=device)
    return build_from_weights(
        weights, out, name=str(model), settings=chosen, replace=replace, progress=progress
    )


def open_weights(
    model: str | Path, settings: AtlasSettings, *, device: str | None = None, text: str | None = None
) -> AtlasWeights:
    """A model's weights as an atlas needs them: from its files where that is possible, else of the loaded model.

    A model that has to be loaded is so in its own dtype, as the products are made in float32 all the same; only
    the last norm needs more.

    Args:
        text: of a LiMBeR preset, a folder or hub id in the place of its language model, whose neurons they are.

    Raises:
        ModelError: see ``load``.
        SettingError: ``text`` of a model that is no preset.
    """
    if text is None or str(model) in PRESETS:
        found = open_on_disk(model, choose_device(device), text=text)
        if found is not None:
            return found
    dtype = None if settings.final_norm else "auto"
    return LoadedWeights(load(model, device=device, dtype=dtype, text=text))


def build_from_weights(
    weights: AtlasWeights,
    out: Path,
    *,
    name: str,
    settings: AtlasSettings | None = None,
    replace: bool = False,
    progress: Callable[[Progress], None] | None = None,
    command: Sequence[str] = (),
) -> Atlas:
    """As ``build_atlas``, of weights that were opened already.

    Args:
        name: of the model, as screens show it.
        command: what was typed, to be printed after a stop.
    """
    chosen = settings or AtlasSettings()
    identity = _identity(weights, chosen)
    settle(out)
    if not is_there(out, identity, replace=replace):
        with writing(aside_of(out), identity, command=command) as run:
            _write(run, weights, name, chosen, progress)
            keep(run.folder / MARK, b'{"atlas": 1}\n')
        put_in_place(out)
    return open_atlas(out)


def _identity(weights: AtlasWeights, settings: AtlasSettings) -> Identity:
    if not bool(weights.real.any()):
        raise SettingError("vocabulary", value=0, expected="at least one real token")
    layers, units, width = weights.shape
    told: dict[str, Any] = {"made": "atlas", "layers": layers, "units": units, "width": width}
    return Identity(settings=told | asdict(settings), weights=weights.hashes(), data={})


def _write(
    run: Run,
    weights: AtlasWeights,
    name: str,
    settings: AtlasSettings,
    progress: Callable[[Progress], None] | None,
) -> None:
    """The three stages, and a summary of them."""
    layers, units, _ = weights.shape
    vocabulary = [Vocable(number) for number in range(len(weights.real))]
    every = [Unit(layer, unit) for layer in range(layers) for unit in range(units)]
    texts = run.stage(TOKENS, vocabulary, row=TokenRow, part_size=PART)
    work(texts, lambda items: _token_rows(weights, items), progress=progress)
    spelled = [weights.tokenizer.decode([one.number]) for one in vocabulary]
    maker = _Maker(weights, settings, spelled)
    neurons = run.stage(NEURONS, every, row=NeuronRow, part_size=PART)
    done = work(neurons, maker.rows, progress=progress)
    words = run.stage(WORDS, vocabulary, row=WordRow, part_size=PART)
    inverted: list[Inversion] = []

    def word_rows(items: Sequence[Vocable]) -> Iterable[WordRow]:
        if not inverted:  # of a stage that is there already the neurons need not be read again
            inverted.append(Inversion(neurons.parts.folder, tokens=len(vocabulary)))
        return inverted[0].rows(items)

    work(words, word_rows, progress=progress)
    counted = _by_layer(neurons.parts.folder, layers, units)
    write_table(run.tables, "layers", counted, model=name)
    about: dict[str, Any] = {"model": name, "miniature": _miniature(name), "tokens": int(weights.real.sum())}
    about |= {"skipped": done.skipped, "by_layer": counted, "by_chance": _by_chance(weights, spelled)}
    keep(run.tables / f"{SUMMARY}.json", to_json(about).encode())


def _token_rows(weights: AtlasWeights, items: Sequence[Vocable]) -> list[TokenRow]:
    real = weights.real.tolist()
    return [TokenRow(weights.tokenizer.decode([one.number]), real[one.number]) for one in items]


class _Maker:
    """Makes the rows of neurons."""

    def __init__(self, weights: AtlasWeights, settings: AtlasSettings, texts: Sequence[str]) -> None:
        self._weights, self._settings, self._texts = weights, settings, texts

    def rows(self, items: Sequence[Unit]) -> list[NeuronRow | Skipped]:
        """A row each; neurons of several layers may stand in one part."""
        vectors = self._vectors(items)
        finite = torch.isfinite(vectors).all(dim=1)
        vectors[~finite] = 0.0
        blocks = self._weights.blocks(bias=self._settings.bias)
        found = extremes(vectors, blocks, max(self._settings.k, _JUDGED))
        finite &= torch.isfinite(found.log_total) & torch.isfinite(found.suppressed_logits[:, 0])
        made = self._of_lists(found)
        return [
            row if good else _skip(item) for item, row, good in zip(items, made, finite.tolist(), strict=True)
        ]

    def _vectors(self, items: Sequence[Unit]) -> Float[Tensor, "neuron width"]:
        grouped: dict[int, list[int]] = {}
        for item in items:
            grouped.setdefault(item.layer, []).append(item.unit)
        norm = self._settings.final_norm
        return torch.cat(
            [self._weights.vectors(layer, units, final_norm=norm) for layer, units in grouped.items()]
        ).clone()

    def _of_lists(self, found: Extremes) -> Iterator[NeuronRow]:
        k = self._settings.k
        columns = [column.cpu().tolist() for column in found]
        for high, highs, low, lows, total in zip(*columns, strict=True):
            words = is_interpretable([self._texts[token] for token in high[:_JUDGED]])
            lists = (tuple(one[:k]) for one in (high, highs, low, lows))
            yield NeuronRow(words, total, *lists)


def _skip(item: Unit) -> Skipped:
    return Skipped(
        "non-finite", f"non-finite at layer {item.layer}: the output vector or logits of {item.id}"
    )


def _by_layer(folder: Path, layers: int, units: int) -> list[dict[str, int]]:
    """Per layer: neurons, those with a row, those that are interpretable."""
    used, words = np.zeros(layers, dtype=np.int64), np.zeros(layers, dtype=np.int64)
    for start, table in neuron_parts(folder):
        told = table["interpretable"].to_pylist()
        layer = np.arange(start, start + len(told)) // units
        used += np.bincount(layer, weights=[one is not None for one in told], minlength=layers).astype(int)
        words += np.bincount(layer, weights=[one is True for one in told], minlength=layers).astype(int)
    return [
        {"layer": layer, "neurons": units, "used": int(used[layer]), "interpretable": int(words[layer])}
        for layer in range(layers)
    ]


def _by_chance(weights: AtlasWeights, texts: Sequence[str]) -> float:
    """The share of neurons that would be interpretable if their ten tokens were drawn at random."""
    real = [text for text, one in zip(texts, weights.real.tolist(), strict=True) if one]
    words = sum(map(is_word, real))
    return float(hypergeom.sf(_WORDS - 1, len(real), words, min(_JUDGED, len(real))))


def _miniature(name: str) -> bool:
    """Whether this is the shipped miniature, or a folder that ``molyneux miniature build`` wrote."""
    return name == "miniature" or (Path(name) / "making.json").is_file()
