"""Ctrl-C, SIGTERM and a closed terminal as one clean stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from molyneux.ground.run_errors import Stopped

__all__ = ["stoppable", "unstopped"]

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class _State:
    """Per process, as signal handlers are."""

    shields = 0
    waiting: str | None = None


def _on_signal(number: int, frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    if _State.shields:
        _State.waiting = name
        return
    raise Stopped(name)


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn the signals that ask for an end into Stopped, raised where the program is.

    What is being computed is dropped; what is committed stays. Signals that the caller ignores (``nohup``) stay
    ignored. In another thread than the main one nothing is changed, as Python allows handlers there alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    changed = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    try:
        for number in changed:
            signal.signal(number, _on_signal)
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])


@contextmanager
def unstopped() -> Iterator[None]:
    """Let a stop wait until the block is done: for the few file operations of a commit."""
    _State.shields += 1
    try:
        yield
    finally:
        _State.shields -= 1
        if not _State.shields and _State.waiting is not None:
            name, _State.waiting = _State.waiting, None
            raise Stopped(name)
