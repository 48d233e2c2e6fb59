"""The served explorer's queue, and its sockets (F31)."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

import looked
from explore_server import (
    HOST,
    JSON,
    Answer,
    Slow,
    asked,
    finish,
    served,
)
from explore_sites import edit, site, wish
from molyneux.explorer import serving
from molyneux.ground.errors import SettingError
from molyneux.ground.live import Check, Edited, Wish

__all__ = ["site"]


# The queue.


def test_fifty_edits_at_once_wait_in_a_short_queue_and_the_rest_is_told(tmp_path: Path) -> None:
    site = served(looked.run_of_looks(tmp_path / "run", images=1), tmp_path, Slow, waiting=4)

    async def all_at_once() -> list[Answer]:
        async def one(n: int) -> Answer:
            return await asked(
                site.app, "/live/edit", method="POST", headers=JSON, body=wish(site, scale=n / 10)
            )

        first = asyncio.create_task(one(0))
        await asyncio.to_thread(site.studio.begun.acquire)
        rest = [asyncio.create_task(one(n)) for n in range(1, 50)]
        done: set[Any] = set()
        while len(done) < 45:
            done, _ = await asyncio.wait(rest, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        site.studio.go_on.set()
        return [await first, *(await asyncio.gather(*rest))]

    told = finish(all_at_once())
    assert sorted(one.status for one in told) == [200] * 5 + [429] * 45
    busy = next(one for one in told if one.status == 429)
    assert busy.header("retry-after") == "1"
    assert "Try again" in busy.json()["error"]
    assert len(site.studio.seen) == 5
    assert edit(site).status == 200
    assert site.worker is not None
    site.worker.close()


def test_an_edit_whose_client_has_gone_is_dropped(tmp_path: Path) -> None:
    site = served(looked.run_of_looks(tmp_path / "run", images=1), tmp_path, Slow, waiting=1)
    assert site.worker is not None

    async def hang_up() -> None:
        gone = [asyncio.Event(), asyncio.Event()]
        tasks = []
        for n, event in enumerate(gone):
            tasks.append(
                asyncio.create_task(
                    asked(
                        site.app,
                        "/live/edit",
                        method="POST",
                        headers=JSON,
                        body=wish(site, scale=n),
                        gone=event,
                    )
                )
            )
            if n == 0:
                await asyncio.to_thread(site.studio.begun.acquire)
        await asyncio.sleep(0.3)
        for task, event in reversed([*zip(tasks, gone, strict=True)]):  # the one that waits hangs up first
            event.set()
            await task

    finish(hang_up())
    site.studio.go_on.set()
    assert edit(site, scale=5).status == 200  # the worker is free again
    assert site.studio.seen == [0, 5]  # the one that waited was never begun
    site.worker.close()


def test_an_edit_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    site = served(looked.run_of_looks(tmp_path / "run", images=1), tmp_path, Slow, limit=0.3)
    told = edit(site)
    assert told.status == 503
    assert "smaller edit" in told.json()["error"]
    site.studio.go_on.set()
    assert edit(site).status == 200
    assert site.worker is not None
    site.worker.close()
    assert edit(site).status == 429


def test_an_answer_comes_in_time_also_where_the_model_does_not_look_up(tmp_path: Path) -> None:
    """One long step sees no deadline, and what waits behind it has none that the worker looks at."""

    class Deaf(Slow):
        def edit(self, wish: Wish, check: Check) -> Edited:
            self.begun.release()
            self.go_on.wait(20)
            return super().edit(wish, check)

    site = served(looked.run_of_looks(tmp_path / "run", images=1), tmp_path, Deaf, limit=0.3)

    async def two() -> list[Answer]:
        def one(n: int) -> Coroutine[Any, Any, Answer]:
            return asked(site.app, "/live/edit", method="POST", headers=JSON, body=wish(site, scale=n))

        first = asyncio.create_task(one(0))
        await asyncio.to_thread(site.studio.begun.acquire)
        return [await asyncio.create_task(one(1)), await first]

    began = time.monotonic()
    told = finish(two())
    assert [one.status for one in told] == [503, 503]
    assert time.monotonic() - began < 15  # both were told while the model was at it
    assert not site.studio.go_on.is_set()
    site.studio.go_on.set()
    assert edit(site).status == 200
    assert site.worker is not None
    site.worker.close()


# Sockets.


def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving.bound("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        assert serving.url_of("127.0.0.1", first) == f"http://127.0.0.1:{port}/"
        with pytest.raises(SettingError, match=f"--port {port}: expected a port that nobody uses.*0 for any"):
            serving.bound("127.0.0.1", port)
        monkeypatch.setattr(serving, "PORT", port)
        with serving.bound("127.0.0.1", None) as second:
            assert second.getsockname()[1] != port


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(SettingError, match="an address of this machine"):
        serving.bound("192.0.2.1", 0)


def raw(port: int, request: bytes, *, wait: float = 10) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as line:
        line.sendall(request)
        told = b""
        while piece := line.recv(65536):
            told += piece
    return told


def test_over_a_real_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Percent signs, broken requests and silence, as they come over the wire."""
    import uvicorn

    monkeypatch.setattr(serving, "_HEADER_SECONDS", 1.0)
    (tmp_path / "secret.txt").write_text("hidden")
    (tmp_path / "run").mkdir()
    made = serving.bound("127.0.0.1", 0)
    port = made.getsockname()[1]
    from explore_server import rules_for

    site = served(
        looked.run_of_looks(tmp_path / "run" / "it", images=1),
        tmp_path,
        rules=rules_for("127.0.0.1", port, token="t"),
    )
    servers: list[Any] = []
    began = uvicorn.Server.run
    monkeypatch.setattr(
        uvicorn.Server, "run", lambda self, **given: (servers.append(self), began(self, **given))[1]
    )
    thread = threading.Thread(target=serving.serve, args=(site.app, made), daemon=True)
    thread.start()
    head = f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
    assert raw(port, b"GET /index.html" + head).startswith(b"HTTP/1.1 200")
    assert b"server:" not in raw(port, b"GET /index.html" + head).lower()
    for path in (
        *(
            "/../secret.txt",
            "/..%2fsecret.txt",
            "/%2e%2e/%2e%2e/secret.txt",
            "/..%252fsecret.txt",
            "/%5c..%5csecret.txt",
        ),
        *("/downloads/../../secret.txt", "/downloads/..%2f..%2f..%2fsecret.txt", "/downloads//etc/passwd"),
        *(
            "/data/..%2f..%2fsecret.txt%00.js",
            "/%00",
            "/%ff%fe",
            "/assets/%2e%2e%2f__init__.py",
            "//etc/passwd",
        ),
        "http://169.254.169.254/latest/meta-data",
    ):
        told = raw(port, b"GET " + path.encode() + head)
        assert told.split(b" ")[1] in (b"404", b"400", b"403"), (path, told[:80])
        assert b"hidden" not in told
        assert b"root:" not in told
    for broken in (
        b"\x16\x03\x01\x02\x00\x01",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\r\n" * 5 + b"x\r\n\r\n",
    ):
        assert b" 200 " not in raw(port, broken)[:20]
    began_at = time.monotonic()
    assert raw(port, b"GET / HTT") == b""  # silence: the line is closed
    assert time.monotonic() - began_at < 8
    began_at = time.monotonic()
    again = b"GET /index.html" + head.replace(b"Connection: close\r\n", b"")
    told = raw(port, again + again + b"GET / HTT")  # silence after requests that were answered
    assert told.count(b"HTTP/1.1 200 OK") == 2
    assert time.monotonic() - began_at < 4  # before uvicorn's own five seconds between requests
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        for _ in range(6):  # each has the whole time: together they take longer
            time.sleep(0.25)
            line.sendall(again.replace(b"GET", b"HEAD"))
            assert line.recv(65536).startswith(b"HTTP/1.1 200 OK")
        line.sendall(b"GET / HTT")  # this byte ends uvicorn's limit, not ours
        while line.recv(65536):
            pass
    assert time.monotonic() - began_at < 12
    assert raw(port, b"GET /index.html" + head.replace(str(port).encode(), b"1")).startswith(b"HTTP/1.1 403")
    assert HOST
    servers[0].should_exit = True
    thread.join(10)
    assert not thread.is_alive()
