"""Where verbs print: data on stdout, progress and notes on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console

__all__ = ["emit", "jsonable", "note", "progress", "stderr", "stdout", "waiting"]

_T = TypeVar("_T")
#: Wider lines are hard to read, and leave nothing to a screenshot.
_WIDEST = 110


def _console(to_stderr: bool) -> Console:
    console = Console(stderr=to_stderr, markup=False, highlight=False, emoji=False)
    if console.width > _WIDEST:
        console.width = _WIDEST
    return console


def stdout() -> Console:
    """For results. Text only, never markup: nothing that a model or file name holds is interpreted."""
    return _console(False)


def stderr() -> Console:
    """For everything that is no result."""
    return _console(True)


def note(message: str) -> None:
    """A line on stderr."""
    from rich.text import Text

    from molyneux.ground.printable import inert

    stderr().print(Text(inert(message), style="dim"), soft_wrap=True)


@contextmanager
def waiting(message: str) -> Iterator[None]:
    """A spinner on stderr while something takes long; nothing where stderr is no terminal."""
    console = stderr()
    if not console.is_terminal:
        yield
        return
    with console.status(message):
        yield


def progress(items: list[_T], label: str) -> Iterable[_T]:
    """The items, with a progress bar on stderr where there are several of them and somebody to look."""
    console = stderr()
    if len(items) < 2 or not console.is_terminal:
        return items
    from rich.progress import track

    return track(items, description=label, console=console, transient=True)


def jsonable(value: Any) -> Any:
    """The value with NaN and infinities as null, which JSON has no words for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(inner) for inner in value]
    return value


def emit(value: Any) -> None:
    """Print JSON on stdout: always valid, always ASCII, so that no terminal acts on it."""
    text = json.dumps(jsonable(value), indent=2, ensure_ascii=True, allow_nan=False)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
