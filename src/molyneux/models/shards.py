"""Tensors of a checkpoint, read from its files one part at a time: a model need not fit into memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor

from molyneux.ground.errors import ModelError
from molyneux.models.files import fetch_file, find_file
from molyneux.models.presence import lacking, shard_files
from molyneux.models.source import Source

__all__ = ["Shards", "open_shards"]

#: Safe tensors before pickles, shards before one file.
_FILES = (
    "model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
)


@dataclass(frozen=True)
class Shards:
    """A checkpoint's tensors by name. Every read opens the file, copies what is asked for, and lets go.

    Pages of a mapped file count as memory for as long as it is open, therefore nothing stays open.
    """

    source: Source
    files: Mapping[str, str]
    """Tensor name -> name of the file that holds it."""

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Its dimensions, without its values."""
        with self._opened(tensor) as part:
            return tuple(part.shape if isinstance(part, Tensor) else part.get_shape())

    def read(self, tensor: str, rows: slice = slice(None)) -> Tensor:
        """The tensor, or consecutive rows of it, in the checkpoint's dtype."""
        with self._opened(tensor) as part:
            read: Tensor = part[rows].clone()
        return read

    def columns(self, tensor: str, numbers: list[int]) -> Shaped[Tensor, "row column"]:
        """Some columns of a matrix, in the order given, in the checkpoint's dtype."""
        with self._opened(tensor) as part:
            read: Tensor = part[:].index_select(1, torch.tensor(numbers, dtype=torch.long))
        return read

    def settings(self, name: str = "config.json") -> dict[str, Any]:
        """A JSON file of the checkpoint."""
        return _json(fetch_file(self.source, name))

    @contextmanager
    def _opened(self, tensor: str) -> Iterator[Any]:
        if tensor not in self.files:
            raise ModelError(
                f"model {self.source}: tensor",
                value=tensor,
                expected=f"one of the {len(self.files)} that its files hold",
            )
        with _mapped(fetch_file(self.source, self.files[tensor])) as tensors:
            yield tensors(tensor)


@contextmanager
def _mapped(path: Path) -> Iterator[Callable[[str], Any]]:
    """Tensor name -> a lazy slice (safetensors), or a tensor on mapped memory (pickles)."""
    from safetensors import SafetensorError, safe_open

    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt", device="cpu") as file:
                yield file.get_slice
        else:
            yield _pickled(path).__getitem__
    except (
        SafetensorError,
        KeyError,
        ValueError,
        TypeError,
    ) as error:  # the last two: dtypes that torch lacks
        raise ModelError(
            "weights",
            value=path.name,
            expected="the file that the checkpoint's index tells of",
            fix=f"Fetch it again: {error}.",
        ) from error


def _pickled(path: Path) -> dict[str, Tensor]:
    """The tensors of a pickle, on mapped memory; a pickle that would run code is refused."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # of any kind: a damaged pickle ends in whatever first stumbles over it
        raise ModelError(
            "weights",
            value=path.name,
            expected="safetensors, or a zipped pickle of tensors and nothing else",
            fix="Load the model with transformers once and save_pretrained() it, which writes safetensors "
            f"(torch says: {(str(error) or type(error).__name__).splitlines()[0]}).",
        ) from error
    tensors = found.items() if isinstance(found, dict) else ()
    return {str(name): value for name, value in tensors if _plain(value)}


def _plain(value: Any) -> bool:
    """Whether it is a tensor whose rows and columns can be read."""
    return (
        isinstance(value, Tensor) and not (value.is_nested or value.is_meta) and value.layout == torch.strided
    )


def open_shards(source: Source) -> Shards:
    """The tensors of a model folder, or of a hub id, of which only the files that are read are downloaded.

    Args:
        source: of ``model.safetensors``, or shards with their index, or the older ``pytorch_model.bin``.

    Raises:
        ModelError: no weights there, or a damaged index.
    """
    path = next((found for name in _FILES if (found := find_file(source, name)) is not None), None)
    if path is None:
        raise lacking(source, ["model.safetensors (weights)"])
    return Shards(source, _index(path))


def _index(path: Path) -> dict[str, str]:
    """Tensor name -> file name."""
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                return dict.fromkeys(file.keys(), path.name)
        except SafetensorError as error:
            raise ModelError(
                "weights",
                value=path.name,
                expected="a whole safetensors file",
                fix=f"Fetch it again: {error}.",
            ) from error
    if path.suffix != ".json":
        return dict.fromkeys(_pickled(path), path.name)
    return shard_files(path)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError("file", value=path.name, expected="JSON", fix=f"Fetch it again: {error}.") from error
    return dict(found) if isinstance(found, dict) else {}
