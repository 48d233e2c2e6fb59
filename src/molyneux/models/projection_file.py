"""A projection from a file: its tensors are read, checked, and nothing in the file is executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from molyneux.ground.errors import ModelError, NonFiniteError

__all__ = ["check_fits", "check_projection", "read_projection"]

_KEYS = ("bias", "weight")
_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def read_projection(path: str | Path) -> dict[str, Tensor]:
    """The ``weight`` [text dim, vision dim] and ``bias`` [text dim] of a linear layer, on the CPU.

    Reads what LiMBeR publishes, a pickled state dict (``torch.load`` with ``weights_only=True``, which builds
    tensors and calls nothing else), or a safetensors file; which of the two is told by the content.

    Raises:
        ModelError: no such file, not a state dict, code in it, other keys, shapes or dtypes.
        NonFiniteError: NaN or infinity in it.
    """
    file = Path(path)
    if not file.is_file():
        raise ModelError(
            "projection",
            value=str(path),
            expected="a file with a linear layer's weight and bias, such as LiMBeR's proj.ckpt",
            fix="Check the path.",
        )
    state = _safetensors(file) if _is_safetensors(file) else _pickled(file)
    return check_projection(state, str(path))


def _is_safetensors(file: Path) -> bool:
    """8 bytes of header length, then JSON; a pickle or zip archive never has ``{`` there."""
    with file.open("rb") as opened:
        return opened.read(9)[8:] == b"{"


def _safetensors(file: Path) -> Any:
    try:
        return load_file(file)
    except (
        SafetensorError,
        ValueError,
        KeyError,
        TypeError,
    ) as error:  # the latter: a dtype that torch lacks
        raise _unreadable(file, error) from error


def _pickled(file: Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # of any kind: a damaged pickle ends in whatever first stumbles over it
        text = _text(file)
        if text is not None:
            raise text from error
        if "Unsupported global" in str(error) or "weights_only" in str(error):
            raise ModelError(
                "projection",
                value=str(file),
                expected="a pickle of plain tensors; this one holds code or objects, which were not executed",
                fix="Take the published proj.ckpt, or save {'weight': ..., 'bias': ...} with safetensors.",
            ) from error
        raise _unreadable(file, error) from error


def _text(file: Path) -> ModelError | None:
    """The error for what downloads leave in a checkpoint's place: no pickle or zip archive begins so."""
    with file.open("rb") as opened:
        start = opened.read(256).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"version https://git-lfs"):
        found, fix = (
            "a git-LFS pointer, which only names the file",
            "Run git lfs pull there, or download the file",
        )
    elif start.startswith(b"<"):
        found, fix = "a web page (HTML or XML)", "Download the file itself, by its raw link,"
    else:
        return None
    return ModelError(
        "projection",
        value=str(file),
        expected=f"a PyTorch or safetensors file; this is {found}",
        fix=f"{fix} and give its path.",
    )


def _unreadable(file: Path, error: Exception) -> ModelError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ModelError(
        "projection",
        value=str(file),
        expected="a PyTorch or safetensors file that is whole",
        fix=f"It cannot be read ({reason}): fetch it again.",
    )


def check_projection(state: Any, name: str = "projection") -> dict[str, Tensor]:
    """``weight`` and ``bias`` of one linear layer, finite and floating; any shape that fits together.

    Raises:
        ModelError, NonFiniteError: as ``read_projection``.
    """
    _check_keys(state, name)
    for key in _KEYS:
        _check_kind(state[key], f"{key} of projection {name}")
    shapes = {key: tuple(state[key].shape) for key in ("weight", "bias")}
    if len(shapes["weight"]) != 2 or shapes["bias"] != shapes["weight"][:1] or 0 in shapes["weight"]:
        raise ModelError(
            f"projection {name}",
            value=shapes,
            expected="weight [text dim, vision dim] and bias [text dim], neither of them empty",
            fix="Take the projection of one linear layer.",
        )
    for key in ("weight", "bias"):
        wrong = int((~torch.isfinite(state[key])).sum())
        if wrong:
            raise NonFiniteError(
                f"{key} of projection {name}",
                value=f"{wrong} of {state[key].numel()} are NaN or infinite",
                expected="finite numbers",
                fix="The file is damaged, or its training diverged: fetch it again.",
            )
    return {key: state[key] for key in ("weight", "bias")}


def _check_kind(tensor: Tensor, what: str) -> None:
    """Only numbers that are all there, a number an entry, can be looked at one by one."""
    kind = (
        "nested"
        if tensor.is_nested
        else "without values (meta)"
        if tensor.is_meta
        else str(tensor.layout).removeprefix("torch.")
        if tensor.layout != torch.strided
        else ""
    )
    if kind or tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
        raise ModelError(
            what,
            value=f"a tensor that is {kind or 'expanded'}",
            expected="a plain dense tensor",
            fix="Save weight.to_dense().contiguous() and bias of the linear layer itself.",
        )
    if tensor.dtype not in _DTYPES:
        raise ModelError(
            what,
            value=str(tensor.dtype).removeprefix("torch."),
            expected="float16, bfloat16, float32 or float64",
            fix="Quantised projections are not supported: take the original.",
        )


def _check_keys(state: Any, name: str) -> None:
    found = sorted(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
    tensors = isinstance(state, Mapping) and all(isinstance(value, Tensor) for value in state.values())
    if found != list(_KEYS) or not tensors:
        shown = found if isinstance(found, str) else found[:6]
        raise ModelError(
            f"projection {name}",
            value=shown,
            expected="a state dict with the tensors 'weight' and 'bias' and nothing else",
            fix="Save the linear layer's own state_dict().",
        )


def check_fits(state: Mapping[str, Tensor], text_width: int, vision_width: int) -> None:
    """Refuse a projection that does not lead from this encoder to this language model.

    Raises:
        ModelError: "expected 4096 x 1024, got ...".
    """
    found = tuple(state["weight"].shape)
    if found != (text_width, vision_width):
        turned = found == (vision_width, text_width)
        raise ModelError(
            "projection weight",
            value=" x ".join(map(str, found)),
            expected=f"{text_width} x {vision_width} (language model x image encoder), "
            f"got {found[0]} x {found[1]}",
            fix="Transpose it."
            if turned
            else "Take the projection that was trained for this encoder and language model.",
        )
