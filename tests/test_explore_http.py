"""The served explorer over HTTP: the export's files, any body, limits of size and time (F26, F28, F31)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import looked
from explore_server import (
    JSON,
    TOKEN,
    Served,
    ask,
    served,
)
from explore_sites import edit, site, wish
from molyneux.explorer import intake
from molyneux.explorer.export import export

__all__ = ["site"]


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
