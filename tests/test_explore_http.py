"""The served explorer over HTTP: the export's files, edits, images handed in, limits and queue (F26, F28, F31)."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import looked
import machines
import molyneux as mx
from explore_server import (
    HOST,
    JSON,
    TOKEN,
    Answer,
    Served,
    Slow,
    ask,
    asked,
    finish,
    served,
    tiny_run,
)
from molyneux.explorer import intake, serving
from molyneux.explorer.export import export
from molyneux.explorer.shards import key_of
from molyneux.explorer.shelf import MOST_BOOKS
from molyneux.ground.errors import SettingError
from molyneux.neurons.ablate import target_probabilities


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A hostile run, and a model that answers when it is let."""
    folder = tmp_path_factory.mktemp("served")
    made = served(looked.run_of_looks(folder / "run", images=8), folder, Slow, waiting=4)
    made.studio.go_on.set()
    yield made
    assert made.worker is not None
    made.worker.close()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, Path]]]:
    """A real model and its run."""
    folder = tmp_path_factory.mktemp("real")
    run, studio, files = tiny_run(folder)
    made = served(run, folder, studio)
    yield made, files
    assert made.worker is not None
    made.worker.close()


def wish(site: Served, **changes: Any) -> bytes:
    told = {"image": site.keys[0], "word": 1, "neurons": ["L0.u1"], "scale": 0} | changes
    return json.dumps({name: value for name, value in told.items() if value is not None}).encode()


def edit(site: Served, **changes: Any) -> Answer:
    return ask(site.app, "/live/edit", method="POST", headers=JSON, body=wish(site, **changes))


# The same files as in an export.


def test_every_file_of_an_export_is_served_as_it_is(tmp_path: Path) -> None:
    run = looked.run_of_looks(tmp_path / "run", images=3)
    site = served(run, tmp_path)
    folder = export(run, tmp_path / "pages").folder
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".txt"]
    assert len(paths) > 30
    for path in paths:
        name = "/" + path.relative_to(folder).as_posix()
        told, head = ask(site.app, name), ask(site.app, name, method="HEAD")
        assert (told.status, told.body) == (200, path.read_bytes()), name
        assert (head.status, head.header("content-length")) == (200, str(len(told.body)))
        assert told.header("content-type") not in (None, "application/octet-stream"), name


def test_a_page_differs_from_the_exports_by_the_token_alone(site: Served) -> None:
    for name in ("index", "image", "neuron", "atlas", "run"):
        told = ask(site.app, f"/{name}.html").body.decode()
        meta = '<meta name="molyneux-live" content="a-token-of-this-session-alone">'
        from molyneux.explorer.book import page_files

        assert told.replace(meta, "<!-- molyneux:live -->") == page_files()[f"{name}.html"].read_text()


@pytest.mark.parametrize(
    "path",
    [
        *("/data/", "/data/run", "/data/run.json", "/data/images/index-1.js", "/data/images/index-00.js"),
        *("/data/neurons/L0.u00.js", "/data/tables/nothing.js", "/data/thumbs/x.jpg", "/assets/", "/assets"),
        *("/downloads/", "/downloads/looks/part-00000.parquet", "/index.html/", "/live/edit/x", "/docs"),
        *("/openapi.json", "/favicon.ico", "/core.js", "/data/run.js/", "//index.html", "/INDEX.HTML"),
    ],
)
def test_what_is_not_there_is_404(site: Served, path: str) -> None:
    told = ask(site.app, path, method="POST" if path.startswith("/live/") else "GET", headers=TOKEN)
    assert (told.status, told.json()) == (404, {"error": "there is nothing of that name"})


