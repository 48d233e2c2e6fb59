"""What ``molyneux explore`` serves: a run's book, the images behind it, and a worker around its model.

A run may come from a stranger: the model and the folder of images that it names are opened only when they ship with
the package; others have to be named on the command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from molyneux.cli.console import note
from molyneux.cli.given import no_looks, run_given
from molyneux.cli.options import open_captioner
from molyneux.cli.parts import chosen_parts
from molyneux.ground.errors import ImageError, ModelError, MolyneuxError, SettingError

if TYPE_CHECKING:
    from molyneux.experiments.live import LiveStudio
    from molyneux.explorer.book import Book
    from molyneux.explorer.server import Live
    from molyneux.explorer.shelf import Shelf
    from molyneux.explorer.worker import Worker
    from molyneux.ground.manifest import Manifest

__all__ = ["Asked", "Opened", "opened"]

SHIPPED = "miniature"
"""The model, and the images, that come with the package."""

Load = tuple[str | None, str | None, str | None]
"""Model, device and type, as they were given."""
Files = Mapping[str, Path]
"""Images by their ids."""


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    live: bool
    """Whether live parts are wanted."""
    data: Path | None
    atlas: Path | None
    limit: float
    """Seconds that an answer may take."""
    load: Load
    token: str


@dataclass(frozen=True)
class Opened:
    """What is ready to be served."""

    shelf: Shelf
    live: Live | None
    start: str
    """The page to begin with, below the server's root."""

    def close(self) -> None:
        """End the worker."""
        if self.live is not None:
            self.live.worker.close()


def opened(what: Sequence[str], scratch: Path, asked: Asked) -> Opened:
    """Open a run, or make one of images, and load the model behind it.

    Args:
        what: a run's folder, or image files.
        scratch: for what is made here; removed by the caller.
    """
    from molyneux.explorer.intake import Intake
    from molyneux.explorer.server import Live
    from molyneux.explorer.shelf import Shelf
    from molyneux.explorer.worker import Worker

    worker = Worker(limit=asked.limit)
    folder = run_given("explore", what)
    if folder is not None:
        book, on = _of_run(folder, worker, asked)
    else:
        book, on = _of_images(what, scratch / "run", worker, asked), asked.live
    if not on:
        worker.close()
    keys = book.thumbs()
    start = f"image.html#image={keys[0]}" if len(keys) == 1 else ""
    live = Live(worker, Intake(scratch / "added")) if on else None
    return Opened(Shelf(book, token=asked.token if on else None), live, start)


def _of_run(folder: Path, worker: Worker, asked: Asked) -> tuple[Book, bool]:
    """The book of a run, and whether a model stands behind it."""
    from molyneux.explorer.book import Book
    from molyneux.ground.run import open_run

    run = open_run(folder)
    book = Book(run, asked.atlas)
    if not book.thumbs():
        note(no_looks(folder, run.manifest))
    if not asked.live:
        return book, False
    if (why := _unnamed(folder, run.manifest, asked)) is not None:
        note(f"live parts are off: {why}")
        return book, False
    try:
        files = _files(run.manifest, asked.data)
        worker.start(lambda: _studio(run.manifest, files, asked.load))
    except (MolyneuxError, OSError, ImportError) as error:
        if asked.load[0] is not None or asked.data is not None:
            raise  # what was asked for by name is refused aloud
        note(f"live parts are off: {error}")
        return book, False
    missing = [image for image in book.looks.keys if image not in files]
    if missing:
        note(
            f"no edits of {len(missing)} images, whose files are not found: name their folder with --data "
            "(one that the run names is not opened unasked)"
        )
    return book, True


