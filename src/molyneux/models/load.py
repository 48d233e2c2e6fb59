"""From a name, a folder, a hub id or a loaded model to a Captioner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from molyneux.ground.assets import asset
from molyneux.ground.errors import ModelError, SettingError
from molyneux.models.captioner import Captioner

__all__ = ["DTYPES", "choose_device", "load"]

#: Names that the command line takes for ``--dtype``.
DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float64": torch.float64,
}


def choose_device(device: str | torch.device | None = None) -> torch.device:
    """The device asked for, or the first of CUDA, MPS and CPU that is there.

    Raises:
        SettingError: the device asked for is not there.
    """
    if device is None or device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise SettingError(
            "device",
            value=str(device),
            expected="a device that this torch sees (cpu, cuda, cuda:1, mps)",
            fix="Leave --device out to have one chosen.",
        ) from error
    return chosen


def _choose_dtype(dtype: str | torch.dtype | None) -> torch.dtype | str:
    """float32 on every device unless asked: scores are small differences; "auto" keeps the checkpoint's."""
    if dtype is None:
        return torch.float32
    if isinstance(dtype, torch.dtype) or dtype == "auto":
        return dtype
    if dtype not in DTYPES:
        raise SettingError("dtype", value=dtype, expected=f"one of {', '.join(DTYPES)}, auto")
    return DTYPES[dtype]


def _check_name(source: str | Path) -> None:
    """A text OWNER/NAME may be a hub id; anything else can only be a folder, and no network is asked for it."""
    name = str(source)
    may_be_id = isinstance(source, str) and name.count("/") == 1 and not name.startswith(("/", ".", "~"))
    if name != "miniature" and not may_be_id and not Path(name).is_dir():
        raise ModelError(
            "model",
            value=name,
            expected="'miniature', an existing folder, or a hub id OWNER/NAME",
            fix="Check the path.",
        )


def load(
    source: str | Path | Any = "miniature",
    *,
    processor: Any = None,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    revision: str = "main",
    prompt: str | None = None,
) -> Captioner:
    """Load a model to study.

    Args:
        source: ``"miniature"`` (ships with the package, downloads nothing), a folder, a hub id, or a loaded
            transformers model, which is used as it is, where it is.
        processor: of a loaded model; for folders and ids it is found beside the weights.
        device: None takes CUDA, then MPS, then the CPU.
        dtype: None is float32; ``"auto"`` the checkpoint's own.
        revision: of a hub id.
        prompt: the text after the image; None takes the processor's own.

    Raises:
        ModelError: nothing that can be read as a vision-language model is there.
        SettingError: an unknown device or dtype.
    """
    import molyneux.models.limber  # noqa: F401  (registers LiMBeR with transformers' Auto classes)

    if not isinstance(source, str | Path):
        if processor is None:
            raise ModelError(
                "processor",
                value=None,
                expected="the processor of a loaded model",
                fix="load(model, processor=...)",
            )
        return Captioner(source, processor, name=type(source).__name__, prompt=prompt)
    name, chosen = str(source), _choose_dtype(dtype)
    _check_name(source)
    where = str(asset("miniature/model")) if name == "miniature" else name
    model, found = _from_pretrained(where, chosen, revision, processor)
    return Captioner(model.to(choose_device(device)), found, name=name, prompt=prompt)


def _from_pretrained(where: str, dtype: torch.dtype | str, revision: str, processor: Any) -> tuple[Any, Any]:
    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText, AutoProcessor

    # Code from a checkpoint is never run, and nobody is asked whether it may.
    options: dict[str, Any] = {"revision": revision, "trust_remote_code": False}
    try:
        if processor is None:
            processor = AutoProcessor.from_pretrained(where, backend="pil", **options)  # type: ignore[no-untyped-call]
        found: Any = AutoModelForImageTextToText.from_pretrained(
            where, dtype=dtype, output_loading_info=True, **options
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            "model",
            value=where,
            expected="'miniature', or a folder or hub id of an image-text-to-text model with its processor",
            fix=f"transformers says: {reason}",
        ) from error
    model, loaded = found
    wrong = sorted([*loaded["missing_keys"], *(key for key, *_ in loaded["mismatched_keys"])])
    if wrong:
        raise ModelError(
            "checkpoint",
            value=where,
            expected=f"every weight in it; {len(wrong)} are missing or of another shape, such as {wrong[0]}",
            fix="transformers would fill them with random numbers: fetch the checkpoint again.",
        )
    return model, processor
