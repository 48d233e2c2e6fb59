"""Take docs/images/explorer-*.png: every page of an export, light and dark, on a desk's screen and a phone's.

    molyneux reproduce --out RUN && molyneux export RUN PAGES
    python scripts/explorer_pictures.py PAGES RUN

Pages open as they do by themselves: the first image of the run, its first noun, the run's best neuron.
Nothing is picked. With RUN the live edit is taken too, from ``molyneux explore RUN``: the noun's top 200, off, and
then all scales.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

IMAGES = Path(__file__).parents[1] / "docs" / "images"
#: Bytes of a picture in all its colours.
MOST = 700_000
#: Name of the picture -> page, and where the picture of a desk's screen ends.
PAGES = {
    "images": ("index.html", 1000),
    "image": ("image.html", 1700),
    "neuron": ("neuron.html", 1330),
    "atlas": ("atlas.html", 1000),
    "run": ("run.html", 1000),
}


def take(browser: Any, pages: Path, name: str, *, dark: bool, phone: bool) -> None:
    """One page."""
    place, tall = PAGES[name]
    width, height = (390, 844) if phone else (1440, tall)
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", offline=True
    )
    tab = context.new_page()
    tab.goto(f"{pages.resolve().as_uri()}/{place}")
    tab.wait_for_selector("html[data-ready]", timeout=20_000)
    tab.wait_for_timeout(400)
    keep(tab.screenshot(), name, dark=dark, phone=phone)
    context.close()


def keep(shot: bytes, name: str, *, dark: bool, phone: bool) -> None:
    """As it is where that is small enough for a repository, else in 256 colours."""
    end = f"{'dark' if dark else 'light'}{'-phone' if phone else ''}"
    path = IMAGES / f"explorer-{name}-{end}.png"
    whole = Image.open(io.BytesIO(shot)).convert("RGB")
    whole.save(path, optimize=True)
    if path.stat().st_size > MOST:
        whole.quantize(256).save(path, optimize=True)


@contextmanager
def served(run: Path) -> Iterator[str]:
    """The address of a server of the run, while it is needed."""
    command = [sys.executable, "-m", "molyneux", "explore", str(run), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout is not None
        try:
            lines = (word for line in server.stdout for word in line.split())
            yield next(word for word in lines if word.startswith("http://"))
        finally:
            server.terminate()


def take_live(browser: Any, root: str, *, dark: bool, phone: bool) -> None:
    """The panel of the live edit, as tall as it is."""
    size = {"width": 390 if phone else 1440, "height": 2400}
    context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light")
    tab = context.new_page()
    tab.goto(f"{root.rstrip('/')}/image.html#live=top200:0")
    tab.wait_for_selector('#live[data-scale="0"]', timeout=60_000)
    tab.locator("#live .button", has_text="Try all scales").click()
    tab.wait_for_selector("#live .dot >> nth=6", timeout=120_000)
    tab.wait_for_timeout(400)
    keep(tab.locator("#live").screenshot(), "live", dark=dark, phone=phone)
    context.close()


def main(pages: Path, run: Path | None) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        for name in PAGES:
            for dark in (False, True):
                for phone in (False, True):
                    take(browser, pages, name, dark=dark, phone=phone)
        if run is not None:
            with served(run) as root:
                for dark in (False, True):
                    for phone in (False, True):
                        take_live(browser, root, dark=dark, phone=phone)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
