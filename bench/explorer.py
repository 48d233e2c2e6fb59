"""What the explorer's pages weigh and how soon they can be used, in headless Chromium, from ``file://``.

    python bench/explorer.py                       a run of the miniature, computed here; 5,000 images made by hand
    python bench/explorer.py --run my-run          in place of the former, a run that is there already
    python bench/explorer.py --json pages.json     the figures too

Of every kind the heaviest page is opened: that of the largest shard. Seconds run from the navigation until the page
can be used (html[data-ready]), in a fresh browser context each, median and maximum over rounds. Bytes are sizes of
files, nothing is compressed: those asked for until then, and those asked for in all, once the page has gone quiet.
Images made by hand are 120 x 90 pixels large, with eight neurons in all lists: they stand for numbers, not pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.append(str(Path(__file__).parents[1] / "tests"))  # where the maker of runs by hand is

from molyneux.explorer.export import Exported, export
from molyneux.ground.run import Run, open_run

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FIRST_PAGE, SOON = 1_000_000, 1.0
"""The bars: bytes of the first page until it can be used, seconds until any page can."""
Row = dict[str, Any]

WATCH = """
new MutationObserver((_, watcher) => {
  if (!document.documentElement || !document.documentElement.hasAttribute("data-ready")) return;
  watcher.disconnect();
  window.pageReady(performance.now());
}).observe(document, {attributes: true, childList: true, subtree: true});
"""
"""Tells when a page can be used, in milliseconds since the navigation began."""


def computed(folder: Path, images: int) -> Run:
    """A run of the shipped miniature on its first images by the seed: the experiment ``looks``, a page for each."""
    from dataclasses import replace

    from molyneux.data.folders import open_data
    from molyneux.experiments.bench import Bench, sampled
    from molyneux.experiments.identity import identity_of
    from molyneux.experiments.suite import reproduce, suite_for
    from molyneux.ground.assets import asset
    from molyneux.ground.run import writing
    from molyneux.models.load import load

    captioner = load("miniature", device="cpu")
    data = open_data(asset("miniature"))
    sources = sampled(0, data.usable(), images, purpose="images")
    suite = suite_for(captioner.layout.layers, captioner.layout.units)
    suite = replace(suite, looks=replace(suite.looks, images=images))
    with writing(folder, identity_of(captioner, data, sources)) as run:
        reproduce(Bench(run, captioner, sources), ["looks"], suite)
    return open_run(folder)


def by_hand(folder: Path, images: int) -> Run:
    """A run of known numbers that no model computed."""
    from looked import run_of_looks

    return run_of_looks(folder, images=images)


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser.

    Raises:
        SystemExit: there is none.
    """
    from playwright.sync_api import sync_playwright

    path = os.environ.get("MOLYNEUX_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        raise SystemExit(f"no browser: none of {', '.join(NAMES)}, and MOLYNEUX_BROWSER is not set")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Opened(NamedTuple):
    """What opening a page took."""

    seconds: float
    """Until it can be used."""
    soon: list[Path]
    """Files asked for until then."""
    whole: list[Path]
    """And in all."""


def opened(browser: Any, folder: Path, place: str) -> Opened:
    """Open a page in a context of its own, without a cache, and wait until it has gone quiet."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    page = context.new_page()
    asked: dict[str, None] = {}
    ready: list[tuple[float, list[str]]] = []
    page.on("request", lambda request: asked.setdefault(request.url))
    page.expose_function("pageReady", lambda after: ready.append((after / 1000, list(asked))))
    page.add_init_script(WATCH)
    page.goto(f"{folder.resolve().as_uri()}/{place}")
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    known = -1
    while known < len(asked):  # parts of a long list follow each other
        known = len(asked)
        page.wait_for_timeout(500)
    context.close()
    ((seconds, soon),) = ready
    return Opened(seconds, files_of(folder, soon), files_of(folder, list(asked)))


def files_of(folder: Path, urls: list[str]) -> list[Path]:
    """Files by their URLs, each once; pictures that a shard brings along are part of it.

    Raises:
        AssertionError: a file outside the folder, or an address elsewhere.
    """
    paths = {Path(unquote(urlsplit(url).path)) for url in urls if not url.startswith(("data:", "blob:"))}
    assert all(path.is_relative_to(folder.resolve()) for path in paths), "a page asked for something else"
    return sorted(path for path in paths if path.is_file())


def size_of(files: list[Path]) -> int:
    """Bytes of files."""
    return sum(path.stat().st_size for path in files)


def heaviest(folder: Path) -> dict[str, str]:
    """Kind of page -> the address of the one with the largest shard."""

    def largest(kind: str) -> str:
        shards = [path for path in (folder / "data" / kind).glob("*.js") if "index-" not in path.name]
        return max(shards, key=lambda path: (path.stat().st_size, path.name)).stem

    return {
        "first page": "index.html",
        "an image": f"image.html#image={largest('images')}",
        "a neuron": f"neuron.html#neuron={largest('neurons')}",
        "all neurons": "atlas.html",
        "the run": "run.html",
    }


def measured(browser: Any, run: Run, out: Path, *, rounds: int) -> Row:
    """Export a run, open its pages."""
    start = time.perf_counter()
    made = export(run, out)
    took = time.perf_counter() - start
    pages = {}
    for name, place in heaviest(out).items():
        found = [opened(browser, out, place) for _ in range(rounds)]
        pages[name] = {
            "seconds": [one.seconds for one in found],
            "soon": max(size_of(one.soon) for one in found),
            "bytes": max(size_of(one.whole) for one in found),
        }
    return {"export": took, **_counts(made), "pages": pages}


def _counts(made: Exported) -> Row:
    return {"images": made.images, "neurons": made.neurons, "files": made.files, "bytes": made.bytes}


def table(rows: dict[str, Row]) -> str:
    """Markdown: a column a run."""
    heads = [f"{name}: {row['images']:,} images, {row['neurons']:,} neurons" for name, row in rows.items()]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(rows) + 1) + "|"]
    cells = [f"{row['export']:.1f} s, {row['bytes'] / 1e6:.1f} MB" for row in rows.values()]
    lines.append("| export | " + " | ".join(cells) + " |")
    for name in next(iter(rows.values()))["pages"]:
        cells = [_cell(row["pages"][name]) for row in rows.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(page: Row) -> str:
    size = f"{page['soon'] / 1e3:.0f} kB"
    if page["bytes"] > page["soon"]:
        size += f" (then {page['bytes'] / 1e3:.0f})"
    return f"{size}, {median(page['seconds']):.2f} s (at most {max(page['seconds']):.2f})"


def bars(rows: dict[str, Row]) -> dict[str, bool]:
    """What is promised -> whether it is kept."""
    first = max(row["pages"]["first page"]["soon"] for row in rows.values())
    slowest = max(median(page["seconds"]) for row in rows.values() for page in row["pages"].values())
    return {
        f"first page: {first / 1e3:.0f} kB (bar {FIRST_PAGE / 1e3:.0f})": first < FIRST_PAGE,
        f"slowest page, median: {slowest:.2f} s (bar {SOON:.0f})": slowest < SOON,
    }


def main() -> None:
    """Measure, print a table and the bars."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="a run with looks, instead of computing one")
    parser.add_argument("--computed", type=int, default=24, help="images of the miniature's run")
    parser.add_argument("--images", type=int, default=5000, help="made by hand")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        first = open_run(options.run) if options.run else computed(folder / "run", options.computed)
        label = "a run" if options.run else "miniature"
        rows[label] = measured(browser, first, folder / "pages", rounds=options.rounds)
        many = by_hand(folder / "many", options.images)
        rows["made by hand"] = measured(browser, many, folder / "manifold", rounds=options.rounds)
        about = f"Chromium {browser.version}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{table(rows)}\n\n({about}; bytes until a page can be used, in brackets those after it)\n")
    for said, kept in bars(rows).items():
        print(f"- {said}: {'kept' if kept else 'MISSED'}")
    if options.json:
        options.json.write_text(json.dumps({"about": about, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
