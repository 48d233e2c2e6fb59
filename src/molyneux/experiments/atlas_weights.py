"""Where an atlas gets a model's output vectors and unembedding: files on disk, or a loaded model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from molyneux.experiments.atlas_top import Block
from molyneux.experiments.from_disk import open_tokenizer, real_tokens
from molyneux.ground.assets import asset
from molyneux.ground.errors import NonFiniteError, SettingError
from molyneux.models.captioner import Captioner
from molyneux.models.gptj_weights import GptJWeights, open_gptj
from molyneux.models.placement import all_weights, weight_of
from molyneux.models.presets import PRESETS
from molyneux.models.shards import open_shards
from molyneux.models.source import Source, find_source

__all__ = ["AtlasWeights", "DiskWeights", "LoadedWeights", "open_on_disk", "row_blocks"]

_ROWS = 4096  # of the unembedding in float32 at once
_HELD = 2**30  # bytes: an unembedding on disk that is no larger in float32 is read once and kept


@runtime_checkable
class AtlasWeights(Protocol):
    """The weights that Eq. 3 needs, in float32 on the device that multiplies them."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layers, units a layer, residual width."""

    @property
    def device(self) -> torch.device:
        """Where products are made."""

    @property
    def tokenizer(self) -> Any:
        """Turns a token id into text."""

    @property
    def real(self) -> Bool[Tensor, " token"]:
        """Which leading rows of the unembedding are tokens that a text can hold."""

    def vectors(self, layer: int, units: list[int], *, final_norm: bool) -> Float[Tensor, "unit width"]:
        """W_out[:, u] of some units; what is not finite is given as it is."""

    def blocks(self, *, bias: bool) -> Iterator[Block]:
        """The real rows of the unembedding, a block at a time.

        Raises:
            NonFiniteError: a block holds NaN or infinity.
        """

    def hashes(self) -> dict[str, str]:
        """Part of the model -> SHA-256 of its values as they are stored."""


@dataclass(frozen=True)
class DiskWeights:
    """A GPT-J's weights in its files; the rest of the model is not read."""

    weights: GptJWeights
    tokenizer: Any
    real: Bool[Tensor, " token"]
    device: torch.device
    _kept: dict[bool, list[Block]] = field(default_factory=dict, repr=False, compare=False)
    """With bias or without -> all blocks, where they are small enough."""

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.weights.layers, self.weights.units, self.weights.width

    def vectors(self, layer: int, units: list[int], *, final_norm: bool) -> Float[Tensor, "unit width"]:
        found = self.weights.shards.columns(self._matrix(layer), units).T
        through = self.weights.through
        found = (found if through is None else found.to(through)).float()
        if final_norm:
            whole = torch.isfinite(found).all(dim=1)
            found[whole] = self.weights.normed(found[whole])
        return found.to(self.device)

    def blocks(self, *, bias: bool) -> Iterator[Block]:
        if bias and not self.weights.has_bias:
            raise SettingError("bias", value=True, expected="a model whose unembedding has a bias")
        if bias in self._kept:
            return iter(self._kept[bias])
        read = self.weights.unembedding(len(self.real))
        made = row_blocks(read, self.real, bias=bias, device=self.device)
        if len(self.real) * self.weights.width * 4 > _HELD:
            return made
        self._kept[bias] = list(made)
        return iter(self._kept[bias])

    def hashes(self) -> dict[str, str]:
        shards, weights = self.weights.shards, self.weights
        head = (
            shards.read(weights.head, slice(start, start + _ROWS)) for start in range(0, weights.rows, _ROWS)
        )
        rest = [f"{weights.decoder}ln_f.weight", f"{weights.decoder}ln_f.bias"]
        rest += [weights.head.removesuffix("weight") + "bias"] if weights.has_bias else []
        return {
            "output matrices": _sha(shards.read(self._matrix(n)) for n in range(weights.layers)),
            "unembedding": _sha(head),
            "norm and bias": _sha(shards.read(name) for name in rest),
        }

    def _matrix(self, layer: int) -> str:
        return f"{self.weights.decoder}h.{layer}.mlp.fc_out.weight"


