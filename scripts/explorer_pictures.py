"""Take docs/images/explorer-*.png: every page of an export, light and dark, on a desk's screen and a phone's.

    molyneux reproduce --out RUN && molyneux export RUN PAGES
    python scripts/explorer_pictures.py PAGES

Pages open as they do by themselves: the first image of the run, its first noun, the run's best neuron.
Nothing is picked.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image

IMAGES = Path(__file__).parents[1] / "docs" / "images"
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
    shot = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
    end = f"{'dark' if dark else 'light'}{'-phone' if phone else ''}"
    shot.quantize(256).save(IMAGES / f"explorer-{name}-{end}.png", optimize=True)
    context.close()


def main(pages: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        for name in PAGES:
            for dark in (False, True):
                for phone in (False, True):
                    take(browser, pages, name, dark=dark, phone=phone)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
