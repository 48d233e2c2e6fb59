"""A port on this machine, and the server that answers there until it is asked to end."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from molyneux.explorer.guard import Guard
from molyneux.ground.errors import SettingError

__all__ = ["PORT", "bound", "serve", "url_of"]

PORT = 8642
"""Where the explorer is, if nobody else is there."""
_NEXT = 20
_HEADER_SECONDS = 10.0


def bound(host: str, port: int | None) -> socket.socket:
    """A socket that listens soon.

    Args:
        port: this one; 0 is any that is free; None is ``PORT``, or the next that is free.

    Raises:
        SettingError: the port is taken, may not be used, or the address is none of this machine's.
    """
    first, others = (PORT, tuple(range(PORT + 1, PORT + _NEXT))) if port is None else (port, ())
    for number in (first, *others):
        try:
            return _bind(host, number)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or port is not None:
                raise _refused(host, number, error) from None
    return bound(host, 0)


def _bind(host: str, port: int) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(
        host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    made = socket.socket(family, kind, proto)
    try:
        # Windows would share the port; elsewhere the last server's closed connections would hold it.
        option = int(getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR))
        made.setsockopt(socket.SOL_SOCKET, option, 1)
        made.bind(address)
        made.listen(128)
    except BaseException:
        made.close()
        raise
    return made


def _refused(host: str, port: int, error: OSError) -> SettingError:
    if error.errno == errno.EADDRINUSE:
        fix = "Name another, or 0 for any that is free."
        return SettingError("--port", value=port, expected="a port that nobody uses", fix=fix)
    if error.errno in (errno.EACCES, errno.EPERM):
        fix = "Ports below 1024 need rights."
        return SettingError("--port", value=port, expected="a port that may be used", fix=fix)
    said = error.strerror or str(error)
    return SettingError("--host", value=host, expected=f"an address of this machine, but: {said}")


def url_of(host: str, made: socket.socket) -> str:
    """What to type into a browser."""
    port = made.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host.strip("[]"), host.strip("[]"))
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"


class _Prompt(H11Protocol):
    """Closes a connection whose next request line and headers do not come in time, be it the first or a later one.

    uvicorn's own limit between requests ends with the first byte of the next.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def on_response_complete(self) -> None:
        self._patience.cancel()
        self._wait()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._patience = asyncio.get_running_loop().call_later(_HEADER_SECONDS, self._enough)

    def _enough(self) -> None:
        cycle = getattr(self, "cycle", None)
        if cycle is None or cycle.response_complete:  # no request has come since
            self.transport.close()


def serve(app: Guard, made: socket.socket) -> None:
    """Answer until Ctrl-C or SIGTERM; requests that run then have two seconds.

    Raises:
        KeyboardInterrupt: after Ctrl-C, when all is closed.
    """
    config = uvicorn.Config(
        app,
        http=_Prompt,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=128,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[made])
