"""What tests of the served explorer share: a server's application, asked without a socket, and a tiny live model."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import machines
from molyneux.experiments.live import LiveStudio
from molyneux.experiments.looks_rows import LooksSettings
from molyneux.experiments.looks_run import looks_run
from molyneux.explorer.book import Book
from molyneux.explorer.guard import Guard
from molyneux.explorer.intake import Intake
from molyneux.explorer.security import Rules, rules_for
from molyneux.explorer.server import Live, create_app
from molyneux.explorer.shelf import Shelf
from molyneux.explorer.worker import Worker
from molyneux.ground.errors import ImageError
from molyneux.ground.live import Check, Edited, Wish, Written
from molyneux.ground.run import Run, open_run

PORT = 8642
HOST = f"127.0.0.1:{PORT}"
SECRET = "a-token-of-this-session-alone"
RULES = rules_for("127.0.0.1", PORT, token=SECRET)
TOKEN = {"x-molyneux-token": SECRET}
JSON = TOKEN | {"content-type": "application/json"}


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for one, value in self.headers if one == name]
        assert len(found) < 2, f"{name} twice"
        return found[0] if found else None

    def json(self) -> Any:
        return json.loads(self.body, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} in JSON")


async def asked(
    app: Guard,
    path: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | Iterable[tuple[str, str]] = (),
    body: bytes | Iterable[bytes] = b"",
    host: str | None = HOST,
    gone: asyncio.Event | None = None,
    stall: bool = False,
) -> Answer:
    """One request, as a server hands it to the application.

    Args:
        path: as the application sees it, percent signs already decoded once.
        gone: set when the client hangs up.
        body: whole, or in pieces, after which more is promised.
        stall: more is promised after a whole body too.
    """
    pieces = iter([body] if isinstance(body, bytes) else body)
    told = list(headers.items() if isinstance(headers, dict) else headers)
    if host is not None:
        told.insert(0, ("host", host))
    if isinstance(body, bytes) and body and not any(name == "content-length" for name, _ in told):
        told.append(("content-length", str(len(body))))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf8", "surrogatepass"),
        "query_string": b"",
        "root_path": "",
        "headers": [(n.lower().encode("latin-1"), v.encode("latin-1", "replace")) for n, v in told],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", PORT),
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if (piece := next(pieces, None)) is not None:
            more = stall or not isinstance(body, bytes)
            return {"type": "http.request", "body": piece, "more_body": more}
        await (gone or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    return Answer(
        start["status"],
        [(name.decode().lower(), value.decode("latin-1")) for name, value in start["headers"]],
        b"".join(part.get("body", b"") for part in rest),
    )


Result = TypeVar("Result")


def ask(app: Guard, path: str, **given: Any) -> Answer:
    """``asked``, from a test that is no coroutine."""
    return finish(asked(app, path, **given))


def finish(task: Coroutine[Any, Any, Result]) -> Result:
    """``asyncio.run`` in a thread of its own: a browser that other tests opened keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, task).result()


class Slow:
    """A stand-in for a model, for tests of the queue alone: an edit takes as long as the test wants."""

    about = "slow"

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.seen: list[float] = []
        self.error: Exception = ImageError("image", reason="not-an-image", expected="one")

    def edit(self, wish: Wish, check: Check) -> Edited:
        self.seen.append(wish.scale)
        self.begun.release()
        while not self.go_on.wait(0.005):
            check()
        return Edited(wish.neurons, Written(0.5, "a"), Written(float("nan"), "b"), ())

    def look(self, image: Path, out: Path, check: Check) -> None:
        raise self.error


@dataclass
class Served:
    """An application over a run, with a worker where there is a studio."""

    app: Guard
    shelf: Shelf
    worker: Worker | None
    folder: Path
    studio: Any = None
    keys: list[str] = field(default_factory=list)


def served(
    run: Run,
    scratch: Path,
    studio: Callable[[], Any] | None = None,
    *,
    rules: Rules = RULES,
    most: int = 2**20,
    **worker: Any,
) -> Served:
    """Serve a run. ``studio`` makes the model's side, in the worker's thread."""
    shelf = Shelf(Book(run), token=SECRET if studio else None)
    if studio is None:
        return Served(create_app(shelf, rules), shelf, None, scratch, keys=shelf.book.thumbs())
    made = Worker(**worker)
    about = made.start(studio)
    live = Live(made, Intake(scratch / "added", most=most))
    app = create_app(shelf, rules, live)
    return Served(app, shelf, made, scratch / "added", about, shelf.book.thumbs())


def tiny_run(folder: Path) -> tuple[Run, Callable[[], LiveStudio], dict[str, Path]]:
    """A real run of a tiny model on two images, what makes its studio, and its images."""
    captioner = machines.captioner()
    (folder / "images").mkdir(parents=True)
    for number, image in enumerate(machines.images(2)):
        image.save(folder / "images" / f"{number}.png")
    files = {path.name: path for path in sorted((folder / "images").iterdir())}
    settings = LooksSettings(words="noun", places=0, counts=(5,), draws=1, fired=2)
    looks_run(captioner, list(files.values()), folder / "run", settings=settings)
    return open_run(folder / "run"), lambda: LiveStudio(captioner, files, settings=settings), files
