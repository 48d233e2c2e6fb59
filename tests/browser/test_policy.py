"""The policy of served pages, seen at work in a browser: by the header alone, and by the page's own element alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import looked
from explore_running import running
from explore_server import served

OUTSIDE = "http://elsewhere.example/spy.png"
META = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>', re.IGNORECASE)
TRY = """(outside) => new Promise((resolve) => {
  const blocked = [];
  document.addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
  const script = document.createElement("script");
  script.textContent = "window.pwned = 1";
  document.body.append(script);
  document.body.insertAdjacentHTML("beforeend", '<b onclick="window.pwned = 2">x</b>');
  document.body.lastElementChild.click();
  const image = new Image();
  image.onload = () => resolve({ image: "loaded", pwned: window.pwned, blocked });
  image.onerror = () => setTimeout(() => resolve({ image: "refused", pwned: window.pwned, blocked }), 100);
  image.src = outside;
})"""


def tried(chromium: Any, root: str, *, header: bool, meta: bool) -> dict[str, Any]:
    """What an injected script, handler and image do on a page that keeps these of its two policies."""
    context = chromium.new_context()
    page = context.new_page()

    def changed(route: Any) -> None:
        got = route.fetch()
        text = got.text()
        assert META.search(text)
        assert "content-security-policy" in got.headers
        kept = {
            name: value for name, value in got.headers.items() if header or name != "content-security-policy"
        }
        route.fulfill(status=got.status, headers=kept, body=text if meta else META.sub("", text))

    asked: list[str] = []

    def spied(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(content_type="image/png", body=looked.picture(0))

    page.route("**/image.html", changed)
    page.route(OUTSIDE, spied)
    page.goto(f"{root}/image.html")
    page.wait_for_selector("html[data-ready]", timeout=20_000)
    told: dict[str, Any] = page.evaluate(TRY, OUTSIDE)
    context.close()
    return told | {"asked": asked}


def test_what_is_injected_into_a_served_page_does_not_run_and_reaches_nobody(
    chromium: Any, tmp_path: Path
) -> None:
    with running(served(looked.run_of_looks(tmp_path / "run", images=1), tmp_path)) as server:
        for header, meta in ((True, False), (False, True)):
            told = tried(chromium, server.root, header=header, meta=meta)
            assert (told["image"], told.get("pwned"), told["asked"]) == ("refused", None, [])
            assert sorted(told["blocked"]) == ["img-src", "script-src-attr", "script-src-elem"]
        bare = tried(chromium, server.root, header=False, meta=False)
        assert (bare["image"], bare["pwned"], bare["asked"]) == ("loaded", 2, [OUTSIDE])  # or none could fail
