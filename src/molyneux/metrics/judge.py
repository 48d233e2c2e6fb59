"""Which model scores: where it is found, its name and hash, and what is said when it is not the one wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path

import numpy as np
from jaxtyping import Float

from molyneux.ground.assets import asset
from molyneux.ground.errors import AssetError, ModelError, SettingError
from molyneux.models.presence import Kinds, check_files, missing_files
from molyneux.models.source import Source, find_source

__all__ = ["Found", "JudgeCard", "Scores", "find_judge", "hash_weights"]

_LOG = getLogger(__name__)
#: The miniature's own judges, by this name.
MINIATURE = "miniature"
_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
_SMALL = ("*.json", "*.txt", "*.model")


@dataclass(frozen=True)
class JudgeCard:
    """Which model scored, as every table says below its figures."""

    metric: str
    """"CLIPScore" or "BERTScore F1"."""
    name: str
    """``miniature``, a hub id, or a folder, as it was asked for."""
    weights: str
    """First 16 hexadecimal digits of the weights' SHA-256."""
    options: str = ""
    """What else decides the score: the layer, words put before texts."""
    default: bool = False
    """Whether it is the pick that figures of the paper may be put beside."""
    note: str = ""
    """Why another than the default pick scored; empty where it did not."""

    def __str__(self) -> str:
        said = [self.name, *([self.options] if self.options else []), f"weights {self.weights}"]
        return f"{self.metric}: {', '.join(said)}" + (f". {self.note}" if self.note else "")


@dataclass(frozen=True)
class Scores:
    """What a judge said of every pair."""

    values: Float[np.ndarray, " pair"]
    """CLIPScore from 0 to 100, or BERTScore F1."""
    cut: int
    """Pairs of which a text was longer than the model reads, so that its end was left out."""
    judge: JudgeCard


@dataclass(frozen=True)
class Found:
    """Where a judge's files lie, and what its card will say."""

    folder: Path
    name: str
    note: str


def find_judge(
    asked: str | Path | None, picks: Sequence[str], *, part: str, needed: Kinds, download: bool
) -> Found:
    """The folder of a judge; the network is used only with ``download``.

    Args:
        asked: "miniature", a folder or a hub id; None: the first of ``picks`` that is in the hub's cache, or can
            be downloaded, otherwise the miniature's own, with a note that says so.
        picks: hub ids of the default, several where one model has several names.
        part: folder of the miniature's judge, "clip" or "bert".
        needed: kinds of files besides configuration and weights.
        download: fetch what is missing from the hub.

    Raises:
        ModelError: the model asked for is not there; the message names the files and the command.
        AssetError: the miniature's judges did not ship.
    """
    if asked is not None and str(asked) == MINIATURE:
        return Found(_own(part), MINIATURE, "")
    if asked is not None:
        return Found(_folder(find_source(asked), needed, download), str(asked), "")
    for pick in picks:
        try:
            return Found(_folder(Source(pick), needed, download), pick, "")
        except ModelError as error:
            why = error
            _LOG.debug("%s: %s", pick, error)
    where = "could not be downloaded" if download else "is not in the hub's cache"
    note = (
        f"{picks[0]} {where}, so the miniature's own judge scored: figures of the paper are not comparable. "
        f"To get it: hf download {picks[0]}"
    )
    try:
        folder = _own(part)
    except AssetError as error:
        raise error from why
    _LOG.warning("%s", note)
    return Found(folder, MINIATURE, note)


def _own(part: str) -> Path:
    return asset(f"miniature/judges/{part}")


def _folder(source: Source, needed: Kinds, download: bool) -> Path:
    """The folder itself, or the one of the hub's cache."""
    if source.local:
        check_files(source, needed)
        return Path(source.where)
    missing = missing_files(source, needed)
    if missing and download:
        _fetch(source)
        missing = missing_files(source, needed)
    if missing:
        raise ModelError(
            "judge",
            value=str(source),
            expected=f"{', '.join(missing)} in the hub's cache, for nothing is downloaded "
            + ("without a connection" if download else "unless you ask for it"),
            fix=f"hf download {source.where} --revision {source.revision}, or name a folder, or 'miniature'.",
        )
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source.where, "config.json", revision=source.revision)
    assert isinstance(found, str), "missing_files has just seen it"
    return Path(found).parent


def _fetch(source: Source) -> None:
    """Download a model's small files and its weights: safetensors, pickled ones only where there are no others.

    Without a connection nothing happens: the caller looks at what is there.

    Raises:
        ModelError: the hub does not know the model, or does not let you have it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    safe, pickled = _WEIGHTS
    try:
        snapshot_download(source.where, revision=source.revision, allow_patterns=[*_SMALL, safe, f"{safe}.*"])
        if any("(weights)" in name for name in missing_files(source, ())):
            patterns = [pickled, f"{pickled}.*"]
            snapshot_download(source.where, revision=source.revision, allow_patterns=patterns)
    except (HfHubHTTPError, HFValidationError) as error:
        raise ModelError(
            "judge",
            value=str(source),
            expected="a hub id and revision that you may read",
            fix=f"The hub says: {(str(error).strip() or type(error).__name__).splitlines()[0]}",
        ) from error
    except Exception as error:  # no connection: its class depends on the hub library's version
        _LOG.debug("%s: %s", source, error)


def hash_weights(folder: Path) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a folder's weights, its shards in order of their names.

    Raises:
        SettingError: the folder holds no weights.
    """
    files = next((found for kind in _WEIGHTS if (found := sorted(folder.glob(kind)))), [])
    if not files:
        raise SettingError("judge's folder", value=str(folder), expected="weights in it")
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]
