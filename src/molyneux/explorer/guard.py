"""The gate before every route: refuses what the rules refuse, and puts its headers on every answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from molyneux.explorer.security import HEADERS, Refusal, Rules, refusal

__all__ = ["Guard"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Guard:
    """ASGI middleware; only HTTP passes, no web sockets."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], rules: Rules) -> None:
        self.app, self.rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        marked = _marking(send)
        refused = refusal(self.rules, scope["method"], scope["path"], scope["headers"])
        if refused is not None:
            await _refuse(refused, scope["method"], marked)
            return
        await self.app(scope, receive, marked)


def _marking(send: Send) -> Send:
    """Adds our headers; those that a route set itself stay."""

    async def marked(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message.get("headers", [])}
            extra = [(name.encode(), value.encode()) for name, value in HEADERS if name.encode() not in there]
            message["headers"] = [*message.get("headers", []), *extra]
        await send(message)

    return marked


async def _refuse(refused: Refusal, method: str, send: Send) -> None:
    content = json.dumps({"error": refused.why}).encode()
    own = ((name.encode(), value.encode()) for name, value in refused.headers)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),  # a body that was sent with it is not read
        *own,
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else content})
