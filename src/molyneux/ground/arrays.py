"""Named arrays of a run, as safetensors: nothing in them can be executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from molyneux.ground.files import keep, kept, safe_name
from molyneux.ground.run_errors import DamagedError

__all__ = ["array_path", "read_arrays", "write_arrays"]


def array_path(folder: Path, name: str) -> Path:
    """Where arrays of that name lie in a run's ``arrays`` folder."""
    return folder / f"{safe_name(name)}.safetensors"


def write_arrays(folder: Path, name: str, arrays: Mapping[str, Shaped[np.ndarray, ...]]) -> Path:
    """Write named arrays into one file, whole or not at all, its hash beside it.

    Raises:
        StorageError: it cannot be written.
    """
    from safetensors.numpy import save  # NumPy's side of it: no torch comes along

    path = array_path(folder, name)
    keep(path, save({key: np.asarray(array, order="C") for key, array in arrays.items()}))
    return path


def read_arrays(folder: Path, name: str) -> dict[str, Shaped[np.ndarray, ...]]:
    """The arrays that ``write_arrays`` wrote.

    Raises:
        DamagedError: the file is not what was written, or is not there.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = array_path(folder, name)
    try:
        return dict(load(kept(path)))
    except SafetensorError as error:
        raise DamagedError(path, f"it is no safetensors file: {error}") from error
