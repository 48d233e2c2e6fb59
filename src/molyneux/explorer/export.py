"""A run as a folder of pages that opens from ``file://`` and can be put on any web host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from molyneux.explorer.book import Book, page_files
from molyneux.ground.beside import beside
from molyneux.ground.run import Run
from molyneux.ground.run_errors import RunError, StorageError

__all__ = ["MARK", "Exported", "check_place", "export"]

MARK = "molyneux-pages.txt"
"""A file that every export has, so that a later one may take its place."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: Path
    files: int
    bytes: int
    images: int
    neurons: int
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Tables that cannot be shown, by name, and why."""

    @property
    def start(self) -> Path:
        """The page to open."""
        return self.folder / "index.html"


def export(
    run: Run,
    out: Path,
    *,
    atlas: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Exported:
    """Write a run's pages into a folder: all of them, or, if anything goes wrong, nothing.

    A table that cannot be shown is left out and told, on the page of the run and in what is returned.

    Args:
        run: as ``open_run`` gives it; it is only read.
        out: a folder that is not there yet, is empty, or holds an earlier export, whose place is taken.
        atlas: of the same model, to search all its neurons and not only those that the run lists.
        progress: told files written, and how many there will be.

    Raises:
        RunError: ``out`` holds something else, parts of the run are missing, or the atlas is another model's.
        DamagedError: a part of the run is not what was written.
        StorageError: the pages cannot be written.
    """
    inside = out.resolve().is_relative_to(run.folder.resolve())
    if inside or run.folder.resolve().is_relative_to(out.resolve()):
        raise RunError("export", value=str(out), expected="a folder apart from the run's own")
    check_place(out)
    book = Book(run, atlas)
    try:
        with beside(out) as new:
            written = _write(book, new, progress)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(out, 0, error.strerror or str(error)) from error
    images, neurons = len(book.looks.keys), len(book.looks.neurons.ids)
    return Exported(out, *written, images=images, neurons=neurons, left_out=book.damaged)


def check_place(out: Path) -> None:
    """Whether pages may be written there: nothing, an empty folder, or an earlier export.

    Raises:
        RunError: it is something else.
    """
    if Path.cwd().is_relative_to(out.resolve()):
        fix = "Name one below it, such as pages."
        raise RunError("export", value=str(out), expected="a folder, but not the one you are in", fix=fix)
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise RunError("export", value=str(out), expected="a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        fix = "Name a folder of its own."
        raise RunError("export", value=str(out), expected="an empty folder or an earlier export", fix=fix)


def _write(book: Book, folder: Path, progress: Callable[[int, int], None] | None) -> tuple[int, int]:
    """Files and bytes written."""
    pages, shards, thumbs, offered = page_files(), list(book.shards()), book.thumbs(), book.downloads()
    total = len(pages) + len(shards) + len(thumbs) + len(offered) + 1
    files = size = 0

    def put(path: str, content: bytes) -> None:
        nonlocal files, size
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        files, size = files + 1, size + len(content)
        if progress is not None:
            progress(files, total)

    put(MARK, b"Pages of a run, written by molyneux export: open index.html.\n")
    for path, source in pages.items():
        put(path, source.read_bytes())
    for name in shards:
        text = book.shard(name)
        assert text is not None
        put(f"data/{name}.js", text.encode("ascii"))
    for key in thumbs:
        content = book.thumb(key)
        assert content is not None
        put(f"data/thumbs/{key}.jpg", content)
    for path, source in offered.items():
        put(f"downloads/{path}", source.read_bytes())
    return files, size
