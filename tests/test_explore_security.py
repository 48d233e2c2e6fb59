"""Who may ask a served explorer for what: hosts, sites, tokens, methods, headers (F26, F30, F32)."""

from __future__ import annotations

import base64
import html.parser
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import looked
from explore_guarded import READS, WRITES, site, wish
from explore_server import HOST, JSON, PORT, RULES, SECRET, TOKEN, Served, ask, served
from molyneux.explorer.book import page_files
from molyneux.explorer.security import DOWNLOAD_CSP, HEADERS, is_loopback, refusal, rules_for

__all__ = ["site"]


# Hosts: a name that somebody rebound to 127.0.0.1 is not ours.


@pytest.mark.parametrize("path", [*READS, *WRITES])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "127.0.0.1",
        "127.0.0.1:1",
        f"127.0.0.1.evil.example:{PORT}",
        f"localhost.:{PORT}",
        f"[::1%eth0]:{PORT}",
        f"0.0.0.0:{PORT}",
        f"127.0.0.1:{PORT},evil.example",
        f"user@127.0.0.1:{PORT}",
        "",
        None,
    ],
)
def test_another_host_is_refused_on_every_route(site: Served, path: str, host: str | None) -> None:
    method = "POST" if path in WRITES else "GET"
    told = ask(site.app, path, method=method, host=host, headers=JSON, body=wish(site))
    assert told.status == 403
    assert SECRET.encode() not in told.body


@pytest.mark.parametrize("host", [f"localhost:{PORT}", HOST, f"[::1]:{PORT}", f"LOCALHOST:{PORT}"])
def test_our_own_names_pass(site: Served, host: str) -> None:
    assert ask(site.app, "/index.html", host=host).status == 200
    assert ask(site.app, "/live/edit", method="POST", host=host, headers=JSON, body=wish(site)).status == 200


def test_two_hosts_are_none(site: Served) -> None:
    assert ask(site.app, "/", headers=[("host", "evil.example")]).status == 403


@given(st.text(max_size=60))
def test_only_the_names_on_the_list_pass(host: str) -> None:
    said = host.encode("latin-1", "replace")
    told = refusal(RULES, "GET", "/", [(b"host", said)])
    assert (told is None) == (said.decode("latin-1").lower() in RULES.hosts)


def test_a_port_of_80_may_be_left_out() -> None:
    assert refusal(rules_for("127.0.0.1", 80, token="t"), "GET", "/", [(b"host", b"localhost")]) is None


# Sites: forms, images and scripts of other pages.


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("site_said", ["cross-site", "same-site", "nonsense", ""])
def test_other_sites_get_nothing(site: Served, path: str, site_said: str) -> None:
    told = ask(site.app, path, headers={"sec-fetch-site": site_said, "sec-fetch-mode": "no-cors"})
    assert told.status == 403


def test_a_link_to_a_page_may_be_followed_from_anywhere(site: Served) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert ask(site.app, "/index.html", headers=link).status == 200
    frame = link | {"sec-fetch-dest": "iframe"}
    assert ask(site.app, "/index.html", headers=frame).status == 403


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"https://{HOST}"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
    ],
)
def test_nothing_is_computed_for_another_site_even_with_the_token(
    site: Served, path: str, headers: dict[str, str]
) -> None:
    told = ask(site.app, path, method="POST", headers=JSON | headers, body=wish(site))
    assert told.status == 403


# The token.


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("token", [None, "", SECRET[:-1], SECRET + "x", SECRET.upper(), "\u00e9"])
def test_without_the_token_nothing_is_computed(site: Served, path: str, token: str | None) -> None:
    headers = {"content-type": "application/json"} | ({} if token is None else {"x-molyneux-token": token})
    before = list(site.studio.seen)
    told = ask(site.app, path, method="POST", headers=headers, body=wish(site))
    assert (told.status, site.studio.seen) == (403, before)


def test_two_tokens_are_none(site: Served) -> None:
    headers = [*JSON.items(), *TOKEN.items()]
    assert ask(site.app, "/live/edit", method="POST", headers=headers, body=wish(site)).status == 403


def test_the_token_is_in_pages_and_nowhere_else(site: Served) -> None:
    for path in READS:
        told = ask(site.app, path)
        assert (SECRET.encode() in told.body) == (path in ("/", "/index.html"))
        assert all(SECRET not in value for _, value in told.headers)
        assert told.header("cache-control") == "no-store"
    assert SECRET not in repr(RULES)


def test_pages_without_a_model_carry_no_token(tmp_path: Path) -> None:
    quiet = served(looked.run_of_looks(tmp_path / "run", images=1), tmp_path)
    assert b'molyneux-live"' not in ask(quiet.app, "/image.html").body
    assert ask(quiet.app, "/live/edit", method="POST", headers=JSON, body=b"{}").status == 404


