"""``molyneux miniature``: the small machine, from its world to its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from molyneux.cli.console import emit, note, stdout
from molyneux.cli.options import AsJson, Device

__all__ = ["app", "build", "data", "evaluate"]

app = typer.Typer(
    no_args_is_help=True, help="Make, train and check the miniature: the paper's machine, small."
)

Out = Annotated[
    Path, typer.Argument(metavar="OUT", help="A folder; made where it is not there.", show_default=False)
]


@app.command("data")
def data(
    out: Out,
    count: Annotated[int, typer.Option("--count", min=1, help="Images.")] = 200,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of the first scene; the next ones count on.")
    ] = 0,
) -> None:
    """Draw scenes of the miniature's world, with masks and captions, in COCO's layout.

    Example: molyneux miniature data scenes --count 100
    """
    from molyneux.miniature.dataset import write_coco

    note(f"{count} scenes from seed {seed}: {write_coco(out, range(seed, seed + count))}")


@app.command("build")
def build(out: Out, device: Device = None) -> None:
    """Train a miniature from nothing: encoder, text model, and the one linear layer between.

    About two hours on two CPU cores; goes on where it was interrupted.

    Example: molyneux miniature build my-miniature
    """
    from molyneux.miniature.recipe import build as train
    from molyneux.models.load import choose_device

    train(out, device=str(choose_device(device)))
    note(f"trained. Use it with --model {out / 'model'}")


@app.command("evaluate")
def evaluate(device: Device = None, as_json: AsJson = False) -> None:
    """Measure the shipped miniature on its held-out scenes: how often the caption names the main object.

    Example: molyneux miniature evaluate --json
    """
    from molyneux.experiments.miniature import evaluate as measure

    result = measure(device=device)
    if as_json:
        emit(result)
    else:
        from molyneux.cli.screens import facts

        stdout().print(facts(result))
