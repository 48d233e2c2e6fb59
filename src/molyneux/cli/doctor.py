"""``molyneux doctor``: whether everything is here and our numbers are the plain model's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from molyneux.cli.console import emit, stdout
from molyneux.cli.frame import ENVIRONMENT
from molyneux.cli.options import AsJson, Device, Dtype, Model, quiet_transformers

if TYPE_CHECKING:
    from molyneux.cli.checks import Check

__all__ = ["doctor"]

_MARKS = {"ok": ("✓", "green"), "note": ("·", "dim"), "problem": ("✗", "bold red")}


def doctor(
    paper: Annotated[
        bool,
        typer.Option(
            "--paper",
            help="Only compare a GPT-J 6B's weights, and a BERTScore model, with the paper's tables.",
        ),
    ] = False,
    bert: Annotated[
        str | None,
        typer.Option(
            "--bert", metavar="FOLDER|ID", help="With --paper: the BERTScore model; else what is at hand."
        ),
    ] = None,
    model: Model = "miniature",
    device: Device = None,
    dtype: Dtype = None,
    as_json: AsJson = False,
) -> None:
    """Check installation, machine and model; compare our captions and logits with plain transformers'.

    With --paper: how many of the decodings that the paper prints are those of a GPT-J's weights on disk, and how near
    a BERTScore model comes to the scores that it prints.

    Example: molyneux doctor
    """
    if paper:
        _ask_paper(model, bert, as_json)
        return
    if bert is not None:
        raise typer.BadParameter("goes with --paper", param_hint="--bert")
    from molyneux.cli.checks import examine

    checks = examine(model, device, dtype)
    problems = [check for check in checks if check.status == "problem"]
    if as_json:
        emit({"ok": not problems, "problems": len(problems), "checks": [vars(check) for check in checks]})
    else:
        _show(checks, len(problems))
    if problems:
        raise typer.Exit(ENVIRONMENT)


def _ask_paper(model: str, bert: str | None, as_json: bool) -> None:
    """Scores first, as they need no GPT-J; then weights from disk: no model is loaded, so no device matters."""
    from molyneux.cli.console import waiting
    from molyneux.cli.paper import paper_json, paper_screen
    from molyneux.cli.paper_scores import match_scores, scores_json, scores_screen
    from molyneux.cli.parts import chosen_parts
    from molyneux.ground.errors import MolyneuxError

    quiet_transformers()
    with waiting("scoring the captions of Table S.3"):
        scores = match_scores(bert)
    if not as_json:
        stdout().print(scores_screen(*scores))
    model = chosen_parts().get("text", model)  # a preset's other parts have no neurons
    try:
        with waiting(f"reading {model}"):
            from molyneux.experiments.oracle import ask_paper

            report = ask_paper(model)
    except MolyneuxError as error:
        if as_json:
            emit({"ok": False, "error": str(error), "scores": scores_json(*scores)})
        raise
    if as_json:
        emit(paper_json(report) | {"scores": scores_json(*scores)})
    else:
        stdout().print(paper_screen(report))
    if not report.agrees:
        raise typer.Exit(ENVIRONMENT)


def _show(checks: list[Check], problems: int) -> None:
    from rich.text import Text

    from molyneux.cli.screens import plain_table
    from molyneux.ground.printable import inert

    table = plain_table()
    table.show_header = False
    for _ in range(3):
        table.add_column()
    for check in checks:
        mark, style = _MARKS[check.status]
        table.add_row(Text(mark, style=style), Text(check.name), Text(inert(check.detail), style="dim"))
    console = stdout()
    console.print(table)
    console.print()
    if problems:
        console.print(
            Text(f"{problems} problem{'s' if problems > 1 else ''}, marked ✗ above", style="bold red")
        )
    else:
        console.print(Text("OK", style="bold green"))
