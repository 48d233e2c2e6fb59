"""Put a finished run's figures into docs/reproduce.md and README, its report's pictures into docs/images.

    molyneux reproduce --out RUN
    python scripts/reproduce_doc.py RUN [--pictures]

The text between the two marks of docs/reproduce.md is replaced by what ``molyneux report RUN --markdown`` prints;
README has the first of its two tables.
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image

from molyneux.report.markdown import report_markdown
from molyneux.report.page import write_report
from molyneux.report.record import read_record

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reproduce.md"
BEGIN, END = "<!-- what `molyneux report RUN --markdown` prints -->", "<!-- end -->"
HEIGHT, WIDTH = 1860, 940


def fill(run: Path) -> None:
    """Replace the blocks of figures."""
    told = report_markdown(read_record(run))
    _replace(PAGE, told)
    _replace(ROOT / "README.md", told.split("\n\n| the paper's claim")[0])


def _replace(page: Path, told: str) -> None:
    before, rest = page.read_text(encoding="utf8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n\n{told}\n\n{END}{after}", encoding="utf8")


def pictures(run: Path) -> None:
    """The page's beginning and its causal figures beside each other, light and dark."""
    from playwright.sync_api import sync_playwright

    page = write_report(run)
    with sync_playwright() as playwright:
        found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
            tab = context.new_page()
            tab.goto(page.resolve().as_uri())
            shots = []
            for place, before in (("#summary", 400), ("#neurons", 30), ("#ablation-section", 0)):
                tab.evaluate("document.querySelectorAll('img').forEach(one => { one.loading = 'eager' })")
                tab.evaluate("Promise.all([...document.images].map(one => one.decode()))")
                top = tab.evaluate(f"document.querySelector('{place}').getBoundingClientRect().top + scrollY")
                clip = {"x": 0, "y": max(0, top - before), "width": WIDTH, "height": HEIGHT}
                shots.append(tab.screenshot(full_page=True, clip=clip))
            _joined(shots).save(ROOT / "docs" / "images" / f"report-{scheme}.png", optimize=True)
            context.close()
        browser.close()


def _joined(shots: list[bytes]) -> Image.Image:
    """Beside each other at half their size, in few colours."""
    opened = [Image.open(io.BytesIO(one)).convert("RGB") for one in shots]
    whole = Image.new("RGB", (sum(one.width for one in opened), max(one.height for one in opened)))
    x = 0
    for one in opened:
        whole.paste(one, (x, 0))
        x += one.width
    small = whole.resize((round(whole.width * 0.56), round(whole.height * 0.56)), Image.Resampling.LANCZOS)
    return small.quantize(256, kmeans=1, dither=Image.Dither.NONE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--pictures", action="store_true")
    asked = parser.parse_args()
    fill(asked.run)
    if asked.pictures:
        pictures(asked.run)
