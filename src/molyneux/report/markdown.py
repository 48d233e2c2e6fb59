"""The main figures and the verdicts of a run as Markdown, for documents."""

from __future__ import annotations

from molyneux.ground.printable import inert
from molyneux.report.claims import verdicts
from molyneux.report.record import Record
from molyneux.report.summary import main_view

__all__ = ["report_markdown"]


def report_markdown(record: Record) -> str:
    """Two tables: the main figures beside the paper's, and each claim with its verdict."""
    view = main_view(record)
    lines = [_row([cell.text for cell in view.head]), _row(["---"] * len(view.head))]
    marked = False
    for row in view.groups[0].rows:
        cells = [cell.plain + (" †" if cell.note else "") for cell in row]
        marked |= any(cell.note for cell in row)
        lines.append(_row(cells))
    if marked:
        lines += ["", "† paper: GPT-J on COCO, not comparable. In parentheses: the paper's random arm."]
    lines += [
        "",
        _row(["the paper's claim", "verdict", "effect", "95% interval", "p", "images"]),
        _row(["---"] * 6),
    ]
    for one in verdicts(record.tables):
        n = "" if one.n is None else str(one.n)
        lines.append(_row([one.claim, f"**{one.outcome}**", one.effect, one.interval, one.p, n]))
    if record.miniature:
        lines += ["", "A miniature, not the paper's model."]
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    said = (inert(cell).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;") for cell in cells)
    return "| " + " | ".join(said) + " |"
