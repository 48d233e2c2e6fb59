"""``molyneux convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from molyneux.cli.console import note, waiting
from molyneux.cli.options import quiet_transformers
from molyneux.cli.parts import Text, Vision

__all__ = ["convert"]


def convert(
    projection: Annotated[
        Path, typer.Argument(metavar="PROJ", help="The published proj.ckpt.", show_default=False)
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="A folder that is not there yet, or empty.", show_default=False),
    ],
    model: Annotated[
        str,
        typer.Option("--model", metavar="PRESET", help="limber-beit, limber-beit-ft, limber-clip, ..."),
    ] = "limber-beit",
    vision: Vision = None,
    text: Text = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            "--dtype",
            metavar="DTYPE",
            help="Of all weights: float32, bfloat16, float16. If left out, the language model in bfloat16 and "
            "the rest in float32: nothing is lost.",
        ),
    ] = None,
) -> None:
    """Join a published LiMBeR into one folder that transformers opens.

    Example: molyneux convert proj.ckpt limber-beit
    """
    with waiting("joining"):
        quiet_transformers()
        from molyneux.models.convert import convert as join

        folder = join(projection, out, model=model, vision=vision, text=text, dtype=dtype, say=note)
    typer.echo(folder)
    note(f"Use it with --model {out}. In Python, import molyneux.models.limber lets transformers open it.")