@dataclass(frozen=True)
class LoadedWeights:
    """The weights of a model of any family that is in memory."""

    captioner: Captioner

    @property
    def shape(self) -> tuple[int, int, int]:
        layout = self.captioner.layout
        return layout.layers, layout.units, layout.width

    @cached_property
    def device(self) -> torch.device:
        return self._head().device

    @property
    def tokenizer(self) -> Any:
        return self.captioner.tokenizer

    @property
    def real(self) -> Bool[Tensor, " token"]:
        real = torch.ones(self.captioner.vocabulary, dtype=torch.bool)
        real[self.captioner.unsayable.cpu()] = False
        return real

    def vectors(self, layer: int, units: list[int], *, final_norm: bool) -> Float[Tensor, "unit width"]:
        layout = self.captioner.layout
        found = layout.mlps[layer].directions.detach()[:, units].T
        if final_norm:
            if layout.final_norm is None:
                raise SettingError("final_norm", value=True, expected="a decoder whose last norm was found")
            own = weight_of(layout.final_norm)
            with torch.no_grad():
                found = layout.final_norm(found if own is None else found.to(own.device))
        return found.float().to(self.device)

    def blocks(self, *, bias: bool) -> Iterator[Block]:
        offset = self._offset()
        if bias and offset is None:
            raise SettingError("bias", value=True, expected="a model whose unembedding has a bias")
        return row_blocks(self._rows(offset), self.real, bias=bias, device=self.device)

    def hashes(self) -> dict[str, str]:
        layout = self.captioner.layout
        norm = layout.final_norm
        rest = [] if norm is None else [weight for _, weight in all_weights(norm)]
        offset = self._offset()
        return {
            "output matrices": _sha(place.directions for place in layout.mlps),
            "unembedding": _sha([self._head()]),
            "norm and bias": _sha(rest if offset is None else [*rest, offset]),
        }

    def _head(self) -> Tensor:
        weight = weight_of(self.captioner.layout.unembedding)
        assert weight is not None, "an unembedding without a weight"
        return weight.detach()

    def _offset(self) -> Tensor | None:
        return weight_of(self.captioner.layout.unembedding, "bias")

    def _rows(self, offset: Tensor | None) -> Iterator[tuple[int, Tensor, Tensor]]:
        head = self._head()  # once: it may have to be fetched
        for start in range(0, self.captioner.vocabulary, _ROWS):
            rows = slice(start, min(start + _ROWS, self.captioner.vocabulary))
            weight = head[rows].float()
            bias = torch.zeros(len(weight)) if offset is None else offset.detach()[rows].float()
            if not bool(torch.isfinite(weight).all() and torch.isfinite(bias).all()):
                raise NonFiniteError(
                    "non-finite: weight",
                    value="unembedding",
                    expected="finite weights",
                    fix="The checkpoint is damaged: fetch it again.",
                )
            yield start, weight, bias


def row_blocks(
    rows: Iterable[tuple[int, Tensor, Tensor]],
    real: Bool[Tensor, " token"],
    *,
    bias: bool,
    device: torch.device,
) -> Iterator[Block]:
    """Blocks of the unembedding without the rows that are no tokens.

    Args:
        rows: number of the first row, weights, biases.
    """
    for start, weight, offset in rows:
        kept = real[start : start + len(weight)]
        if not bool(kept.any()):
            continue
        if not bool(kept.all()):
            weight, offset = weight[kept.to(weight.device)], offset[kept.to(offset.device)]
        ids = (start + kept.nonzero()[:, 0]).to(device)
        yield Block(ids, weight.to(device), offset.to(device) if bias else None)


def open_on_disk(model: str | Path, device: torch.device, *, text: str | None = None) -> DiskWeights | None:
    """The weights in a model's files where its text model is a GPT-J; None where they have to be loaded.

    Args:
        model: ``miniature``, a folder, a hub id, or a LiMBeR preset, of which only the text model is read,
            rounded through bfloat16 as LiMBeR's is.
        text: of a preset, a folder or hub id in the place of its language model.

    Raises:
        ModelError: nothing is there, or files are damaged.
    """
    import molyneux.models.limber  # noqa: F401  (registers LiMBeR, so that its tokenizer is found)

    preset = str(model) in PRESETS and (text is not None or not Path(model).is_dir())
    source = _source(model) if not preset else find_source(text or PRESETS[str(model)].text)
    config = open_shards(source).settings()
    told = config.get("text_config") or config
    if not preset and (told.get("model_type") != "gptj" or told.get("tie_word_embeddings")):
        return None
    weights = open_gptj(source, through=torch.bfloat16 if preset else None)
    tokenizer = open_tokenizer(source)
    return DiskWeights(weights, tokenizer, real_tokens(weights, tokenizer), device)


def _source(model: str | Path) -> Source:
    return Source(str(asset("miniature/model"))) if str(model) == "miniature" else find_source(model)


def _sha(tensors: Iterable[Tensor]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