def _unnamed(folder: Path, manifest: Manifest, asked: Asked) -> str | None:
    """Why a run's model is not loaded, and what to type; None where it ships with us or was named by the user."""
    from molyneux.ground.run import shell_command

    model = manifest.identity.settings.get("model")
    if asked.load[0] is not None or model in (None, SHIPPED):
        return None
    line = ["molyneux", "explore", str(folder), "--model", str(model)]
    data = _named_data(manifest) if asked.data is None else str(asked.data)
    line += [] if data == SHIPPED else ["--data", data]
    return (
        f"the run names the model {str(model)!r}, and what a run names is not loaded unasked. "
        f"If you trust it, type: {shell_command(line)}"
    )


def _named_data(manifest: Manifest) -> str:
    """The folder of images that a run's command named."""
    return next((value for flag, value in pairwise(manifest.command) if flag == "--data"), SHIPPED)


def _studio(manifest: Manifest, files: Files, load: Load) -> LiveStudio:
    """The model of a run, and no other.

    Raises:
        ModelError: its weights or its prompt are not those of the run.
    """
    from molyneux.experiments.identity import weights_hash
    from molyneux.experiments.live import LiveStudio

    told = manifest.identity.settings
    model, device, dtype = load
    named = None if told.get("dtype") is None else str(told["dtype"])
    captioner = open_captioner(model or SHIPPED, device, dtype or named)
    if weights_hash(captioner.model) != manifest.identity.weights.get("model"):
        raise ModelError(
            "model",
            value=captioner.name,
            expected=f"the weights with which the run was made, by {told.get('model')!r}",
            fix="Name it with --model, its type with --dtype, or see the pages alone with --no-live.",
        )
    prompt = told.get("prompt")
    if "prompt" not in chosen_parts():
        captioner.prompt = None if prompt is None else str(prompt)
    if captioner.prompt != prompt:
        raise ModelError("prompt", value=captioner.prompt, expected=f"the run's, {prompt!r}, or no --prompt")
    return LiveStudio(captioner, files)


def _files(manifest: Manifest, data: Path | None) -> dict[str, Path]:
    """The images of a run by their ids: of the folder given, else those that ship, where the run is of them."""
    from molyneux.data.folders import open_data
    from molyneux.ground.assets import asset

    if data is None and _named_data(manifest) != SHIPPED:
        return {}
    folder = asset(SHIPPED) if data is None else data
    if not folder.is_dir():
        raise SettingError("--data", value=str(data), expected="a folder of images")
    return {source.id: source.path for source in open_data(folder).sources}


def _of_images(what: Sequence[str], out: Path, worker: Worker, asked: Asked) -> Book:
    """The book of some images, computed now.

    What each neuron alone does takes most of the time; live edits show it when it is asked for.
    """
    from molyneux.cli.reproducing import showing
    from molyneux.explorer.book import Book
    from molyneux.ground.run import open_run

    paths = _usable(what)

    def make() -> LiveStudio:
        from molyneux.experiments.live import LiveStudio
        from molyneux.experiments.looks_run import looks_run, sources_of
        from molyneux.experiments.suite import suite_for

        model, device, dtype = asked.load
        captioner = open_captioner(model or SHIPPED, device, dtype)
        usual = suite_for(captioner.layout.layers, captioner.layout.units).looks
        chosen = replace(usual, images=len(paths), places=0 if asked.live else usual.places)
        with showing() as progress:
            looks_run(captioner, paths, out, settings=chosen, progress=progress)
        return LiveStudio(captioner, {source.id: source.path for source in sources_of(paths)})

    worker.start(make)
    return Book(open_run(out), asked.atlas)


def _usable(what: Sequence[str]) -> list[Path]:
    """The images that can be used, each once; the others are left out with their reason.

    Raises:
        ImageError: none of them can be; why the first cannot.
    """
    from molyneux.data.gate import open_image

    found, refused = [], []
    for one in dict.fromkeys(what):
        try:
            open_image(one)
        except ImageError as error:
            refused.append(error)
        else:
            found.append(Path(one).absolute())
    if not found:
        raise refused[0]
    for why in refused:
        note(f"skipped: {why.reason}: {why}")
    return found
