"""One thread that alone uses the model, and the short queue before it."""

from __future__ import annotations

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from molyneux.ground.errors import MolyneuxError
from molyneux.ground.live import Check, Dropped, Studio

__all__ = ["BusyError", "Ticket", "Worker"]

T = TypeVar("T")
Job = Callable[[Studio, Check], T]


class BusyError(MolyneuxError):
    """As many requests wait as may."""

    def __init__(self, waiting: int) -> None:
        super().__init__(
            "queue", value=waiting, expected="fewer requests at once", fix="Try again in a moment."
        )


class Ticket(Generic[T]):
    """A job that waits, runs or is done."""

    def __init__(self, job: Job[T], limit: float) -> None:
        self.job = job
        self.future: Future[T] = Future()
        self.until = time.monotonic() + limit
        self._dropped = threading.Event()

    def drop(self) -> None:
        """Nobody waits for it: it is not begun, or ends at its next step."""
        self._dropped.set()
        self.future.cancel()

    @property
    def dropped(self) -> bool:
        return self._dropped.is_set() or time.monotonic() > self.until

    def check(self) -> None:
        """Raises: Dropped, when nobody waits for it or its time is over."""
        if self.dropped:
            raise Dropped

    def run(self, studio: Studio) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.check()
            self.future.set_result(self.job(studio, self.check))
        except BaseException as error:  # whatever it is, it belongs to whoever waits; the thread goes on
            self.future.set_exception(error)


class Worker:
    """Runs jobs one after the other, in the thread in which the model was loaded."""

    def __init__(self, *, waiting: int = 8, limit: float = 120.0) -> None:
        """Args: waiting: jobs that may wait; limit: seconds from asking to answer."""
        self.waiting, self.limit = waiting, limit
        self._queue: deque[Ticket[object]] = deque()
        self._changed = threading.Condition()
        self._open = True
        self._thread: threading.Thread | None = None
        self.begun = 0
        """Jobs that were taken out of the queue."""

    def start(self, make: Callable[[], Studio]) -> Studio:
        """Load the model in the worker's thread and wait for it.

        Raises:
            What ``make`` raises.
        """
        made: Future[Studio] = Future()
        # A daemon: Ctrl-C ends the program also while a forward pass runs.
        run = contextvars.copy_context().run  # the command line's choices reach the thread
        self._thread = threading.Thread(
            target=run, args=(self._work, make, made), name="molyneux model", daemon=True
        )
        self._thread.start()
        return made.result()

    def submit(self, job: Job[T]) -> Ticket[T]:
        """Put a job into the queue.

        Raises:
            BusyError: it is full.
        """
        with self._changed:
            for one in [one for one in self._queue if one.dropped]:
                self._queue.remove(one)
            if not self._open or len(self._queue) >= self.waiting:
                raise BusyError(len(self._queue))
            ticket = Ticket(job, self.limit)
            self._queue.append(ticket)  # type: ignore[arg-type]
            self._changed.notify()
        return ticket

    def close(self) -> None:
        """Drop what waits; the thread ends after its present step."""
        with self._changed:
            self._open = False
            for one in self._queue:
                one.drop()
            self._queue.clear()
            self._changed.notify()

    def _work(self, make: Callable[[], Studio], made: Future[Studio]) -> None:
        try:
            studio = make()
        except BaseException as error:
            made.set_exception(error)
            return
        made.set_result(studio)
        while True:
            with self._changed:
                while self._open and not self._queue:
                    self._changed.wait()
                if not self._open:
                    return
                ticket = self._queue.popleft()
            self.begun += 1
            ticket.run(studio)
