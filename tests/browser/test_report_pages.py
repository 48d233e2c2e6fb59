"""The page in a browser: it fits, its figures follow the scheme and the width, nothing is asked of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from report_runs import reported


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reported(tmp_path_factory.getbasetemp()) / "report" / "index.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_fits_and_follows(chromium: Any, page: Path, scheme: str, width: int) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=True, offline=True
    )
    said: list[str] = []
    tab = context.new_page()
    tab.on("console", lambda message: said.append(message.text))
    tab.on("requestfailed", lambda request: said.append(request.url))
    tab.on(
        "request", lambda request: said.append(request.url) if not request.url.startswith("file:") else None
    )
    tab.goto(page.as_uri())
    tab.evaluate("document.querySelectorAll('img').forEach(one => { one.loading = 'eager' })")
    tab.evaluate("Promise.all([...document.images].map(one => one.decode()))")  # fails where one is not there
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    shown = tab.evaluate("[...document.querySelectorAll('picture img')].map(one => one.currentSrc)")
    assert len(shown) == 9
    for address in shown:
        assert ("-dark." in address) == (scheme == "dark")
        assert ("-narrow" in address) == (width == 390)
    assert said == []
    context.close()
