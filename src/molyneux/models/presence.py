"""Which of a model's files are not there, in a folder or in the hub's cache, without opening a connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from molyneux.ground.errors import ModelError
from molyneux.models.source import Source

__all__ = ["ALL", "TEXT", "VISION", "Kinds", "check_files", "lacking", "missing_files", "offline"]

#: Of each kind of file that a model needs: what it is, and the names of which one must be there.
Kinds = tuple[tuple[str, tuple[str, ...]], ...]

_IMAGES = ("image processor", ("preprocessor_config.json", "processor_config.json"))
_WORDS = (
    "tokenizer",
    ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model", "tekken.json", "vocab.txt"),
)
VISION: Kinds = (_IMAGES,)
TEXT: Kinds = (_WORDS,)
ALL: Kinds = (_IMAGES, _WORDS)
_WHOLE = ("model.safetensors", "pytorch_model.bin")


def offline() -> bool:
    """Whether the user told the hub's library to stay offline (``HF_HUB_OFFLINE=1``)."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _finder(source: Source) -> Callable[[str], Path | None]:
    if source.local:
        return lambda name: path if (path := Path(source.where) / name).is_file() else None
    from huggingface_hub import try_to_load_from_cache

    def find(name: str) -> Path | None:
        found = try_to_load_from_cache(source.where, name, revision=source.revision)
        return Path(found) if isinstance(found, str) else None

    return find


def _missing_weights(find: Callable[[str], Path | None]) -> list[str]:
    for whole in _WHOLE:
        index = find(f"{whole}.index.json")
        if find(whole) is not None:
            return []
        if index is not None:
            shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
            return [shard for shard in shards if find(shard) is None]
    return ["model.safetensors (weights)"]


def missing_files(source: Source, needed: Kinds = ALL) -> list[str]:
    """Names of the files that are not there; of a kind that has several names, the first.

    Args:
        needed: besides configuration and weights.
    """
    find = _finder(source)
    missing = [] if find("config.json") is not None else ["config.json"]
    missing += _missing_weights(find)
    for kind, names in needed:
        if all(find(name) is None for name in names):
            missing.append(f"{names[0]} ({kind})")
    return missing


def check_files(source: Source, needed: Kinds = ALL) -> None:
    """Refuse a folder, or offline an id, of which files are missing; what can be downloaded is not missing.

    Raises:
        ModelError: names the files and how to get them.
    """
    if source.local or offline():
        missing = missing_files(source, needed)
        if missing:
            raise lacking(source, missing)


def lacking(source: Source, missing: Sequence[str]) -> ModelError:
    """The error that names the files and how to get them."""
    listed = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    if source.local:
        return ModelError(
            "model folder",
            value=source.where,
            expected=f"{listed} in it",
            fix="Copy the folder again, or save model and processor there with save_pretrained.",
        )
    return ModelError(
        "hub cache of",
        value=str(source),
        expected=f"{listed} in it, for there is no connection to fetch more",
        fix=f"Once online: hf download {source.where} --revision {source.revision}",
    )
