"""From a name, a folder, a hub id or a loaded model to a Captioner."""

from __future__ import annotations

import os
from logging import getLogger
from pathlib import Path
from typing import Any, TypedDict, Unpack

import torch

from molyneux.ground.assets import asset
from molyneux.ground.errors import ModelError, SettingError
from molyneux.models.captioner import Captioner
from molyneux.models.checkpoint import model_class, read_config
from molyneux.models.layout import find_layout
from molyneux.models.memory import Plan, need_of_model, places, plan, weightless
from molyneux.models.opening import open_processor, open_weights
from molyneux.models.optional import warn_of_unknown
from molyneux.models.presence import ALL, Kinds, absent_files, check_json, lacking
from molyneux.models.presets import PRESETS
from molyneux.models.senses import placeholder
from molyneux.models.source import Source, find_source

__all__ = ["DTYPES", "Parts", "choose_device", "load"]

_LOG = getLogger(__name__)

#: Images at once for which memory is planned: what ``caption`` and ``attribute`` take if nobody asks.
_BATCH = 16
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
        torch.empty(1, device=chosen).item()  # "meta" has no values to compute with
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


class Parts(TypedDict, total=False):
    """What a LiMBeR preset is made of, where it is not the published."""

    projection: str | Path
    """The published ``proj.ckpt``, or a safetensors file with ``weight`` and ``bias``."""
    vision: str | Path | None
    """Folder or hub id of another encoder."""
    text: str | Path | None
    """Folder or hub id of another language model."""


def load(
    source: str | Path | Any = "miniature",
    *,
    processor: Any = None,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    revision: str = "main",
    prompt: str | None = None,
    **parts: Unpack[Parts],
) -> Captioner:
    """Load a model to study.

    Args:
        source: ``"miniature"`` (ships with the package, downloads nothing), a folder, a hub id (``OWNER/NAME`` or
            ``OWNER/NAME@REVISION``), the name of a published LiMBeR (``"limber-beit"`` and others, see
            ``molyneux.models.presets``), or a loaded transformers model, which is used as it is, where it is.
        processor: of a loaded model; for folders and ids it is found beside the weights.
        device: None takes CUDA, then MPS, then the CPU.
        dtype: None is float32, or bfloat16 where only that fits into memory (a warning says so); ``"auto"`` the
            checkpoint's own.
        revision: of a hub id that names none.
        prompt: the text after the image; None takes the processor's own.
        **parts: of a preset: ``projection`` (needed), ``vision`` and ``text``; see ``Parts``.

    Raises:
        ModelError: nothing that can be read as a vision-language model is there, or it does not fit into memory.
        AssetError: a library that it needs is not installed.
        SettingError: an unknown device or dtype, or parts of a model that is no preset.
    """
    import molyneux.models.limber  # noqa: F401  (registers LiMBeR with transformers' Auto classes)

    given = {name: value for name, value in parts.items() if value is not None}
    # A folder may bear a preset's name: convert may have written one.
    if isinstance(source, str) and source in PRESETS and (given or not Path(source).is_dir()):
        return _published(source, given, device, dtype, prompt)
    if given:
        raise SettingError(
            ", ".join(sorted(given)),
            value=str(source) if isinstance(source, str | Path) else type(source).__name__,
            expected=f"one of the presets {', '.join(PRESETS)} as the model that these are parts of",
            fix="Join any two models with molyneux.models.limber.assemble(vision, text, projection=...).",
        )
    if not isinstance(source, str | Path):
        if not callable(getattr(source, "generate", None)) or not hasattr(source, "config"):
            raise ModelError(
                "model",
                value=type(source).__name__,
                expected="'miniature', a folder, a hub id OWNER/NAME, or a loaded model that writes text",
                fix=f"LiMBeR's presets are {', '.join(PRESETS)}.",
            )
        if processor is None:
            raise ModelError(
                "processor",
                value=None,
                expected="the processor of a loaded model",
                fix="load(model, processor=...)",
            )
        return Captioner(source, processor, name=type(source).__name__, prompt=prompt)
    found = Source(str(asset("miniature/model"))) if source == "miniature" else find_source(source, revision)
    model, reader, made = _open(found, device, dtype, processor)
    return _captioner(model, reader, made, name=str(source), prompt=prompt)


