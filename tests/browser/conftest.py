"""Fixtures: Debian's headless Chromium, exported pages, and tabs that fail a test on any error or request outside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import looked
from molyneux.explorer.export import export
from molyneux.ground.run import Run, open_run
from molyneux.ground.tables import write_table
from report_runs import reported

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
AXE = Path(__file__).parent / "vendor" / "axe.min.js"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser; without one, or without Playwright, these tests are skipped with the reason."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = os.environ.get("MOLYNEUX_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed, and MOLYNEUX_BROWSER is not set")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Tab:
    """A page of an export, and what it said and asked for."""

    def __init__(self, page: Any, root: str) -> None:
        self.page, self.root = page, root
        self.errors: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda told: self.errors.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def open(self, place: str) -> Any:
        """Go to a page and wait until it is drawn."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.root}/{place}")
        self.page.wait_for_selector("html[data-ready]", timeout=20_000)
        return self.page

    def check(self) -> None:
        assert self.errors == []
        outside = [url for url in self.asked if not url.startswith((self.root, "data:", "blob:", "about:"))]
        assert outside == []


@pytest.fixture
def tab(chromium: Any) -> Iterator[Callable[..., Tab]]:
    """Opens tabs on a folder of pages, the network off; at the end none of them may have complained."""
    made: list[tuple[Any, Tab]] = []

    def new(
        folder: Path, *, width: int = 1440, height: int = 900, theme: str = "light", **options: Any
    ) -> Tab:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, offline=True, **options
        )
        one = Tab(context.new_page(), folder.resolve().as_uri())
        made.append((context, one))
        return one

    yield new
    for context, one in made:
        context.close()
        one.check()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of a run made by hand, full of hostile texts."""
    folder = tmp_path_factory.mktemp("browser")
    return export(looked.run_of_looks(folder / "run made by hand", images=8), folder / "pages").folder


@pytest.fixture(scope="session")
def nouns_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with only first nouns explained."""
    folder = tmp_path_factory.mktemp("nouns")
    return export(looked.run_of_looks(folder / "run", images=2, words="noun"), folder / "pages").folder


@pytest.fixture(scope="session")
def miniature_run(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two images of the miniature, computed by it."""
    import molyneux as mx
    from molyneux.data.folders import open_data
    from molyneux.experiments.bench import Bench
    from molyneux.experiments.identity import identity_of
    from molyneux.experiments.looks_rows import LooksSettings
    from molyneux.experiments.suite import reproduce, suite_for
    from molyneux.ground.assets import asset
    from molyneux.ground.run import writing

    folder = tmp_path_factory.mktemp("miniature") / "run"
    captioner = mx.load("miniature", device="cpu")
    data = open_data(asset("miniature"))
    sources = data.usable()[2:4]
    settings = LooksSettings(
        images=2,
        words="noun",
        neurons=4,
        counts=(50,),
        draws=2,
        pages=3,
        fired=2,
        tokens=5,
        nearest=3,
        band=2,
    )
    suite = replace(suite_for(captioner.layout.layers, captioner.layout.units), looks=settings)
    command = ["molyneux", "reproduce", "looks", "--out", "run"]
    with writing(folder, identity_of(captioner, data, sources), command=command) as run:
        reproduce(Bench(run, captioner, sources, judge="miniature"), ["looks"], suite)
    return folder


@pytest.fixture(scope="session")
def whole(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of every experiment of the paper, with its report."""
    return reported(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def whole_pages(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(open_run(whole), tmp_path_factory.mktemp("whole") / "pages").folder


@pytest.fixture(scope="session")
def named(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """A run made by hand with a table of tokens, neurons and images, and one that is longer than pages hold."""
    folder = tmp_path_factory.mktemp("named")
    run = looked.run_of_looks(folder / "a run", images=8)
    image = sorted(run.results("looks").rows)[2]
    stand = {
        "title": "Pairs",
        "paper": "Table S.1",
        "given": 8,
        "used": 8,
        "skipped": {},
        "notes": [],
        "judges": [],
    }
    pairs = [
        {
            "image": image,
            "caption": "a dog",
            "word": "dog",
            "rank": rank + 1,
            "neuron": str(neuron),
            "patch": 3,
            "score": (0.5, 0.25, 1e-7)[rank],
            "tokens": [" dog", "\n", "<pad>", "  two"],
            "interpretable": rank == 0,
        }
        for rank, neuron in enumerate([looked.NEURONS[0], looked.NEURONS[1], "L5.u49"])
    ]
    write_table(run.tables, "gallery", pairs, **stand)
    long = [{"place": n, "value_mean": n / 7, "value_low": n / 8, "value_high": n / 6} for n in range(1200)]
    write_table(run.tables, "long", long, **(stand | {"title": "Long", "paper": ""}))
    return run, export(run, folder / "pages").folder
