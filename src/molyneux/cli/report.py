"""``molyneux report``: the page of a run, made again from what the run holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from molyneux.cli.console import emit, note
from molyneux.cli.options import AsJson

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The report's folder; else RUN/report.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print main figures and verdicts as Markdown.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the report of a run again; loads no model.

    Example: molyneux report my-run
    """
    from molyneux.ground.plain import from_json
    from molyneux.report.markdown import report_markdown
    from molyneux.report.page import write_report
    from molyneux.report.record import read_record

    page = write_report(run, out)
    told = from_json((page.parent / "report.json").read_bytes())
    assert isinstance(told, dict)
    for name, why in told["left_out"].items():
        note(f"{name} left out: {why}")
    for problem in told["problems"]:
        note(problem)
    if as_json:
        emit(told)
    elif markdown:
        typer.echo(report_markdown(read_record(run)))
    else:
        typer.echo(str(page))
