"""The report's folder: a page that needs no network and no script, with all its figures and tables as files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from molyneux.ground.beside import beside
from molyneux.ground.files import write_whole
from molyneux.ground.manifest import MANIFEST
from molyneux.ground.plain import plain, to_json
from molyneux.ground.printable import inert
from molyneux.ground.run import shell_command
from molyneux.ground.run_errors import RunError, StorageError
from molyneux.ground.tables import write_table
from molyneux.report.claims import verdicts
from molyneux.report.drawing import Files, save_drawing
from molyneux.report.provenance import provenance, source_line
from molyneux.report.raster import pictures_of
from molyneux.report.record import Record, read_record
from molyneux.report.section import Figured, Section, Tabled
from molyneux.report.sections import sections_of
from molyneux.report.summary import abstract, main_view
from molyneux.report.verdict import NOT, SUPPORTED, UNTESTED, Verdict
from molyneux.report.view import View

__all__ = ["write_report"]

LABEL = "a miniature, not the paper's model"
_MARKS = {SUPPORTED: "✓", NOT: "✗", UNTESTED: "\u2013"}
_PAGE, _DATA = "index.html", "report.json"
_LONGEST = 8_000_000  # bytes of a table that is copied
_TEMPLATES = Path(__file__).with_name("templates")


def write_report(run: Path, out: Path | None = None) -> Path:
    """Make the report of a run, finished or not, and return the path of its page.

    It is built beside its place and put there when it is whole; an earlier report there is replaced.

    Args:
        out: the folder; ``report`` in the run if left out.

    Raises:
        RunError: no run, or a folder that holds something else than a report.
        StorageError: it cannot be written.
    """
    record = read_record(run)
    target = out or run / "report"
    _check(target)
    try:
        with beside(target) as new:
            _fill(new, record, run)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(target, 0, error.strerror or str(error)) from error
    return target / _PAGE


def _check(target: Path) -> None:
    """Whether what is there may be replaced: nothing, or a report."""
    there = target.exists() and (not target.is_dir() or any(target.iterdir()))
    if there and not (target / _DATA).is_file():
        raise RunError(
            "report",
            value=str(target),
            expected="no such folder yet, or an earlier report",
            fix="Name a folder of its own.",
        )


def _fill(folder: Path, record: Record, run: Path) -> None:
    """All files of the report."""
    sections = sections_of(record)
    label = LABEL if record.miniature else ""
    source = source_line(record)
    drawn = {
        block.drawing.name: save_drawing(block.drawing, folder, label=label, source=source)
        for section in sections
        for block in section.blocks
        if isinstance(block, Figured)
    }
    found = verdicts(record.tables)
    told = _told(record, sections, drawn, found)
    told |= {
        "data": _data(folder, record, sections),
        "images": _images(folder, record, sections),
        "run": run.resolve().name,
    }
    shutil.copyfile(run / MANIFEST, folder / MANIFEST)
    write_whole(folder / _DATA, to_json(_summary(record, sections, found)).encode())
    write_whole(folder / _PAGE, _environment().get_template("report.html").render(told).encode())


def _told(
    record: Record, sections: Sequence[Section], drawn: Mapping[str, Files], found: Sequence[Verdict]
) -> dict[str, Any]:
    """What the template is filled with."""
    manifest = record.run.manifest
    main = main_view(record)
    notes = [cell.note for group in main.groups for row in group.rows for cell in row if cell.note]
    model = str(record.settings.get("model", "?"))
    return {
        "title": f"Multimodal neurons: a report of {model}",
        "style": Markup((_TEMPLATES / "report.css").read_text(encoding="utf8")),  # our own file
        "miniature": record.miniature,
        "model": model,
        "when": manifest.updated[:10],
        "abstract": abstract(record, found),
        "tally": [(kind, _MARKS[kind], sum(one.outcome == kind for one in found)) for kind in _MARKS],
        "main": main,
        "main_note": notes[0] if notes else "",
        "sections": sections,
        "missing": [said for section in sections for said in section.missing],
        "problems": list(dict.fromkeys(record.problems)),
        "drawn": drawn,
        "settings": {
            one.id: to_json({"settings": one.stand.settings}) for one in sections if one.stand is not None
        },
        "command": shell_command(manifest.command) or "not known",
        "provenance": provenance(record),
        "verdicts": found,
        "marks": _MARKS,
        "version": manifest.identity.versions.get("molyneux", "?"),
    }


def _data(folder: Path, record: Record, sections: Sequence[Section]) -> dict[str, dict[str, str]]:
    """The tables in the report's folder, name -> kind -> path: the run's own, or what the page shows.

    The latter for what the page alone puts together, and for tables so long that they stay in the run.
    """
    shown = {
        block.table: block
        for section in sections
        for block in section.blocks
        if isinstance(block, Tabled) and not block.folded
    }
    found: dict[str, dict[str, str]] = {}
    for name in sorted(record.tables.keys() | shown.keys()):
        sources = [record.run.tables / f"{name}.{kind}" for kind in ("csv", "json")]
        if name in record.tables and all(one.is_file() and one.stat().st_size <= _LONGEST for one in sources):
            for source in sources:
                write_whole(folder / "tables" / source.name, source.read_bytes())
        elif name in shown:
            block = shown[name]
            write_table(folder / "tables", name, rows_of(block.view), title=block.number, about=block.caption)
        else:
            continue
        found[name] = {kind: f"tables/{name}.{kind}" for kind in ("csv", "json")}
    return found


def _images(folder: Path, record: Record, sections: Sequence[Section]) -> dict[str, str]:
    """Small copies of the images that tables show: image -> path."""
    views = [block.view for section in sections for block in section.blocks if isinstance(block, Tabled)]
    wanted = dict.fromkeys(group.image for view in views for group in view.groups if group.image)
    pictures = pictures_of(record)
    found: dict[str, str] = {}
    (folder / "images").mkdir()
    for number, image in enumerate(image for image in wanted if image in pictures):
        found[image] = f"images/{number:03d}.jpg"
        (folder / found[image]).write_bytes(pictures[image].jpeg)
    return found


def _summary(record: Record, sections: Sequence[Section], found: Sequence[Verdict]) -> dict[str, Any]:
    """The page's conclusions for programs."""
    return {
        "model": record.settings.get("model"),
        "miniature": record.miniature,
        "status": record.run.status(),
        "main": rows_of(main_view(record)),
        "verdicts": plain(list(found)),
        "figures": [
            {
                "name": block.drawing.name,
                "number": block.number,
                "title": block.drawing.title,
                "caption": block.caption,
                "alt": block.drawing.alt,
                "table": block.table,
            }
            for section in sections
            for block in section.blocks
            if isinstance(block, Figured)
        ],
        "provenance": {name: list(said) for name, said in provenance(record)},
        "left_out": dict(record.left_out),
        "problems": list(dict.fromkeys(record.problems)),
    }


def rows_of(view: View) -> list[dict[str, str]]:
    """A table as plain text, a row each: the cell's words, then its interval."""
    heads = [cell.text or "measure" for cell in view.head]
    names = [f"{name} {place}" if heads.count(name) > 1 else name for place, name in enumerate(heads)]
    return [
        ({"image": group.image, "of": group.title} if group.image else {})
        | {name: cell.plain for name, cell in zip(names, row, strict=True)}
        for group in view.groups
        for row in group.rows
    ]


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _harmless(value: Any) -> Any:
    """Text from models, files and settings without characters that act: the template escapes the rest."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "\n".join(inert(line) for line in value.split("\n"))
    return value
