"""A refusal of an image that was handed in names it as its sender does, never by a path of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from explore_server import TOKEN, Served, ask
from explore_sites import real

__all__ = ["real"]


@pytest.mark.parametrize("content", [b"", b"no image", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n"])
def test_a_refusal_names_the_file_as_it_was_sent(
    real: tuple[Served, dict[str, Path]], content: bytes
) -> None:
    site, _ = real
    headers = TOKEN | {"x-file-name": "my%20cat.png"}
    told = ask(site.app, "/live/image", method="POST", headers=headers, body=content)
    said = told.json()["error"]
    assert told.status == 422
    assert said.startswith("image 'my cat.png': expected ")
    assert str(site.folder) not in said
    assert list(site.folder.iterdir()) == []
