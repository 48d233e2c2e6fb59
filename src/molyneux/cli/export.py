"""``molyneux export``: a run, or single images, as pages that open in any browser without a server."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from molyneux.cli.console import counting, emit, note
from molyneux.cli.frame import SKIPS
from molyneux.cli.given import no_looks, run_given
from molyneux.cli.options import AsJson, Device, Dtype, Model, open_captioner
from molyneux.ground.errors import SettingError

if TYPE_CHECKING:
    from molyneux.explorer.export import Exported
    from molyneux.ground.run import Run
    from molyneux.models.captioner import Captioner

__all__ = ["export"]


def export(
    given: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|IMG... OUT",
            help="A run's folder, or images; then the folder to write.",
            show_default=False,
        ),
    ],
    atlas: Annotated[
        Path | None,
        typer.Option("--atlas", metavar="FOLDER", help="Of the same model: search all its neurons."),
    ] = None,
    model: Model = "miniature",
    device: Device = None,
    dtype: Dtype = None,
    as_json: AsJson = False,
) -> None:
    """Write pages that open from the disk or from any web host: no server, no network, no model needed.

    Of a run only its own files are read: neither torch, nor the model, nor the images. For images all is computed
    first, with --model. Prints the page to open. An earlier export in OUT is replaced when the new one is whole.

    Example: molyneux export my-run my-pages
    """
    *sources, last = given
    if not sources:
        raise typer.BadParameter("name a run or images, then the folder to write", param_hint="OUT")
    out = Path(last)
    skipped: dict[str, int] = {}
    folder = run_given("export", sources)
    if folder is not None:
        from molyneux.ground.run import open_run

        run = open_run(folder)
        made = _written(run, out, atlas)
        if not made.images:
            note(no_looks(folder, run.manifest))
    else:
        from molyneux.explorer.export import check_place

        check_place(out)  # before minutes of computing
        made, skipped = _of_images(sources, out, atlas, open_captioner(model, device, dtype))
    if as_json:
        told = {"start": str(made.start), "files": made.files, "bytes": made.bytes}
        emit(told | {"images": made.images, "neurons": made.neurons, "skipped": skipped})
    else:
        typer.echo(str(made.start))
        note(f"{made.images} images, {made.neurons} neurons, {made.files} files, {made.bytes / 1e6:.1f} MB")
    for why in made.left_out.values():
        note(f"left out: {why}")
    for reason, count in skipped.items():
        note(f"skipped: {reason} {count}")
    if skipped:
        raise typer.Exit(SKIPS)


def _written(run: Run, out: Path, atlas: Path | None) -> Exported:
    from molyneux.explorer.export import export as write

    with counting("writing pages") as progress:
        return write(run, out, atlas=atlas, progress=progress)


def _of_images(
    images: list[str], out: Path, atlas: Path | None, captioner: Captioner
) -> tuple[Exported, dict[str, int]]:
    """A run of the images in a folder that goes away, and its pages; reason -> images that it could not use.

    Raises:
        SettingError: none of them can be used.
    """
    from molyneux.cli.reproducing import showing
    from molyneux.experiments.looks_run import looks_run
    from molyneux.ground.run import open_run

    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder) / "images"
        with showing() as progress:
            looks_run(captioner, [Path(image) for image in images], here, progress=progress)
        run = open_run(here)
        tally = run.results("looks").tally
        if not tally.used:
            why = ", ".join(f"{reason} {count}" for reason, count in tally.skipped.items())
            raise SettingError("export", value=images, expected=f"an image that can be used, but: {why}")
        return _written(run, out, atlas), dict(tally.skipped)
