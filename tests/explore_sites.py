"""Served explorers that several test files ask: one of a hostile run, one of a real model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import looked
from explore_server import (
    JSON,
    Answer,
    Served,
    Slow,
    ask,
    served,
    tiny_run,
)

__all__ = ["edit", "real", "site", "wish"]


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