def _captioner(model: Any, reader: Any, made: Plan | None, **settings: Any) -> Captioner:
    """With the batch that fits beside the weights, where that is known."""
    captioner = Captioner(model, reader, **settings)
    captioner.largest_batch = None if made is None or made.batch >= _BATCH else made.batch
    return captioner


def _open(
    source: Source, device: str | torch.device | None, dtype: str | torch.dtype | None, processor: Any
) -> tuple[Any, Any, Plan | None]:
    """Everything small first: files, configuration, class, processor, memory; then the weights."""
    wide, where = _choose_dtype(dtype), choose_device(device)
    config, kind = _recognised(source, () if processor is not None else ALL)
    bare = weightless(kind, config)
    if bare is not None:  # what has no neurons to look at is refused before its weights are read
        placeholder(bare)
        find_layout(bare)
    reader = processor if processor is not None else open_processor(source, config)
    asked = processor is None and config.model_type != "limber"  # in a chat template, where there is one
    warn_of_unknown(source, template=asked and not getattr(reader, "chat_template", None))
    made = _planned(str(source), bare, (device, where), (dtype, wide))
    if made is None:
        model = open_weights(kind, source, wide)
        return model.to(where), reader, None
    to = None if made.place.slow else "auto" if made.place.spread else {"": made.place.name}
    return open_weights(kind, source, wide if wide == "auto" else made.dtype, to), reader, made


def _recognised(source: Source, needed: Kinds) -> tuple[Any, Any]:
    """Configuration and class. That a model sees nothing is said before that files for images are missing."""
    missing = absent_files(source, needed)
    if "config.json" in missing:
        raise lacking(source, missing)
    check_json(source)
    config = read_config(source)
    kind = model_class(config, str(source))
    if missing:
        raise lacking(source, missing)
    return config, kind


def _planned(
    name: str,
    bare: Any,
    device: tuple[str | torch.device | None, torch.device],
    dtype: tuple[str | torch.dtype | None, torch.dtype | str],
    *,
    spread: bool = True,
) -> Plan | None:
    """Where and how the model is read, or None where its size is not known beforehand.

    Args:
        bare: the model without its weights, or None.
        device: what was asked for, and what is there.
        dtype: the same.
        spread: whether it may be laid over several GPUs.
    """
    if bare is None or os.environ.get("MOLYNEUX_MEMORY") == "ignore":
        return None
    (asked, where), (named, wide) = device, dtype
    fixed = _own_dtype(bare.config) if wide == "auto" else wide if named is not None else None
    there = [
        place
        for place in places(where, chosen=asked is not None and asked != "auto")
        if spread or not place.spread
    ]
    fixed = fixed if isinstance(fixed, torch.dtype) else None
    made = plan(need_of_model(bare), there, dtype=fixed, batch=_BATCH, what=name)
    if made.note:
        _LOG.warning("%s: %s", name, made.note)
    return made


def _own_dtype(config: Any) -> torch.dtype:
    own = getattr(config, "dtype", None)
    return own if isinstance(own, torch.dtype) else torch.float32


def _published(
    name: str,
    given: dict[str, Any],
    device: str | torch.device | None,
    dtype: str | torch.dtype | None,
    prompt: str | None,
) -> Captioner:
    """A preset: its projection is read and checked before its models are looked for."""
    from molyneux.models.limber import LimberForConditionalGeneration
    from molyneux.models.limber.published import build_published, find_published

    wide, where = _choose_dtype(dtype), choose_device(device)
    if "projection" not in given:
        raise ModelError(
            f"preset {name}",
            expected="its projection, the published proj.ckpt",
            fix=f"load({name!r}, projection=PATH), or --projection PATH.",
        )
    found = find_published(PRESETS[name], **given)
    wide = torch.float16 if wide == "auto" else wide
    bare = weightless(LimberForConditionalGeneration, found.config())
    # Its parts are read one by one and then joined, on one device.
    made = _planned(name, bare, (device, where), (dtype, wide), spread=False)
    if made is not None:
        wide, where = made.dtype, torch.device(made.place.name)
    assert isinstance(wide, torch.dtype)
    model, reader = build_published(found, dtype=wide, device=where)
    model.to(where)  # type: ignore[arg-type]
    return _captioner(model, reader, made, name=name, prompt=prompt)
