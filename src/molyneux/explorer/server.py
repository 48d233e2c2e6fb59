"""The explorer over HTTP: the same pages as in an export, and live parts where there is a worker."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import PurePosixPath

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from molyneux.explorer.guard import Guard
from molyneux.explorer.intake import (
    Intake,
    TooLargeError,
    TooSlowError,
    body_of,
    item_of,
    named,
    outcome,
    shown_name,
)
from molyneux.explorer.security import DOWNLOAD_CSP, Rules
from molyneux.explorer.shards import key_of
from molyneux.explorer.shelf import Added, Shelf
from molyneux.explorer.wishes import UnknownError, edited_json, read_edit, wish_of
from molyneux.explorer.worker import BusyError, Worker
from molyneux.ground.errors import ImageError, MolyneuxError
from molyneux.ground.live import Dropped, GoneError
from molyneux.ground.printable import inert

__all__ = ["Live", "create_app"]

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".pdf": "application/pdf",
}
_EDIT_BYTES = 64 * 1024
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (BusyError, 429),
    (TooLargeError, 413),
    (TooSlowError, 408),
    (Dropped, 503),
    (UnknownError, 404),
    (GoneError, 409),
    (ImageError, 422),
    (MolyneuxError, 422),
)


class Live:
    """The live parts: the worker, and where images that are handed in go."""

    def __init__(self, worker: Worker, intake: Intake) -> None:
        self.worker, self.intake = worker, intake


def create_app(shelf: Shelf, rules: Rules, live: Live | None = None) -> Guard:
    """The server's application (ASGI), its gate around everything, failures included.

    Every path is looked up in what the shelf holds; none is ever joined to a folder.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    _failing(app)
    _readable(app, shelf)
    if live is not None:
        _writable(app, shelf, live)

    return Guard(app, rules)


def _failing(app: FastAPI) -> None:
    """Whatever is raised becomes a status and a sentence; no trace of ours leaves the server."""

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        return told({"error": "there is nothing of that name"}, 404)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return told({"error": f"the server failed: {type(error).__name__}"}, 500)

    @app.exception_handler(MolyneuxError)
    async def refused(request: Request, error: MolyneuxError) -> Response:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
        return told({"error": inert(str(error))}, status)

    @app.exception_handler(Dropped)
    async def dropped(request: Request, error: Dropped) -> Response:
        return told({"error": "the model took longer than this server waits: try a smaller edit"}, 503)


def told(data: dict[str, object], status: int = 200) -> Response:
    """JSON in ASCII, with null for numbers that are not finite."""
    content = json.dumps(_finite(data), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    retry = {"retry-after": "1"} if status in (429, 503) else None
    return Response(content, status, retry, "application/json")


def _finite(value: object) -> object:
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {key: _finite(one) for key, one in value.items()}
        case list():
            return [_finite(one) for one in value]
    return value


def _readable(app: FastAPI, shelf: Shelf) -> None:
    """Pages, shards, small pictures and the run's own files."""

    @app.api_route("/", methods=["GET", "HEAD"])
    def start() -> Response:
        return _file("index.html", shelf.page)

    @app.api_route("/data/thumbs/{name}", methods=["GET", "HEAD"])
    def thumb(name: str) -> Response:
        return _file(
            name, lambda path: shelf.thumb(path.removesuffix(".jpg")) if path.endswith(".jpg") else None
        )

    @app.api_route("/data/{name:path}", methods=["GET", "HEAD"])
    def shard(name: str) -> Response:
        return _file(
            name, lambda path: shelf.shard(path.removesuffix(".js")) if path.endswith(".js") else None
        )

    @app.api_route("/downloads/{name:path}", methods=["GET", "HEAD"])
    def download(name: str) -> Response:
        made = _file(name, shelf.download)
        made.headers["content-security-policy"] = DOWNLOAD_CSP
        return made

    @app.api_route("/{name:path}", methods=["GET", "HEAD"])
    def page(name: str) -> Response:
        return _file(name, shelf.page)


def _file(path: str, find: Callable[[str], bytes | None]) -> Response:
    content = find(path)
    if content is None:
        raise HTTPException(404)
    kind = _TYPES.get(PurePosixPath(path).suffix, "application/octet-stream")
    return Response(content, media_type=kind)


def _writable(app: FastAPI, shelf: Shelf, live: Live) -> None:
    """What computes."""

    @app.post("/live/edit")
    async def edit(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return told({"error": "expected application/json"}, 415)
        asked = read_edit(await body_of(request, _EDIT_BYTES))
        if isinstance(asked, str):
            return told({"error": asked}, 422)
        wish = wish_of(shelf, asked)
        ticket = live.worker.submit(lambda studio, check: studio.edit(wish, check))
        return told(edited_json(shelf, asked, await outcome(request, ticket)))

    @app.post("/live/image")
    async def image(request: Request) -> Response:
        content = await body_of(request, live.intake.most)
        name = shown_name(request.headers.get("x-file-name", ""))
        key = key_of(item_of(content))
        if key not in shelf.added:
            job = live.worker.submit(lambda studio, check: live.intake.compute(content, studio, check))
            try:
                made = await outcome(request, job)
            except ImageError as error:
                raise named(error, name) from None
            for old in shelf.add(Added(made, name)):
                live.intake.forget(old.book)
        return told({"key": key})

    @app.post("/live/images")
    async def images(request: Request) -> Response:
        rows = [
            {"key": key, "name": one.name, "caption": one.book.looks.light[one.image]["caption"]}
            for key, one in reversed(list(shelf.added.items()))
        ]
        return told({"images": rows})
