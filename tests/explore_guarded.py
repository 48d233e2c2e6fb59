"""A served explorer, and every route of it, for tests of what keeps others out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import looked
from explore_server import Served, Slow, served

__all__ = ["KEY", "READS", "WRITES", "WRITTEN", "site", "wish"]


KEY = "0" * 16
READS = (
    "/",
    "/index.html",
    "/assets/core.js",
    "/assets/core.css",
    "/data/run.js",
    f"/data/images/{KEY}.js",
    f"/data/thumbs/{KEY}.jpg",
    "/data/neurons/L0.u0.js",
    "/downloads/manifest.json",
    "/nothing",
)
WRITES = ("/live/edit", "/live/image", "/live/images")
WRITTEN = "</script><b>secret of another folder</b>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "secret.txt").write_text(WRITTEN)
    made = served(looked.run_of_looks(folder / "run", images=3), folder, Slow)
    made.studio.go_on.set()
    yield made
    assert made.worker is not None
    made.worker.close()


def wish(site: Served) -> bytes:
    return b'{"image":"%s","word":1,"neurons":["L0.u1"],"scale":0}' % site.keys[0].encode()
