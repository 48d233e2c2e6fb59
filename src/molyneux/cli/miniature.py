"""``molyneux miniature``: the small machine, from its world to its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from molyneux.cli.console import counting, emit, note, stdout
from molyneux.cli.options import AsJson, Device, Model, open_captioner, quiet_transformers

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
    """Train a miniature from nothing: encoder, text model, the one linear layer between, and two judges.

    About an hour and a half on two CPU cores; goes on where it was interrupted.

    Example: molyneux miniature build my-miniature
    """
    from molyneux.miniature.recipe import build as train
    from molyneux.models.load import choose_device

    quiet_transformers()
    train(out, device=str(choose_device(device)))
    note(f"trained. Use it with --model {out / 'model'}")


@app.command("evaluate")
def evaluate(
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Draw fresh scenes from here on; else the shipped held-out ones."),
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Fresh scenes, with --seed.")] = 400,
    model: Model = "miniature",
    device: Device = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="The table that the model card carries.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure a miniature on held-out scenes: captions, neurons, ablation, places, all beside random ones.

    Example: molyneux miniature evaluate --json
    """
    from molyneux.experiments.miniature import evaluate as measure

    captioner = open_captioner(model, device, None)
    with counting("measuring") as progress:
        result = measure(seed=seed, count=count, captioner=captioner, progress=progress)
    if as_json:
        emit(result)
    elif as_markdown:
        from molyneux.experiments.miniature_table import markdown

        typer.echo(markdown(result))
    else:
        from molyneux.cli.screens import facts

        stdout().print(facts(result))