# Bodies: nothing that is sent breaks the server, and nothing of it comes back.

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(looked.HOSTILE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)
FIELDS = ("image", "word", "neurons", "top", "rank", "scale", "draws", "seed", "url", "__proto__")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4), whole=st.none() | VALUES)
def test_any_json_is_answered_in_our_words(site: Served, changes: dict[str, Any], whole: Any) -> None:
    body = wish(site, **changes) if whole is None else json.dumps(whole).encode()
    told = ask(site.app, "/live/edit", method="POST", headers=JSON, body=body)
    assert told.status in (200, 404, 422)
    said = told.json()
    assert told.body.isascii()
    assert ("error" in said) == (told.status != 200)
    assert "pwned" not in said.get("error", "")


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=200))
def test_any_bytes_are_refused(site: Served, body: bytes) -> None:
    assert ask(site.app, "/live/edit", method="POST", headers=JSON, body=body).status == 422
    told = ask(site.app, "/live/image", method="POST", headers=TOKEN, body=body)
    assert told.status == 422
    assert list(site.folder.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [
        *({"scale": one} for one in (-0.1, 5.1, float("nan"), float("inf"), "1", None, True, [1])),
        *(
            {"neurons": one}
            for one in ([], ["L0.u1 "], ["l0.u1"], ["L01.u1"], [1], "L0.u1", ["L0.u1"] * 1001)
        ),
        *({"word": one} for one in (-1, 1.5, "1", None, 4, 10**9)),
        *({"image": one} for one in ("", "0" * 16, "F" * 16, "../" * 5, "http://127.0.0.1:1/", None)),
        *({"draws": one} for one in (-1, 33, 10**12)),
        {"top": 1},
        {"neurons": None},
        {"neurons": None, "top": -1},
        {"seed": -1},
        {"seed": 2**53},
        {"rank": "mean"},
        {"positions": "all"},
    ],
)
def test_an_edit_out_of_bounds_is_refused_before_the_model_sees_it(
    site: Served, changes: dict[str, Any]
) -> None:
    before = len(site.studio.seen)
    told = edit(site, **changes)
    assert told.status in (404, 422)
    assert told.json()["error"]
    assert len(site.studio.seen) == before


def test_an_edit_must_be_json_by_its_type(site: Served) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        headers = TOKEN | {"content-type": kind}
        assert ask(site.app, "/live/edit", method="POST", headers=headers, body=wish(site)).status == 415


def test_what_is_not_finite_is_null(site: Served) -> None:
    assert edit(site).json()["edited"] == [None, "b"]


# Sizes and times.


def test_a_body_too_large_is_refused_by_its_header_unread(site: Served) -> None:
    headers = TOKEN | {"content-length": str(10**12)}
    began = time.monotonic()
    told = ask(site.app, "/live/image", method="POST", headers=headers, stall=True)
    assert (told.status, time.monotonic() - began < 5) == (413, True)
    for wrong in ("-1", "1e3", "", "\u00b2", "9" * 40):
        headers = TOKEN | {"content-length": wrong}
        assert ask(site.app, "/live/image", method="POST", headers=headers, body=b"x").status == 413


def test_a_body_that_goes_on_is_cut_off(site: Served) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield b"x" * 65536

    told = ask(site.app, "/live/image", method="POST", headers=TOKEN, body=endless())
    assert told.status == 413
    assert sent <= 2**20 + 2 * 65536


def test_a_body_that_does_not_come_is_given_up(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake.body_of, "__kwdefaults__", {"seconds": 0.2})
    told = ask(site.app, "/live/image", method="POST", headers=TOKEN, body=[b"x"])
    assert told.status == 408
    assert "0.2 seconds" in told.json()["error"]


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
        for event in gone:
            event.set()
        await asyncio.gather(*tasks)

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


# Real edits and images.


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 5.0])
def test_an_edit_is_what_the_python_api_does(real: tuple[Served, dict[str, Path]], scale: float) -> None:
    site, files = real
    captioner = machines.captioner()
    image = files["0.png"]
    caption = captioner.caption(image)
    noun = next(n for n, word in enumerate(caption.words) if word == caption.noun)
    neurons = ["L0.u3", "L2.u17", "L1.u8"]
    told = edit(site, image=key_of("0.png"), word=noun, neurons=neurons, scale=scale, draws=3).json()
    with mx.edit(captioner, neurons, scale):
        expected = captioner.caption(image).text
    assert told["edited"][1] == expected
    assert (told["plain"][1], told["recorded"]) == (caption.text, caption.text)
    target = mx.attribute(captioner, image).target
    inputs = captioner.prepare([mx.open_image(image)])
    named = [mx.NeuronId.parse(one) for one in neurons]
    (p,) = target_probabilities(captioner, inputs, target, [named], scale=scale)
    assert told["edited"][0] == pytest.approx(p, rel=1e-4)
    assert told["plain"][0] == pytest.approx(caption.probabilities[target.token], rel=1e-4)
    assert len(told["random"]) == 3
    assert (told["edited"] == told["plain"]) == (scale == 1)


@pytest.mark.parametrize("rank", ["sum", "max"])
def test_the_top_n_are_those_of_the_ranking(real: tuple[Served, dict[str, Path]], rank: str) -> None:
    site, files = real
    captioner = machines.captioner()
    caption = captioner.caption(files["1.png"])
    told = edit(site, image=key_of("1.png"), word=2, neurons=None, top=7, rank=rank).json()
    found = mx.attribute(captioner, files["1.png"], target=caption.words[2].token, reduce=rank)
    assert told["neurons"] == [str(entry.neuron) for entry in found.ranked(7)]


