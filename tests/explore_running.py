"""A served explorer on a port of this machine, in a thread, for browsers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn

from explore_server import SECRET, Served
from molyneux.explorer.guard import Guard
from molyneux.explorer.security import rules_for
from molyneux.explorer.serving import bound, serve

__all__ = ["Running", "Visit", "running"]


@dataclass
class Running:
    """Where it answers, and how it ends."""

    root: str
    server: uvicorn.Server
    thread: threading.Thread

    def end(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive()


@contextmanager
def running(site: Served) -> Iterator[Running]:
    """Serve an application as ``molyneux explore`` does, under the rules of its own port."""
    made = bound("127.0.0.1", 0)
    port = made.getsockname()[1]
    app = Guard(site.app.app, rules_for("127.0.0.1", port, token=SECRET))
    servers: list[uvicorn.Server] = []
    began, there = uvicorn.Server.run, threading.Event()

    def noted(self: uvicorn.Server, **given: Any) -> None:
        servers.append(self)
        there.set()
        began(self, **given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uvicorn.Server, "run", noted)
        thread = threading.Thread(target=serve, args=(app, made), daemon=True)
        thread.start()
        assert there.wait(10)
    one = Running(f"http://127.0.0.1:{port}", servers[0], thread)
    try:
        yield one
    finally:
        one.end()


class Visit:
    """A browser's page on a served explorer, and what it complained about."""

    def __init__(self, context: Any, root: str) -> None:
        self.page, self.root = context.new_page(), root
        self.wrong: list[str] = []
        self.page.on("console", lambda told: self.wrong.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))

    def open(self, place: str) -> Any:
        """Go to a page and wait until it is drawn."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.root}/{place}")
        self.page.wait_for_selector("html[data-ready]", timeout=20_000)
        return self.page

    def hand_in(self, file: Any) -> Any:
        """Hand in a file on the page of all images, and wait for its page."""
        page = self.open("index.html")
        page.locator("#hand-in input").set_input_files(str(file))
        page.wait_for_url("**/image.html#image=*", timeout=60_000)
        page.wait_for_selector("html[data-ready] .said", timeout=20_000)
        return page
