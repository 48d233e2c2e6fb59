"""What tests of the report share: a small run of everything, and a reader of pages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from molyneux.cli.main import app
from molyneux.ground.files import kept
from molyneux.ground.manifest import read_manifest, write_manifest
from molyneux.ground.plain import from_json
from molyneux.ground.tables import write_table
from molyneux.report.page import write_report

EVIL = "</td></style><script>alert(1)</script><img src=x onerror=alert(2)> $\\frac{1}{0}$ \u202e\x1b[31m"


PARTS = ("layers", "ablation", "segmentation", "agreement", "prompts", "selectivity", "gallery")
SMALL = ("--images", "14", "--batch-size", "7", "--counts", "0,20,143", "--no-report")


def computed(out: Path) -> Path:
    """A run of every experiment of the paper on a few images, in a process of its own."""
    words = [sys.executable, "-m", "molyneux", "reproduce", *PARTS, "--out", str(out), *SMALL, "--json"]
    done = subprocess.run(
        words, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False
    )
    assert done.returncode == 0, done.stderr
    return out


@cache
def reported(base: Path) -> Path:
    """Such a run with its report, made once for all tests of a process."""
    out = computed(base / "reported")
    write_report(out)
    return out


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


class Page(HTMLParser):
    """Tags, attributes, addresses and words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def addresses(self) -> list[str]:
        """Everything that a browser would load or go to."""
        return [
            str(value)
            for _, attributes in self.tags
            for name, value in attributes.items()
            if name in ("src", "srcset", "href", "action", "data", "poster")
        ]


def page_of(folder: Path) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf8"))


def hostile(run: Path, to: Path) -> Path:
    """A copy of a run whose model, command and all words in tables are an attack."""
    shutil.copytree(run, to, ignore=shutil.ignore_patterns("report"))
    for path in sorted((to / "tables").glob("*.json")):
        told: Any = from_json(kept(path))
        rows = [{name: _evil(name, value) for name, value in row.items()} for row in told.pop("rows")]
        about = {name: _evil(name, value) for name, value in told.items() if name != "name"}
        about |= {"skipped": {EVIL: 3}, "judges": [EVIL], "notes": [EVIL]}
        write_table(to / "tables", told["name"], rows, **about)
    manifest = read_manifest(to)
    settings = dict(manifest.identity.settings) | {"model": EVIL, "prompt": EVIL}
    identity = replace(manifest.identity, settings=settings, data={"count": EVIL, EVIL: EVIL})
    write_manifest(to, replace(manifest, identity=identity, command=("molyneux", EVIL)))
    return to


_KEYS = ("arm", "neuron", "metric", "second", "what", "image")  # what rows are found by


def _evil(name: str, value: Any) -> Any:
    if name in _KEYS or value in ("all images", None):
        return value
    if isinstance(value, str):
        return f"{value}{EVIL}"
    return [_evil("", one) for one in value] if isinstance(value, list) else value
