"""``molyneux verify``: whether a run's files are what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from molyneux.cli.console import emit, note, stdout
from molyneux.cli.frame import ENVIRONMENT
from molyneux.cli.options import AsJson

__all__ = ["verify"]


def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Re-hash a run and name every file that is not what was written.

    Example: molyneux verify my-run
    """
    from rich.text import Text

    from molyneux.ground.printable import inert
    from molyneux.ground.run import open_run
    from molyneux.ground.verify import verify as check

    found = check(run)
    if as_json:
        damaged = [{"file": str(one.path.relative_to(run)), "what": one.what} for one in found.damaged]
        emit({"run": str(run), "files": found.files, "damaged": damaged, "missing_parts": found.missing})
    else:
        for one in found.damaged:
            stdout().print(Text(inert(one.what)), soft_wrap=True)
        stdout().print(Text(f"{found.files} files as written, {len(found.damaged)} damaged"))
    for stage, count in found.missing.items():
        note(f"{stage}: {count} parts not computed yet")
    if found.damaged:
        note("damaged parts are put aside and computed again on resume")
        raise typer.Exit(ENVIRONMENT)
    if found.missing:
        note(f"to go on: {open_run(run).resume_command()}")
