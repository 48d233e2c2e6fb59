"""Single files of a model, in a folder or on the hub: only what is asked for is downloaded."""

from __future__ import annotations

from pathlib import Path

from molyneux.ground.errors import ModelError
from molyneux.models.presence import lacking
from molyneux.models.source import Source

__all__ = ["fetch_file", "find_file"]


def find_file(source: Source, name: str) -> Path | None:
    """Where a file of a model lies, after a download if need be; None if there is none of that name.

    None, too, where there is no connection and the file is not in the hub's cache.

    Raises:
        ModelError: the hub does not know the model or its revision, or does not let you have it.
    """
    if source.local:
        path = Path(source.where) / name
        return path if path.is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError

    try:
        return Path(hf_hub_download(source.where, name, revision=source.revision))
    except EntryNotFoundError:
        return None
    except (HfHubHTTPError, HFValidationError) as error:
        said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ModelError(
            "model",
            value=str(source),
            expected="a folder, or a hub id and revision that you may read",
            fix=f"The hub says: {said}",
        ) from error


def fetch_file(source: Source, name: str) -> Path:
    """Where a file of a model lies, after a download if need be.

    Raises:
        ModelError: it is not there, or cannot be reached; the message has the command that gets it.
    """
    path = find_file(source, name)
    if path is None:
        raise lacking(source, [name])
    return path
