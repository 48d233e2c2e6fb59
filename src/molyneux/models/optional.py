"""Files that a hub model may do without: whether one was passed over only for want of a connection."""

from __future__ import annotations

import warnings

from molyneux.models.source import Source

__all__ = ["unknown_files", "warn_of_unknown"]

#: Optional files that change what a model says -> what then changes.
_OPTIONAL = {
    "generation_config.json": "captions may end elsewhere and hold tokens that the model is told not to write",
    "chat_template.jinja": "the model is meant to be asked in it, and its captions are others",
}


def _unknown(source: Source, name: str) -> bool:
    """Whether nobody here can tell if the hub has this file."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    # Its path, or a note that there is no such file, from when there was a connection.
    if try_to_load_from_cache(source.where, name, revision=source.revision) is not None:
        return False
    try:
        hf_hub_download(source.where, name, revision=source.revision)
    except (LocalEntryNotFoundError, HfHubHTTPError) as error:
        return not isinstance(error, EntryNotFoundError) or isinstance(error, LocalEntryNotFoundError)
    return False


def unknown_files(source: Source, *, template: bool = True) -> list[str]:
    """Names of optional files of a hub model that are neither in the cache nor known to be absent from the hub.

    None for a folder: what is not in it does not belong to the model. Asks the hub, unless offline.

    Args:
        template: whether the model is asked in a chat template, and has got none yet.
    """
    if source.local:
        return []
    names = [name for name in _OPTIONAL if template or name != "chat_template.jinja"]
    return [name for name in names if _unknown(source, name)]


def warn_of_unknown(source: Source, *, template: bool = True) -> None:
    """A ``UserWarning`` for each of ``unknown_files``: with a connection the model might say something else."""
    for name in unknown_files(source, template=template):
        warnings.warn(
            f"{name} of {source} is not in the hub's cache, and there is no connection to ask whether the model "
            f"has one. If it has, {_OPTIONAL[name]}. Once online: "
            f"hf download {source.where} {name} --revision {source.revision}",
            stacklevel=1,
        )
