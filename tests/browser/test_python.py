"""The Python that panels give reproduces them: run for real, on images that ship with the package."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch

from molyneux.explorer.export import export
from molyneux.ground.run import open_run

Tabs = Callable[..., Any]


@pytest.fixture(scope="module")
def shipped(miniature_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of two images of the miniature, computed by it."""
    return export(open_run(miniature_run), tmp_path_factory.mktemp("shipped") / "pages").folder


def said_by(page: Any, panel: str) -> list[str]:
    """What the panel's Python prints."""
    page.locator(f"#{panel} details.menu summary").click()
    page.locator(f"#{panel} details.menu button", has_text="Python").click()
    code = page.locator("dialog.code code").inner_text()
    page.locator("dialog.code button", has_text="Close").click()
    out = StringIO()
    with redirect_stdout(out):
        exec(compile(code, panel, "exec"), {})
    return out.getvalue().splitlines()


@pytest.mark.parametrize("rank", ["sum", "max"])
def test_the_neurons(rank: str, shipped: Path, tab: Tabs) -> None:
    page = tab(shipped).open(f"image.html#rank={rank}")
    lines = [line.split() for line in said_by(page, "neurons")]
    rows = page.locator("li.neuron")
    assert [line[0] for line in lines] == rows.evaluate_all("all => all.map((one) => one.dataset.neuron)")
    assert [line[1] for line in lines] == rows.evaluate_all("all => all.map((one) => one.dataset.patch)")
    scores = [float(text) for text in rows.locator(".score").all_inner_texts()]
    assert [float(line[2]) for line in lines] == pytest.approx(scores, rel=0.006)  # three digits are shown


def test_the_map(shipped: Path, tab: Tabs) -> None:
    page = tab(shipped).open("image.html#pct=90&object=0")
    (size, low, high, _), (overlap, *_) = (line.rsplit(None, 3) for line in said_by(page, "stage"))
    assert size == str(torch.Size([256, 256]))
    drawn = [
        float(text) for text in page.locator(".scale > span").all_inner_texts() if text.strip()[:1].isdigit()
    ]
    assert [float(low), float(high)] == pytest.approx(drawn, abs=0.006)
    assert float(overlap) == pytest.approx(float(page.locator("#iou").get_attribute("data-iou")), abs=1e-4)


def test_the_strip(shipped: Path, tab: Tabs) -> None:
    page = tab(shipped).open("image.html")
    lines = [line.split(None, 4) for line in said_by(page, "strip")]
    for arm in ("top", "interpretable"):
        (line,) = [one for one in lines if one[:2] == [arm, "50"]]
        card = page.locator(f".card.{arm}")
        kept = (
            "one => { one = one.cloneNode(true); one.querySelectorAll('del').forEach(gone => gone.remove());"
        )
        written = card.locator(".new").evaluate(f"{kept} return one.textContent }}")
        assert written.split() == line[4].split()
        shown = float(card.locator(".p-said").inner_text().rpartition("= ")[2])
        assert float(line[2]) == pytest.approx(shown, abs=0.006)
