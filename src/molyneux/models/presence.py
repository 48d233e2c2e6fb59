"""Which of a model's files are not there, in a folder or in the hub's cache, without opening a connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from molyneux.ground.errors import ModelError
from molyneux.models.source import Source

__all__ = [
    "ALL",
    "TEXT",
    "VISION",
    "Kinds",
    "absent_files",
    "check_files",
    "check_json",
    "lacking",
    "missing_files",
    "offline",
    "shard_files",
]

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
#: Files of settings: each a JSON object, if it is there.
_SETTINGS = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer_config.json",
)


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


def shard_files(index: Path) -> dict[str, str]:
    """Tensor name -> name of the file beside an index that holds it.

    Raises:
        ModelError: the index is damaged, or names files elsewhere.
    """
    files = _object(index).get("weight_map")
    # A name that leaves the folder would have any file of the machine read as weights.
    if not isinstance(files, dict) or any(Path(str(file)).name != file for file in files.values()):
        raise ModelError(
            "index of weights",
            value=index.name,
            expected="weight_map: tensor names and names of files beside it",
            fix="Fetch it again.",
        )
    return files


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        reason = f"it cannot be read ({error})"
    else:
        if isinstance(found, dict):
            return found
        reason = f"it holds {'null' if found is None else 'a ' + type(found).__name__}"
    raise ModelError(
        "model file", value=str(path), expected="a JSON object", fix=f"Fetch it again: {reason}."
    )


def check_json(source: Source, names: Sequence[str] = _SETTINGS) -> None:
    """Refuse files of settings that are there and hold no JSON object.

    Raises:
        ModelError: names the first of them.
    """
    find = _finder(source)
    for name in names:
        path = find(name)
        if path is not None:
            _object(path)


def _missing_weights(find: Callable[[str], Path | None]) -> list[str]:
    for whole in _WHOLE:
        index = find(f"{whole}.index.json")
        if find(whole) is not None:
            return []
        if index is not None:
            shards = sorted(set(shard_files(index).values()))
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
    missing = absent_files(source, needed)
    if missing:
        raise lacking(source, missing)
    check_json(source)


def absent_files(source: Source, needed: Kinds = ALL) -> list[str]:
    """Files that are missing from a folder, or offline from the cache; none where they can be downloaded."""
    return missing_files(source, needed) if source.local or offline() else []


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
