"""``molyneux``: all verbs. Nothing heavy is imported until a verb runs."""

from __future__ import annotations

from typing import Annotated

import typer

from molyneux.cli import (
    ablate,
    atlas,
    caption,
    convert,
    decode,
    demo,
    doctor,
    explore,
    export,
    miniature,
    neurons,
    report,
    reproduce,
    verify,
)
from molyneux.cli.frame import Verbs
from molyneux.cli.parts import with_parts

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


app.command("demo")(with_parts(demo.demo))
app.command("caption")(with_parts(caption.caption))
app.command("neurons")(with_parts(neurons.neurons))
app.command("decode")(with_parts(decode.decode))
app.command("ablate")(with_parts(ablate.ablate))
app.add_typer(atlas.app, name="atlas")
app.command("reproduce")(with_parts(reproduce.reproduce))
app.command("report")(report.report)
app.command("explore")(with_parts(explore.explore))
app.command("export")(with_parts(export.export))
app.command("verify")(verify.verify)
app.command("convert")(convert.convert)
app.add_typer(miniature.app, name="miniature")
app.command("doctor")(with_parts(doctor.doctor))


def main() -> None:
    """The entry point."""
    app()
