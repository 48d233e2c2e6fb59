"""``molyneux``: all verbs. Nothing heavy is imported until a verb runs."""

from __future__ import annotations

from typing import Annotated

import typer

from molyneux.cli import ablate, caption, decode, demo, doctor, miniature, neurons
from molyneux.cli.frame import Verbs

__all__ = ["app", "main"]

app = typer.Typer(
    name="molyneux",
    cls=Verbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find, decode, locate and causally test the neurons that put a word into a caption.",
)


def _version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"molyneux {version('molyneux')}")
        raise typer.Exit()
    return wanted


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Find, decode, locate and causally test the neurons that put a word into a caption."""


app.command("demo")(demo.demo)
app.command("caption")(caption.caption)
app.command("neurons")(neurons.neurons)
app.command("decode")(decode.decode)
app.command("ablate")(ablate.ablate)
app.add_typer(miniature.app, name="miniature")
app.command("doctor")(doctor.doctor)


def main() -> None:
    """The entry point."""
    app()
