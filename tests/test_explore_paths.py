"""The served explorer's paths: none leads out of the run, and links are not followed (F29)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import looked
from explore_guarded import WRITTEN, site
from explore_server import Served, ask, served

__all__ = ["site"]


# Paths.

PARTS = st.sampled_from(
    [
        "",
        "..",
        ".",
        "%2e%2e",
        "..%2f",
        "%252e",
        "secret.txt",
        "etc",
        "passwd",
        "run",
        "manifest.json",
        "tables",
        "\\",
        "..\\",
        "C:",
        "//server/share",
        "\x00",
        "~",
        "run.js",
        "images",
        "thumbs",
        "\u2028",
        "\u202e",
        "L0.u0.js",
    ]
)
ROOTS = st.sampled_from(["/", "/data/", "/downloads/", "/assets/", "/data/thumbs/", "/data/images/", "//"])

_OPENED: list[str] | None = None


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if (
        _OPENED is not None
        and event in ("open", "os.listdir", "os.scandir")
        and isinstance(args[0], str | bytes)
    ):
        _OPENED.append(os.fsdecode(args[0]))


sys.addaudithook(_audit)


@settings(max_examples=150, deadline=None)
@given(
    root=ROOTS,
    parts=st.lists(PARTS | st.text(max_size=8), max_size=6),
    end=st.sampled_from(["", ".js", ".jpg"]),
)
def test_no_path_leads_out_and_no_other_file_is_touched(
    site: Served, root: str, parts: list[str], end: str
) -> None:
    global _OPENED
    path = root + "/".join(parts) + end
    _OPENED = []
    try:
        told = ask(site.app, path)
        touched = _OPENED
    finally:
        _OPENED = None
    assert told.status in (200, 403, 404, 405)
    assert WRITTEN.encode() not in told.body
    assert b"root:" not in told.body
    run = str(site.shelf.book.run.folder.resolve())
    outside = [one for one in touched if not str(Path(one).resolve()).startswith(run)]
    assert [one for one in outside if not one.startswith(("/dev/", "/proc/"))] == [], path


@pytest.mark.parametrize("where", ["file", "folder"])
def test_links_are_not_followed(tmp_path: Path, where: str) -> None:
    run = looked.run_of_looks(tmp_path / "run", images=1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "secret.json").write_text(WRITTEN)
    if where == "file":
        (run.folder / "figures").mkdir()
        (run.folder / "figures" / "secret.json").symlink_to(tmp_path / "out" / "secret.json")
    else:
        (run.folder / "figures").symlink_to(tmp_path / "out")
    site = served(run, tmp_path)
    told = ask(site.app, "/downloads/figures/secret.json")
    assert told.status == 404
    (run.folder / "report").mkdir()
    (run.folder / "report" / "a.json").write_text("{}")
    assert ask(site.app, "/downloads/report/a.json").status == 200
