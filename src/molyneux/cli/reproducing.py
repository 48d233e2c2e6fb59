"""What ``molyneux reproduce`` shows while it works, and what it prints at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molyneux.cli.console import note, stderr, stdout, watched

if TYPE_CHECKING:
    from molyneux.experiments.table import Table
    from molyneux.experiments.trial import Trial
    from molyneux.ground.work import Progress

__all__ = ["report_of", "showing", "suite_json", "table_screen", "trial_json", "trial_screen"]

_ROWS = 30  # longer tables are in the run's folder
_HIDDEN = ("share", "units", "change_median", "neurons", "paper_note")  # no room on a screen


@contextmanager
def showing() -> Iterator[Callable[[Progress], None]]:
    """A bar a stage, with the time left and skips by reason; a line a stage where nobody looks."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    if not watched():
        yield _lines()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]} {task.fields[skips]}", markup=False),
    )
    with Progress(*columns, console=stderr(), redirect_stdout=False, redirect_stderr=False) as bars:
        tasks: dict[str, Any] = {}

        def show(state: Any) -> None:
            if state.stage not in tasks:
                tasks[state.stage] = bars.add_task(state.stage, total=state.given, left="", skips="")
            left = "" if not state.left else f"about {_minutes(state.left)} left"
            bars.update(tasks[state.stage], completed=state.done, left=left, skips=_skips(state.skipped))

        yield show


def _lines() -> Callable[[Any], None]:
    """A line for each stage that this process worked on, when it is done."""
    said: set[str] = set()

    def show(state: Any) -> None:
        for one in state.notes:
            if one not in said:
                said.add(one)
                note(one)
        if state.done == state.given and state.stage not in said:
            said.add(state.stage)
            note(f"{state.stage}: {state.used} of {state.given} used {_skips(state.skipped)}".rstrip())

    return show


def _skips(skipped: Mapping[str, int]) -> str:
    return "skipped " + ", ".join(f"{reason} {count}" for reason, count in skipped.items()) if skipped else ""


def _minutes(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 6000 else f"{whole / 3600:.1f} h"


def report_of(run: Path) -> Path | None:
    """Make the report of a run that was computed here; the path of its page, None where another rank makes it."""
    from molyneux.ground.lock import place_here
    from molyneux.report.page import write_report

    return write_report(run) if place_here().rank == 0 else None


def suite_json(
    made: Mapping[str, Sequence[Table]], skipped: Mapping[str, str], *, out: str, page: Path | None
) -> dict[str, Any]:
    """What ``reproduce --json`` prints."""
    from molyneux.ground.plain import plain

    return {
        "run": out,
        "report": None if page is None else str(page),
        "experiments": {name: [plain(one) for one in tables] for name, tables in made.items()},
        "not_done": dict(skipped),
    }


def table_screen(one: Table) -> None:
    """A table's title, its rows if they are few, and what it stands on."""
    from rich.text import Text

    from molyneux.cli.screens import plain_table
    from molyneux.ground.printable import inert

    console = stdout()
    console.print(Text(f"\n{one.title} ", style="bold"), Text(f"({one.paper})", style="dim"))
    rows = [_short(row) for row in one.rows]
    if 0 < len(rows) <= _ROWS:
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = plain_table()
        for name in names:
            table.add_column(name)
        for row in rows:
            table.add_row(*[Text(inert(row.get(name, ""))) for name in names])
        console.print(table)
    else:
        console.print(Text(f"{len(rows)} rows: {one.name}.csv"))
    lines = [f"{one.used} of {one.given} images used {_skips(one.skipped)}".rstrip(), *one.judges, *one.notes]
    for line in lines:
        console.print(Text(inert(line), style="dim"), soft_wrap=True)


def _short(row: Mapping[str, object]) -> dict[str, str]:
    """A row as a screen has room for it: mean [low, high] in one cell, the paper's figure beside it."""
    told: dict[str, str] = {}
    for name, value in row.items():
        stem, _, part = name.rpartition("_")
        if part in ("low", "high", "n", "note") or name in ("low", "high", "n", *_HIDDEN):
            continue
        if part == "mean" or name == "mean":
            prefix = f"{stem}_" if stem else ""
            low, high = row.get(f"{prefix}low"), row.get(f"{prefix}high")
            told[stem or name] = f"{_cell(value)} [{_cell(low)}, {_cell(high)}]"
        elif value is not None:
            told[name] = _cell(value)
    return told


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return "-" if value is None else str(value)


def trial_json(found: Trial, *, neurons: int) -> dict[str, Any]:
    """What ``--dry-run --json`` prints; ``neurons`` have a page, at most."""
    pages = found.pages
    return {
        "images": found.total.images,
        "parts": found.total.parts,
        "seconds": found.total.seconds,
        "disk": found.total.disk,
        "disk_free": found.free,
        "memory": found.memory,
        "device_memory": found.device_memory,
        "measured_on": found.tried,
        "not_measured": found.left_out,
        "pages": None
        if pages is None
        else {"images": pages.images, "neurons": neurons, "seconds": pages.seconds, "disk": pages.disk},
    }


def trial_screen(found: Trial, *, neurons: int) -> None:
    """What a run would take; ``neurons`` have a page, at most."""
    from rich.text import Text

    mib = 2**20
    total = found.total
    lines = [
        f"images   {total.images}",
        f"time     about {_minutes(total.seconds)}, measured on {found.tried} images",
        f"disk     about {total.disk / mib:.1f} MiB in {total.parts} parts; {found.free / mib:,.0f} MiB free",
        f"memory   {found.memory / mib:,.0f} MiB"
        + (f", {found.device_memory / mib:,.0f} MiB on the device" if found.device_memory else ""),
    ]
    if (pages := found.pages) is not None:
        lines.append(
            f"pages    of {pages.images} images and up to {neurons} neurons: about {_minutes(pages.seconds)} and "
            f"{pages.disk / mib:.1f} MiB of that (--pages, --neuron-pages)"
        )
    for line in lines:
        stdout().print(Text(line), soft_wrap=True)
    for name, why in found.left_out.items():
        note(f"{name} not measured: {why}")
