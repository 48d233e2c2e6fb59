"""Arguments and options that verbs share."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import cache
from logging import ERROR, getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from molyneux.models.captioner import Captioner

__all__ = [
    "AsJson",
    "Device",
    "Dtype",
    "Images",
    "Model",
    "Reduce",
    "Save",
    "Site",
    "TokenIndex",
    "Word",
    "lazy_captioner",
    "open_captioner",
    "quiet_transformers",
    "target_of",
]

Images = Annotated[list[str], typer.Argument(metavar="IMG...", help="Image files.", show_default=False)]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="'miniature', a folder, a hub id, or a LiMBeR preset such as limber-beit.",
        rich_help_panel="Model",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="cpu, cuda, cuda:1, mps; chosen if left out.",
        rich_help_panel="Model",
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        "--dtype",
        metavar="DTYPE",
        help="float32 (if left out), bfloat16, float16, float64, or auto: the checkpoint's.",
        rich_help_panel="Model",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of a screen.")]
Word = Annotated[
    str | None, typer.Option("--word", metavar="WORD", help="A word of the caption; else its first noun.")
]
TokenIndex = Annotated[
    int | None,
    typer.Option("--token", metavar="INDEX", min=0, help="A token of the caption by its index, from 0."),
]
Save = Annotated[
    Path | None,
    typer.Option(
        "--save", metavar="FIG", help="Write the figure: FIG.png, .svg or .pdf, or a folder for one an image."
    ),
]


class Site(StrEnum):
    """Where a unit's value is read."""

    pre = "pre"
    post = "post"
    gate = "gate"


class Reduce(StrEnum):
    """How a unit's scores at all patches become one."""

    max = "max"
    sum = "sum"


def lazy_captioner(
    model: str, device: str | None, dtype: str | None, *, now: bool
) -> Callable[[], Captioner]:
    """The captioner when it is asked for: a single image that cannot be used is told before a model loads.

    Args:
        now: load at once, so that no spinner meets the progress bar of several images.
    """
    made = cache(lambda: open_captioner(model, device, dtype))
    if now:
        made()
    return made


def target_of(word: str | None, token: int | None) -> str | int | None:
    """What ``attribute`` takes as its target."""
    if word is not None and token is not None:
        raise typer.BadParameter("give --word or --token, not both", param_hint="--word")
    return word if word is not None else token


def open_captioner(model: str, device: str | None, dtype: str | None) -> Captioner:
    """Load a model, with the parts given on the command line, without the bars that transformers would print."""
    from molyneux.cli.console import waiting
    from molyneux.cli.parts import chosen_parts
    from molyneux.cli.threads import spare

    with waiting(f"loading {model}"):
        quiet_transformers()
        from molyneux.models.load import load

        captioner = load(model, device=device, dtype=dtype, **chosen_parts())
    spare(captioner)
    return captioner


def quiet_transformers() -> None:
    """No bars and notes of transformers and the hub; their errors stay."""
    from transformers.utils import logging

    getLogger("huggingface_hub").setLevel(ERROR)
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
