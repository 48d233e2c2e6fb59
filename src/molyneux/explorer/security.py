"""Who may ask a served explorer for what: one pure answer from a request's first lines, before any route."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = [
    "CSP",
    "HEADERS",
    "LOOPBACK",
    "TOKEN",
    "WRITES",
    "Refusal",
    "Rules",
    "is_loopback",
    "refusal",
    "rules_for",
]

TOKEN = "x-molyneux-token"
"""The header that carries a page's token: other origins can neither read it nor, unasked, send it."""
WRITES = "/live/"
"""Whatever lies below computes or writes."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
DOWNLOAD_CSP = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox allow-same-origin"
)
"""Of a run's own files: a report may be styled, but nothing in it runs."""
HEADERS = (
    ("content-security-policy", CSP),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("cache-control", "no-store"),
)
"""Of every answer; no CORS header is ever sent."""

_READS = ("GET", "HEAD")


@dataclass(frozen=True)
class Rules:
    """What a server lets through."""

    hosts: frozenset[str]
    """Values of Host, in lower case."""
    token: str = field(repr=False)
    password: str | None = field(default=None, repr=False)
    """Asked of every request, where there is one."""

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(f"http://{host}" for host in self.hosts)


@dataclass(frozen=True)
class Refusal:
    """A status, why, and headers that belong to it."""

    status: int
    why: str
    headers: tuple[tuple[str, str], ...] = ()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def rules_for(host: str, port: int, *, token: str, password: str | None = None) -> Rules:
    """The hosts by which a server at an address may be called: loopback's, its own, and this machine's names."""
    names = {*LOOPBACK, _bracketed(host)}
    if not is_loopback(host):
        names |= {_bracketed(one) for one in _own_names()}
    names -= {"0.0.0.0", "[::]"}
    hosts = {f"{name.lower()}:{port}" for name in names} | (
        {name.lower() for name in names} if port == 80 else set()
    )
    return Rules(frozenset(hosts), token, password)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _own_names() -> set[str]:
    name = socket.gethostname()
    try:
        found = {str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(name, None)}
    except OSError:
        found = set()
    return {name, *found}


def refusal(rules: Rules, method: str, path: str, headers: Sequence[tuple[bytes, bytes]]) -> Refusal | None:
    """Why a request is refused; None where it may go on.

    In this order: the Host (a rebound name is not ours), the password where there is one, the method, where the
    request comes from, and, for what computes or writes, the page's token.
    """
    said: dict[str, list[str]] = {}
    for name, value in headers:
        said.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    hosts = said.get("host", [])
    if len(hosts) != 1 or hosts[0].lower() not in rules.hosts:
        return Refusal(403, "this server is asked for by another name than its own")
    if rules.password is not None and not _knows(said.get("authorization", []), rules.password):
        ask = (("www-authenticate", 'Basic realm="molyneux", charset="UTF-8"'),)
        return Refusal(401, "the password of this session is needed", ask)
    writes = path.startswith(WRITES)
    allowed = ("POST",) if writes else _READS
    if method not in allowed:
        return Refusal(405, f"expected {' or '.join(allowed)}", (("allow", ", ".join(allowed)),))
    if not _from_here(said, rules, writes):
        return Refusal(403, "asked for from another site")
    tokens = said.get(TOKEN, [])
    if writes and not (len(tokens) == 1 and _same(tokens[0], rules.token)):
        return Refusal(403, "the token of this session's pages is needed: reload the page")
    return None


def _from_here(said: dict[str, list[str]], rules: Rules, writes: bool) -> bool:
    """Not from another site's page: a link to a page may be followed from anywhere, all else is ours alone."""
    if any(origin not in rules.origins for origin in said.get("origin", [])):
        return False
    for site in said.get("sec-fetch-site", []):
        link = said.get("sec-fetch-mode") == ["navigate"] and said.get("sec-fetch-dest") == ["document"]
        if site == "same-origin" or (not writes and (site == "none" or link)):
            continue
        return False
    return True


def _knows(given: list[str], password: str) -> bool:
    if len(given) != 1 or not given[0].lower().startswith("basic "):
        return False
    try:
        told = base64.b64decode(given[0][6:].strip(), validate=True).decode("utf8")
    except (binascii.Error, ValueError):
        return False
    return _same(told.partition(":")[2], password)


def _same(given: str, wanted: str) -> bool:
    """Compared in a time that does not tell how much of it is right."""
    return hmac.compare_digest(given.encode("utf8", "surrogatepass"), wanted.encode("utf8", "surrogatepass"))
