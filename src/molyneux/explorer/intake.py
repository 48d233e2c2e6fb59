"""What comes in: bodies with limits, images that are handed in, and answers for which somebody still waits."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import shutil
import time
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from fastapi import Request
from starlette.requests import ClientDisconnect

from molyneux.explorer.book import Book
from molyneux.explorer.worker import Ticket
from molyneux.ground.errors import ImageError, MolyneuxError
from molyneux.ground.live import Check, Dropped, Studio
from molyneux.ground.printable import inert
from molyneux.ground.run import open_run

__all__ = ["Intake", "TooLargeError", "TooSlowError", "body_of", "item_of", "named", "outcome", "shown_name"]

T = TypeVar("T")

_SECONDS = 20.0
"""In which a whole body must have come."""
_LOOK = 0.1
"""Seconds between looks at whether the client is still there."""
_NAME = 80


class TooLargeError(MolyneuxError):
    """More bytes than are taken."""


class TooSlowError(MolyneuxError):
    """A body that takes too long to come."""


async def body_of(request: Request, most: int, *, seconds: float = _SECONDS) -> bytes:
    """The body, if it has at most ``most`` bytes and comes in time.

    Raises:
        TooLargeError: by its header, before anything is read, or as soon as more has come.
        TooSlowError: it has not come in time.
        Dropped: the client has gone.
    """
    said = request.headers.get("content-length", "0")
    if not said.isascii() or not said.isdecimal() or len(said) > 15 or int(said) > most:
        raise TooLargeError("body", value=said[:20], expected=f"at most {most:,} bytes")
    content = bytearray()

    async def read() -> None:
        async for piece in request.stream():
            content.extend(piece)
            if len(content) > most:
                raise TooLargeError("body", expected=f"at most {most:,} bytes")

    try:
        await asyncio.wait_for(read(), seconds)
    except TimeoutError:
        raise TooSlowError("body", expected=f"to be sent within {seconds:g} seconds") from None
    except ClientDisconnect:
        raise Dropped from None
    return bytes(content)


async def outcome(request: Request, ticket: Ticket[T]) -> T:
    """The result of a job, as long as its client is there and its time is not over.

    Raises:
        Dropped: the client has gone, or it took too long; the job is dropped with it.
        What the job raises.
    """
    waiting = asyncio.wrap_future(ticket.future)
    waiting.add_done_callback(_seen)
    try:
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=_LOOK)
            if done:
                return waiting.result()
            if time.monotonic() > ticket.until or await request.is_disconnected():
                raise Dropped
    except (asyncio.CancelledError, CancelledError):
        raise Dropped from None
    finally:
        ticket.drop()


def _seen(waiting: asyncio.Future[T]) -> None:
    """A job that was dropped ends with an error, which nobody waits for."""
    if not waiting.cancelled():
        waiting.exception()


def shown_name(given: str) -> str:
    """The name of an image that was handed in, for people: the last part of what its sender calls it, inert."""
    name = unquote(given, errors="replace").replace("\\", "/").rpartition("/")[2].strip()
    return inert(name[:_NAME]) or "image"


def named(error: ImageError, name: str) -> ImageError:
    """The same refusal by the name that its sender knows, in place of the path at which it was looked at."""
    return ImageError("image", value=name, reason=error.reason, expected=error.expected, fix=error.fix)


def item_of(content: bytes) -> str:
    """Its id: a hash of its content, which is also its file's name."""
    return hashlib.sha256(content).hexdigest()[:32]


class Intake:
    """A folder for images that are handed in; no name of theirs ever becomes a path."""

    def __init__(self, folder: Path, *, most: int = 32 * 2**20) -> None:
        """Args: most: bytes of an image."""
        self.folder, self.most = folder, most

    def compute(self, content: bytes, studio: Studio, check: Check) -> Book:
        """The book of one image, in a folder of its own.

        Raises:
            ImageError: it is no image that can be used; nothing of it is kept.
        """
        folder = self.folder / secrets.token_hex(8)
        folder.mkdir(parents=True)
        try:
            file = folder / item_of(content)
            file.write_bytes(content)
            studio.look(file, folder / "run", check)
            book = Book(open_run(folder / "run"))
            if not book.thumbs():
                raise _unusable(book)
            return book
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def forget(self, book: Book) -> None:
        """Remove the folder of a book that this made."""
        folder = book.run.folder.parent
        if folder.parent == self.folder:
            shutil.rmtree(folder, ignore_errors=True)


def _unusable(book: Book) -> ImageError:
    """Why a run of one image has no page."""
    rows = book.looks.images.table.to_pylist()
    reason = str(rows[0]["reason"]) if rows else "not-computed"
    return ImageError("image", reason=reason, expected=f"one with a page, but: {reason}")