def test_draws_are_the_same_at_every_scale_and_other_with_another_seed(
    real: tuple[Served, dict[str, Path]],
) -> None:
    site, _ = real
    some = {"image": key_of("0.png"), "word": 0, "neurons": ["L0.u3"], "draws": 4}
    first = edit(site, **some, scale=5).json()["random"]
    assert edit(site, **some, scale=5).json()["random"] == first
    assert edit(site, **some, scale=5, seed=1).json()["random"] != first
    plain = edit(site, **some, scale=1).json()
    assert all(p == pytest.approx(plain["plain"][0], rel=1e-4) for p, _ in plain["random"])


def test_a_neuron_that_the_model_does_not_have_is_refused(real: tuple[Served, dict[str, Path]]) -> None:
    site, _ = real
    told = edit(site, image=key_of("0.png"), word=0, neurons=["L99.u0"])
    assert told.status == 422
    assert "L99.u0" in told.json()["error"]
    told = edit(site, image=key_of("0.png"), word=0, neurons=None, top=10**6)
    assert told.status == 422


def test_an_image_whose_file_has_gone_says_what_to_do(tmp_path: Path) -> None:
    run, studio, files = tiny_run(tmp_path)
    site = served(run, tmp_path, studio)
    files["0.png"].unlink()
    told = edit(site, image=key_of("0.png"), word=0)
    assert told.status == 409
    assert "--data" in told.json()["error"]
    assert site.worker is not None
    site.worker.close()


def png(seed: int = 9) -> bytes:
    out = io.BytesIO()
    machines.images(1, seed=seed)[0].save(out, "PNG")
    return out.getvalue()


def hand_in(site: Served, content: bytes, name: str) -> Answer:
    headers = TOKEN | {"x-file-name": name}
    return ask(site.app, "/live/image", method="POST", headers=headers, body=content)


def test_an_image_handed_in_gets_a_page_and_can_be_edited(real: tuple[Served, dict[str, Path]]) -> None:
    site, _ = real
    told = hand_in(site, png(), "..%2F..%2Fmy%20%3Cscript%3E%E2%80%AE.png")
    assert told.status == 200, told.body
    key = told.json()["key"]
    shard = ask(site.app, f"/data/images/{key}.js")
    data = json.loads(shard.body.decode().partition(",")[2].removesuffix(");\n"))
    assert data["name"] == "my <script>\\u202e.png"
    assert data["caption"] == machines.captioner().caption(png()).text
    assert (data["width"], data["height"]) == (48, 40)
    assert Image.open(io.BytesIO(ask(site.app, f"/data/thumbs/{key}.jpg").body)).format == "JPEG"
    neuron = data["words"][data["selected"]]["rankings"]["sum"]["neurons"][0][0]
    assert ask(site.app, f"/data/neurons/{neuron}.js").status == 200
    assert edit(site, image=key, word=data["selected"], neurons=[neuron]).status == 200
    rows = ask(site.app, "/live/images", method="POST", headers=TOKEN).json()["images"]
    assert {row["key"]: row["name"] for row in rows}[key] == data["name"]
    begun = site.worker.begun if site.worker else 0
    assert hand_in(site, png(), "again.png").json()["key"] == key
    assert site.worker is not None
    assert site.worker.begun == begun  # not computed a second time


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no bytes"),
        (b"GIF89a", "image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "SVG"),
        (b"http://127.0.0.1:1/x.png", "image"),
        (png()[:200], "image"),
    ],
)
def test_what_is_no_image_is_refused_and_not_kept(
    real: tuple[Served, dict[str, Path]], content: bytes, said: str
) -> None:
    site, _ = real
    before = set(site.folder.iterdir()) if site.folder.exists() else set()
    told = hand_in(site, content, "x.png")
    assert told.status == 422
    assert said.lower() in told.json()["error"].lower()
    assert set(site.folder.iterdir()) == before


def test_a_small_file_of_many_pixels_is_refused(real: tuple[Served, dict[str, Path]]) -> None:
    out = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(out, "PNG")
    assert len(out.getvalue()) < 2**20
    told = hand_in(real[0], out.getvalue(), "bomb.png")
    assert told.status == 422
    assert "pixels" in told.json()["error"]


def test_images_handed_in_are_kept_up_to_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from molyneux.explorer import shelf

    assert MOST_BOOKS >= 8
    monkeypatch.setattr(shelf, "MOST_BOOKS", 2)
    run, studio, _ = tiny_run(tmp_path)
    site = served(run, tmp_path, studio)
    keys = [hand_in(site, png(seed), f"{seed}.png").json()["key"] for seed in (11, 12, 13)]
    assert list(site.shelf.added) == keys[1:]
    assert len(list(site.folder.iterdir())) == 2
    assert ask(site.app, f"/data/images/{keys[0]}.js").status == 404
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