# Methods and headers.


@pytest.mark.parametrize("path", [*READS, *WRITES])
@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "GET", "BREW"]
)
def test_methods(site: Served, path: str, method: str) -> None:
    told = ask(site.app, path, method=method, headers=JSON, body=wish(site) if method == "POST" else b"")
    if (path in WRITES) == (method == "POST") and method in ("GET", "POST"):
        assert told.status != 405
    else:
        assert told.status == 405
        assert told.header("allow") == ("POST" if path in WRITES else "GET, HEAD")


@pytest.mark.parametrize("path", [*READS, *WRITES])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("host", [HOST, "evil.example"])
def test_every_answer_carries_the_headers_and_none_of_cors(
    site: Served, path: str, method: str, host: str
) -> None:
    asks = {"origin": f"http://{HOST}", "access-control-request-method": "POST"}
    told = ask(site.app, path, method=method, host=host, headers=JSON | asks)
    for name, value in HEADERS:
        if name == "content-security-policy" and path.startswith("/downloads/") and told.status == 200:
            value = DOWNLOAD_CSP
        assert told.header(name) == value
    assert not [name for name, _ in told.headers if name.startswith("access-control")]


def test_the_policies_are_these_to_the_letter(site: Served) -> None:
    """Written out a second time: whoever loosens one has to say so here, too."""
    told = ask(site.app, "/index.html")
    assert {name: told.header(name) for name, _ in HEADERS} == {
        "content-security-policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "x-frame-options": "DENY",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        "cache-control": "no-store",
    }
    assert ask(site.app, "/downloads/manifest.json").header("content-security-policy") == (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; sandbox allow-same-origin"
    )


def test_a_failure_of_ours_carries_them_too_and_no_trace(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[str] = []

    async def through(scope: Any, receive: Any, send: Any) -> None:
        try:
            await site.app(scope, receive, send)
        except OSError as error:  # answered first, then handed on to the server's log
            raised.append(str(error))

    monkeypatch.setattr(site.studio, "error", OSError(28, "no space left on /a/secret/place"))
    told = ask(through, "/live/image", method="POST", headers=TOKEN, body=b"x")  # type: ignore[arg-type]
    assert len(raised) == 1
    assert (told.status, told.json()) == (500, {"error": "the server failed: OSError"})
    for name, value in HEADERS:
        assert told.header(name) == value
    assert list(site.folder.iterdir()) == []


class _Acting(html.parser.HTMLParser):
    """Collects what a strict policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}" for name, _ in attrs if name.startswith("on") or name == "style"]
        self.found += [
            f"{tag} {value}"
            for _, value in attrs
            if value and re.match(r"(?i)\s*(javascript:|https?:)", value)
        ]
        self.script = tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if self.script and data.strip():
            self.found.append(data)

    def handle_endtag(self, tag: str) -> None:
        self.script = False


def test_no_page_has_anything_inline(site: Served) -> None:
    for path in page_files():
        if path.endswith(".html"):
            reader = _Acting()
            reader.feed(ask(site.app, f"/{path}").body.decode())
            assert reader.found == []


# Other machines.


@pytest.mark.parametrize(
    ("host", "here"),
    [
        *[(one, True) for one in ("127.0.0.1", "localhost", "::1", "[::1]", "127.8.9.1")],
        *[
            (one, False)
            for one in ("0.0.0.0", "::", "192.168.1.5", "example.org", "", "127.0.0.1.evil.example")
        ],
    ],
)
def test_which_addresses_only_this_machine_reaches(host: str, here: bool) -> None:
    assert is_loopback(host) is here


def test_a_server_that_others_reach_wants_the_password_of_every_request(tmp_path: Path) -> None:
    rules = rules_for("192.0.2.7", PORT, token=SECRET, password="correct horse")
    site = served(looked.run_of_looks(tmp_path / "run", images=1), tmp_path, rules=rules)

    def status(said: str | None) -> int:
        headers = {} if said is None else {"authorization": said}
        return ask(site.app, "/index.html", host=f"192.0.2.7:{PORT}", headers=headers).status

    def basic(text: str) -> str:
        return "Basic " + base64.b64encode(text.encode()).decode()

    assert status(basic("anybody:correct horse")) == 200
    wrong = [
        None,
        "",
        "Basic",
        "Basic !!!",
        basic("anybody:wrong"),
        basic("correct horse"),
        "Bearer correct horse",
    ]
    assert [status(one) for one in wrong] == [401] * len(wrong)
    assert f"0.0.0.0:{PORT}" not in rules_for("0.0.0.0", PORT, token="t", password="p").hosts
