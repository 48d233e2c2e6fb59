"""Where verbs print: data on stdout, progress and notes on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

__all__ = ["counting", "emit", "jsonable", "note", "stderr", "stdout", "waiting", "watched"]

#: Wider lines are hard to read, and leave nothing to a screenshot.
_WIDEST = 110
#: The console of the bar that is moving, if one is.
_LIVE: list[Console] = []


def _console(to_stderr: bool) -> Console:
    console = Console(stderr=to_stderr, markup=False, highlight=False, emoji=False)
    if console.width > _WIDEST:
        console.width = _WIDEST
    return console


def stdout() -> Console:
    """For results. Text only, never markup: nothing that a model or file name holds is interpreted."""
    return _console(False)


def stderr() -> Console:
    """For everything that is no result; while a bar moves it is the bar's, which steps aside for lines."""
    return _LIVE[-1] if _LIVE else _console(True)


def note(message: str) -> None:
    """A line on stderr."""
    from rich.text import Text

    from molyneux.ground.printable import inert

    stderr().print(Text(inert(message), style="dim"), soft_wrap=True)


def watched() -> bool:
    """Whether somebody looks at stderr: colours may be forced into a file, moving bars must not be."""
    return sys.stderr.isatty()


@contextmanager
def waiting(message: str) -> Iterator[None]:
    """A spinner on stderr while something takes long; nothing where stderr is no terminal."""
    console = stderr()
    if not watched():
        yield
        return
    with console.status(message):
        yield


@contextmanager
def counting(
    label: str, *, alone: bool = True, wanted: bool = True
) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on stderr as a callback of (done, in all); None where nobody looks at stderr.

    Args:
        wanted: whether there is enough to count.
        alone: nothing is printed meanwhile; otherwise there is no bar where results appear in the same
            terminal: they show the progress themselves.
    """
    if not (wanted and watched() and (alone or not sys.stdout.isatty())):
        yield None
        return
    from rich.progress import Progress

    # Redirecting, as Progress does by itself, would carry results over to stderr.
    with Progress(console=stderr(), transient=True, redirect_stdout=False, redirect_stderr=False) as bars:
        task = bars.add_task(label, total=None)
        _LIVE.append(bars.console)
        try:
            yield lambda done, total: bars.update(task, completed=done, total=total)
        finally:
            _LIVE.pop()


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
