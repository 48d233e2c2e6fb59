"""The same folder on a web host, below a path of its own, with a strict policy; and how soon it can be used."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import looked
from molyneux.explorer.export import export

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGES = ("index.html", "image.html", "neuron.html", "atlas.html", "run.html")


class Host(SimpleHTTPRequestHandler):
    """A plain web host that sends a strict policy."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def hosted(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=str(site.parent)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{site.name}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", PAGES)
def test_pages_work_on_a_host_and_ask_no_other(name: str, hosted: str, chromium: Any) -> None:
    page = chromium.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda told: said.append(told.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{hosted}/{name}")
    page.wait_for_selector("html[data-ready]", timeout=20_000)
    page.close()
    assert said == []
    assert [url for url in asked if not url.startswith((hosted, "data:", "blob:"))] == []


def test_many_images_are_there_soon(tab: Callable[..., Any], tmp_path: Path) -> None:
    folder = export(looked.run_of_looks(tmp_path / "run", images=510), tmp_path / "pages").folder
    one = tab(folder)
    start = time.perf_counter()
    page = one.open("index.html")
    taken = time.perf_counter() - start
    assert page.locator("a.tile").count() == 60
    page.locator("#grid .note", has_text="510 of 510 images").wait_for(timeout=20_000)
    assert not page.locator("#grid .note").inner_text().endswith("\u2026")
    assert len([url for url in one.asked if "/index-" in url]) == 2
    assert taken < 5, "a second on an idle machine"
