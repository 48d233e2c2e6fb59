"""From a published projection to one folder that transformers opens, with everything that the model needs."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from molyneux.ground.errors import SettingError
from molyneux.ground.estimate import free_bytes
from molyneux.ground.stopping import stoppable, unstopped
from molyneux.models.limber.modeling import LimberForConditionalGeneration
from molyneux.models.limber.published import build_published, find_published
from molyneux.models.load import DTYPES
from molyneux.models.memory import Need, need_of, places, plan
from molyneux.models.presets import preset

__all__ = ["convert"]

#: Larger files are cut: a shard is what is held twice, at most, while it is written.
_SHARD = "2GB"


def convert(
    projection: str | Path,
    out: str | Path,
    *,
    model: str = "limber-beit",
    vision: str | Path | None = None,
    text: str | Path | None = None,
    dtype: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Join a published LiMBeR and save it as a folder for ``AutoModelForImageTextToText`` and pipelines.

    The projection is read without executing anything and checked before a model loads. The folder is written
    beside its place and gets its name when it is whole; errors, Ctrl-C, SIGTERM and a closed terminal leave nothing.

    Args:
        projection: ``proj.ckpt``, or a safetensors file with ``weight`` and ``bias``.
        out: a folder that is not there yet, or empty.
        model: a preset.
        vision: folder or hub id in the place of the preset's encoder.
        text: the same for its language model.
        dtype: of all weights; None keeps the language model in bfloat16, to which LiMBeR rounds it, and the rest in
            float32: nothing is lost then.
        say: told what is being done.

    Raises:
        ModelError: the projection or a part is wrong, or memory is too small.
        SettingError: ``out`` holds something, or preset or dtype are unknown.
        OSError: the disk is too small, or nothing can be written there.
        Stopped: a signal asked for an end.
    """
    target, chosen = _target(out), _dtype(dtype)
    found = find_published(preset(model), projection, vision, text)
    need = need_of(LimberForConditionalGeneration, found.config())
    if need is not None:
        small = chosen or torch.bfloat16
        _check_disk(target, need.weights * small.itemsize)
        if os.environ.get("MOLYNEUX_MEMORY") != "ignore":
            plan(Need(need.weights, 0), places(torch.device("cpu"), chosen=True), dtype=small, what=model)
    with (
        stoppable(),
        _beside(target) as aside,
    ):  # a place that cannot be written to is told before anything loads
        say(f"the projection is sound; loading {found.vision} and {found.text}")
        made, processor = build_published(found, dtype=chosen)
        say(f"writing {sum(weight.nbytes for weight in made.parameters()) / 1e9:.1f} GB")
        _write(made, processor, aside, target)
    return Path(out).absolute()


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A folder on the target's disk that goes however the block ends, with the parents made for it if it fails."""
    made = [parent for parent in target.parents if not parent.exists()]
    aside = None
    try:
        with unstopped():
            target.parent.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=f".{target.name[:50]}.", dir=target.parent))
        yield aside
    finally:
        with unstopped():  # a second signal waits until everything is gone
            if aside is not None:
                shutil.rmtree(aside, ignore_errors=True)
            for parent in made:  # innermost first
                with suppress(OSError):  # it holds what was made
                    parent.rmdir()


def _write(model: Any, processor: Any, aside: Path, target: Path) -> None:
    """Everything beside the target, which gets its name at once."""
    whole = aside / "model"
    try:
        model.save_pretrained(whole, max_shard_size=_SHARD)
    except SafetensorError as error:  # a full disk, in the words of the library
        raise OSError(errno.EIO, f"cannot write the weights ({error})", str(target)) from error
    processor.save_pretrained(whole)
    with unstopped():
        if target.is_dir():
            target.rmdir()  # empty, as checked before; if no longer, this fails and nothing is lost
        whole.rename(target)


def _target(out: str | Path) -> Path:
    """Where the folder really goes: behind symbolic links, which stay."""
    target = Path(out).resolve()
    if target.is_dir() and os.path.ismount(target):
        raise SettingError(
            "output folder",
            value=str(out),
            expected="a folder that can be replaced by the finished one; this is where a disk is mounted",
            fix="Name a folder inside it.",
        )
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise SettingError(
            "output folder",
            value=str(out),
            expected="a folder that is not there yet, or empty",
            fix="Choose another name: nothing is written over.",
        )
    return target


def _dtype(name: str | None) -> torch.dtype | None:
    if name is not None and name not in DTYPES:
        raise SettingError("dtype", value=name, expected=f"one of {', '.join(DTYPES)}")
    return None if name is None else DTYPES[name]


def _check_disk(target: Path, size: int) -> None:
    free = free_bytes(target.parent)
    if free < size:
        said = f"about {size / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB free"
        raise OSError(errno.ENOSPC, said, str(target))
