"""``molyneux explore``: a run, or images, in the browser, with a model behind the pages."""

from __future__ import annotations

import os
import secrets
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from molyneux.cli.console import note
from molyneux.cli.options import Device, Dtype
from molyneux.ground.errors import AssetError, SettingError
from molyneux.ground.printable import inert

if TYPE_CHECKING:
    from molyneux.explorer.security import Rules
    from molyneux.explorer.server import Live
    from molyneux.explorer.shelf import Shelf

__all__ = ["PASSWORD", "explore"]

PASSWORD = "MOLYNEUX_PASSWORD"
"""The environment variable with the password that a server asks for; no option, which other users could list."""

_PANEL = "Server"


def explore(
    what: Annotated[
        list[str], typer.Argument(metavar="RUN|IMAGE...", help="A run's folder, or image files.")
    ],
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            metavar="PORT",
            help="This port; 0 is any that is free. Left out: 8642, or the next that is free.",
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.", rich_help_panel=_PANEL)
    ] = "127.0.0.1",
    remote: Annotated[
        bool,
        typer.Option(
            "--remote",
            help="Allow an ADDRESS that other machines reach; asks them for a password.",
            rich_help_panel=_PANEL,
        ),
    ] = False,
    browser: Annotated[bool, typer.Option("--open", help="Open the browser.")] = False,
    no_live: Annotated[
        bool, typer.Option("--no-live", help="The pages alone: no edits, no images handed in.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="FOLDER", help="The run's images, where they are not those that ship."
        ),
    ] = None,
    atlas: Annotated[
        Path | None,
        typer.Option("--atlas", metavar="FOLDER", help="Of the same model: search all its neurons."),
    ] = None,
    limit: Annotated[
        float,
        typer.Option(
            "--limit", min=1, max=3600, help="Seconds that an edit or image may take.", rich_help_panel=_PANEL
        ),
    ] = 120.0,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="'miniature', a folder, a hub id, or a LiMBeR preset; left out: 'miniature', if the run is its.",
            show_default=False,
            rich_help_panel="Model",
        ),
    ] = None,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Open a run or images in the browser: the pages of an export, and what captions become under edits.

    Listens on this machine alone and ends with Ctrl-C. A run has pages for the images that the experiment looks saw.
    Where MOLYNEUX_PASSWORD is set, the browser asks for it.

    Example: molyneux explore my-run
    """
    _check_extra()
    password = _password(host, remote)
    from molyneux.explorer.serving import bound, url_of
    from molyneux.ground.stopping import stoppable

    scratched = tempfile.TemporaryDirectory(prefix="molyneux-explore-", ignore_cleanup_errors=True)
    with stoppable(), scratched as scratch, bound(host, port) as made:
        from molyneux.cli.live_parts import Asked, opened

        token = secrets.token_urlsafe(24)
        asked = Asked(not no_live, data, atlas, limit, (model, device, dtype), token)
        found = opened(what, Path(scratch), asked)
        url = url_of(host, made) + found.start
        rules = _rules(host, made.getsockname()[1], token, password)
        try:
            _serve(found.shelf, found.live, rules, made, url=url, browser=browser)
        finally:
            found.close()


def _check_extra() -> None:
    missing = [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]
    if missing:
        raise AssetError(
            "explore",
            value=", ".join(missing),
            expected="to be installed: they serve the pages",
            fix="Run: pip install 'molyneux[explore]'. Without them: molyneux export RUN FOLDER.",
        )


def _password(host: str, remote: bool) -> str | None:
    """What every request must bring: on loopback the one that is set, if any; elsewhere one is made if none is.

    Raises:
        SettingError: an address that other machines reach, without the flag that says so; a short password.
    """
    from molyneux.explorer.security import is_loopback

    given = os.environ.get(PASSWORD, "")
    if given and len(given) < 12:
        raise SettingError(PASSWORD, expected="at least 12 characters, or none at all")
    if is_loopback(host):
        if given:
            note(f"asks for a user (any name) and the password in {PASSWORD}")
        return given or None
    if not remote:
        raise SettingError(
            "--host",
            value=host,
            expected="an address that only this machine reaches, such as 127.0.0.1",
            fix="Best go through ssh -L 8642:127.0.0.1:8642; or add --remote: others need a password then.",
        )
    password = given or secrets.token_urlsafe(15)
    note(
        f"warning: other machines can reach {host}; what they send and get is not encrypted. "
        f"They are asked for a user (any name) and this password: "
        f"{f'the one in {PASSWORD}' if given else password}"
    )
    return password


def _rules(host: str, port: int, token: str, password: str | None) -> Rules:
    from molyneux.explorer.security import rules_for

    return rules_for(host, port, token=token, password=password)


def _serve(shelf: Shelf, live: Live | None, rules: Rules, made: object, *, url: str, browser: bool) -> None:
    from socket import socket

    from molyneux.explorer.server import create_app
    from molyneux.explorer.serving import serve

    assert isinstance(made, socket)
    typer.echo(inert(url))
    note("Ctrl-C ends it.")
    if browser:
        import webbrowser
        from threading import Thread

        Thread(
            target=webbrowser.open, args=(url,), daemon=True
        ).start()  # one in a terminal would not come back
    try:
        serve(create_app(shelf, rules, live), made)
    except KeyboardInterrupt:  # how a server ends
        note("ended")
