"""Live edits in a real browser: the slider does what the Python API does; links restore; nothing leaves loopback."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import molyneux as mx
from molyneux.data.gate import open_image
from molyneux.experiments.live import LiveStudio
from molyneux.experiments.looks_run import looks_run
from molyneux.experiments.suite import suite_for
from molyneux.explorer.book import Book
from molyneux.explorer.guard import Guard
from molyneux.explorer.intake import Intake
from molyneux.explorer.security import rules_for
from molyneux.explorer.server import Live, create_app
from molyneux.explorer.serving import bound, serve
from molyneux.explorer.shards import key_of
from molyneux.explorer.shelf import Shelf
from molyneux.explorer.worker import Worker
from molyneux.ground.assets import asset
from molyneux.ground.errors import AssetError
from molyneux.ground.run import open_run
from molyneux.models.captioner import Captioner
from molyneux.neurons.ablate import target_probabilities
from panel_python import code_of, said_by

try:
    IMAGE = asset("miniature/val2017/000000000102.jpg")
except AssetError:
    pytest.skip("the miniature is not shipped here", allow_module_level=True)
KEY = key_of(IMAGE.name)
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
DONE = '#live[data-scale="{}"]'


@dataclass
class Running:
    """A server in a thread, and a model of our own, for comparing: the server's belongs to its worker's thread."""

    root: str
    captioner: Captioner
    log: list[tuple[str, int]]
    """Path and status of every request."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("live")
    captioner = mx.load("miniature")
    usual = suite_for(captioner.layout.layers, captioner.layout.units).looks
    quick = replace(usual, images=1, places=0, counts=usual.counts[:1], draws=1, words="noun")
    looks_run(captioner, [IMAGE], folder / "run", settings=quick)
    worker = Worker()
    worker.start(lambda: LiveStudio(captioner, {IMAGE.name: IMAGE}, settings=quick))
    token = "a-token-of-this-test"
    made = bound("127.0.0.1", 0)
    port = made.getsockname()[1]
    shelf = Shelf(Book(open_run(folder / "run")), token=token)
    app = create_app(shelf, rules_for("127.0.0.1", port, token=token), Live(worker, Intake(folder / "added")))
    log: list[tuple[str, int]] = []

    class Logged(Guard):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def noted(message: Any) -> None:
                if message["type"] == "http.response.start":
                    log.append((scope["path"], message["status"]))
                await send(message)

            await super().__call__(scope, receive, noted)

    servers: list[uvicorn.Server] = []
    with pytest.MonkeyPatch.context() as patch:
        began = uvicorn.Server.run
        patch.setattr(
            uvicorn.Server, "run", lambda self, **given: (servers.append(self), began(self, **given))
        )
        thread = threading.Thread(target=serve, args=(Logged(app.app, app.rules), made), daemon=True)
        thread.start()
        yield Running(f"http://127.0.0.1:{port}", mx.load("miniature"), log)
        servers[0].should_exit = True
        thread.join(10)
    worker.close()


@pytest.fixture
def page(chromium: Any, running: Running) -> Iterator[Callable[[str], Any]]:
    """Opens a place of the server; at the end nothing was complained about and nobody else asked."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    one = context.new_page()
    wrong: list[str] = []
    one.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
    one.refused = lambda: wrong.remove(next(text for text in wrong if "status of 422" in text))
    one.on("pageerror", lambda error: wrong.append(str(error)))
    one.on(
        "request",
        lambda request: (
            wrong.append(request.url)
            if not request.url.startswith((running.root + "/", "data:", "blob:", "about:"))
            else None
        ),
    )

    def go(place: str) -> Any:
        one.goto("about:blank")
        one.goto(f"{running.root}/{place}")
        one.wait_for_selector("html[data-ready]", timeout=20_000)
        return one

    yield go
    assert one.evaluate("window.pwned") is None
    assert running.root in one.url
    context.close()
    assert wrong == []


def slide(page: Any, scale: float) -> None:
    """Move the slider as a hand does: by its value and an input event."""
    page.locator("#live-scale").evaluate(
        "(node, value) => { node.value = value; node.dispatchEvent(new Event('input', {bubbles: true})); }",
        str(scale),
    )
    page.wait_for_selector(DONE.format(f"{scale:g}"), timeout=60_000)


def shown(page: Any, arm: str) -> tuple[str, float]:
    """Caption and p on a card."""
    card = page.locator(f'#live [data-arm="{arm}"]')
    p = float(card.locator("[data-p]").get_attribute("data-p"))
    return card.locator("[data-caption]").get_attribute("data-caption"), p


def by_api(running: Running, neurons: list[str], scale: float) -> tuple[str, float]:
    """The same with the public Python API."""
    captioner = running.captioner
    with mx.edit(captioner, neurons, scale):
        caption = captioner.caption(IMAGE).text
    target = mx.attribute(captioner, IMAGE).target
    named = [mx.NeuronId.parse(one) for one in neurons]
    inputs = captioner.prepare([open_image(IMAGE)])
    return caption, target_probabilities(captioner, inputs, target, [named], scale=scale)[0]


def common(a: list[str], b: list[str]) -> int:
    """Length of the longest common subsequence, by its definition."""
    if not a or not b:
        return 0
    rows = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            rows[i + 1][j + 1] = rows[i][j] + 1 if one == other else max(rows[i][j + 1], rows[i + 1][j])
    return rows[-1][-1]


def test_the_slider_changes_the_caption_as_the_python_api_does(
    running: Running, page: Callable[[str], Any]
) -> None:
    one = page(f"image.html#image={KEY}")
    before = one.locator(".said").inner_text()
    one.locator("#live select").select_option("200")
    found = mx.attribute(running.captioner, IMAGE, reduce="sum")
    neurons = [str(entry.neuron) for entry in found.ranked(200)]
    captions = set()
    for scale in (0, 5, 0.5):
        slide(one, scale)
        caption, p = by_api(running, neurons, scale)
        assert shown(one, "top") == (caption, pytest.approx(p, rel=1e-3, abs=1e-7))
        assert shown(one, "original")[0] == before
        kept = common(before.split(), caption.split())
        assert one.locator("#live .card.top mark").count() == len(caption.split()) - kept
        assert one.locator("#live .card.top del").count() == len(before.split()) - kept
        captions.add(caption)
    assert len(captions) > 1  # or the test could not fail
    assert abs(shown(one, "random")[1] - shown(one, "original")[1]) < 0.05


def test_one_neuron_and_the_curve_of_all_scales(running: Running, page: Callable[[str], Any]) -> None:
    one = page(f"image.html#image={KEY}")
    name = one.locator("li.neuron").nth(1).get_attribute("data-neuron")
    one.locator("li.neuron").nth(1).locator("button").click()
    one.locator("#live .button", has_text="Try all scales").click()
    one.wait_for_selector("#live .dot >> nth=6", timeout=90_000)
    assert one.locator("#live .dot").count() == 7
    slide(one, 5)
    caption, p = by_api(running, [name], 5.0)
    assert shown(one, "top") == (caption, pytest.approx(p, rel=1e-3, abs=1e-7))
    assert one.locator("#live .draw").count() == 8


def test_a_link_restores_the_edit(running: Running, page: Callable[[str], Any]) -> None:
    first = page(f"image.html#image={KEY}")
    first.locator("#live .choices button", has_text="Top 50").click()
    slide(first, 0.3)
    told, url = shown(first, "top"), first.url
    assert re.search(r"live=top50%3A0\.3", url)
    again = page(url.partition(running.root + "/")[2])
    again.wait_for_selector(DONE.format("0.3"), timeout=60_000)
    assert shown(again, "top") == told
    assert again.locator("#live-scale").input_value() == "0.3"
    assert again.locator('#live [aria-pressed="true"]', has_text="Top 50").count() == 1


@pytest.mark.parametrize("live", ["top50:6", "one:-1", "one:x", "</script>", "top:1", "0" * 16 + ".1:1"])
def test_a_state_that_cannot_be_asks_for_nothing(page: Callable[[str], Any], live: str) -> None:
    one = page(f"image.html#image={KEY}&live={live}")
    one.wait_for_selector("#live .empty")
    assert one.locator("#live").get_attribute("data-scale") == ""


def test_the_key_of_the_edit_and_that_of_the_pin(page: Callable[[str], Any]) -> None:
    one = page(f"image.html#image={KEY}&patch=3")
    one.keyboard.press("?")
    listed = one.locator("dialog[open] dt").all_inner_texts()
    assert "l" in listed
    assert len(listed) == len(set(listed))
    one.keyboard.press("Escape")
    one.keyboard.press("l")
    one.wait_for_selector(DONE.format("0"), timeout=60_000)
    assert "live=one%3A0" in one.url
    assert "patch=3" in one.url
    one.keyboard.press("x")
    assert "live=one%3A0" in one.url
    assert "patch" not in one.url


def test_the_neuron_page_edits_that_neuron(running: Running, page: Callable[[str], Any]) -> None:
    one = page("neuron.html")
    name = one.locator(".neuron-name").inner_text()
    slide(one, 0)
    caption, p = by_api(running, [name], 0.0)
    assert shown(one, "top") == (caption, pytest.approx(p, rel=1e-3, abs=1e-7))
    assert f"live={KEY}." in one.url


def folder_of(tmp_path: Path, image: Path = IMAGE, name: str = IMAGE.name) -> Path:
    """Where the panel's Python finds the image."""
    (tmp_path / "your-images").mkdir()
    (tmp_path / "your-images" / name).write_bytes(image.read_bytes())
    return tmp_path


def panel_says(page: Any, folder: Path) -> dict[float, list[tuple[str, float, str]]]:
    """What the live panel's Python prints, by scale: arm, p and caption."""
    made: dict[float, list[tuple[str, float, str]]] = {}
    for line in said_by(page, "live", folder):
        scale, arm, p, *caption = line.split(None, 3)
        made.setdefault(float(scale), []).append((arm, float(p), "".join(caption)))
    return made


def check_python(page: Any, folder: Path, scales: list[float]) -> None:
    """The panel's Python prints what its cards, its curve and its rows show."""
    with page.expect_download() as got:
        page.locator("#live details.menu summary").click()
        page.locator("#live details.menu button", has_text="JSON").click()
    rows = json.loads(Path(got.value.path()).read_text(encoding="utf-8"))["rows"]
    made = panel_says(page, folder)
    assert sorted(made) == sorted(scales) == sorted({row["scale"] for row in rows})
    for scale, said in made.items():
        shown_rows = [row for row in rows if row["scale"] == scale]
        assert [arm for arm, _, _ in said] == ["plain", "edited", *["random"] * 8]
        assert [(row["arm"], row["caption"]) for row in shown_rows] == [(arm, text) for arm, _, text in said]
        assert [row["p"] for row in shown_rows] == [p for _, p, _ in said]  # the same to the last bit
        assert len({p for _, p, _ in said}) > 3  # or the edits would do nothing
    arms = {arm: (text, p) for arm, p, text in made[scales[-1]]}
    assert shown(page, "top") == arms["edited"]
    assert shown(page, "original") == arms["plain"]


def test_the_panels_python_prints_its_figures(
    running: Running, page: Callable[[str], Any], tmp_path: Path
) -> None:
    one = page(f"image.html#image={KEY}")
    one.locator("#live .choices button", has_text="Top 50").click()
    for scale in (0, 2.5):
        slide(one, scale)
    check_python(one, folder_of(tmp_path), [0, 2.5])


def test_the_python_of_the_neuron_page_names_the_image(
    running: Running, page: Callable[[str], Any], tmp_path: Path
) -> None:
    one = page("neuron.html")
    slide(one, 5)
    assert "the-image" not in code_of(one, "live")
    check_python(one, folder_of(tmp_path), [5])


def test_an_image_of_ones_own(running: Running, page: Callable[[str], Any], tmp_path: Path) -> None:
    other = asset("miniature/val2017/000000000097.jpg")
    file = tmp_path / "<img src=x onerror=window.pwned=1>.jpg"
    file.write_bytes(other.read_bytes())
    one = page("index.html")
    one.locator("#hand-in input").set_input_files(str(file))
    one.wait_for_url("**/image.html#image=*", timeout=60_000)
    one.wait_for_selector("html[data-ready] .said", timeout=20_000)
    assert one.locator(".said").inner_text() == running.captioner.caption(other).text
    slide(one, 0)
    assert panel_says(one, tmp_path)[0][1][1] == shown(one, "top")[1]
    back = page("index.html")
    back.wait_for_selector("#added .tile", timeout=20_000)
    assert back.locator("#added .tile-note").inner_text() == file.name


def test_what_is_no_image_says_so(page: Callable[[str], Any], tmp_path: Path) -> None:
    file = tmp_path / "note.png"
    file.write_text("not an image")
    one = page("index.html")
    with one.expect_response("**/live/image") as answer:
        one.locator("#hand-in input").set_input_files(str(file))
    assert answer.value.status == 422
    one.wait_for_selector("#hand-in .bad")
    one.refused()  # the browser notes every refusal
    assert "JPEG" in one.locator("#hand-in .bad").inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "place",
    ["index.html", f"image.html#image={KEY}&live=top50:0", f"neuron.html#live={KEY}.1:0"],
)
def test_axe_finds_no_serious_fault(page: Callable[[str], Any], place: str, theme: str) -> None:
    sign = "&" if "#" in place else "#"
    one = page(f"{place}{sign}theme={theme}")
    one.set_viewport_size({"width": 390 if theme == "dark" else 1440, "height": 900})
    if "live" in place:
        one.wait_for_selector(DONE.format("0"), timeout=60_000)
    else:
        one.wait_for_selector("#hand-in")
    one.evaluate(AXE.read_text())
    found = one.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
    serious = [
        (fault["id"], [node["html"][:160] for node in fault["nodes"][:3]])
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
    assert serious == []


EVIL = """<!doctype html><meta charset="utf-8"><title>evil</title>
<script>window.molyneux = {{shard: (name) => (window.stolen = name)}};</script>
<script src="{root}/data/run.js"></script>
<img src="{root}/data/thumbs/{key}.jpg"><iframe src="{root}/index.html"></iframe>
<link rel="stylesheet" href="{root}/assets/core.css">
<script>
  const wish = JSON.stringify({{image: "{key}", word: 1, top: 5, scale: 0}});
  const tries = [
    fetch("{root}/live/edit", {{method: "POST", body: wish, mode: "no-cors"}}),
    fetch("{root}/live/edit", {{method: "POST", body: wish, headers: {{"Content-Type": "application/json"}}}}),
    fetch("{root}/index.html").then((answer) => answer.text()).then((text) => (window.stolen = text)),
  ];
  Promise.allSettled(tries).then(() => (document.title = "done"));
</script>"""


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_gets_nothing(running: Running, chromium: Any, name: str) -> None:
    """From another port (the same site) and by another name (another site), in a real browser."""
    body = EVIL.format(root=running.root, key=KEY).encode()

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Evil) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        context = chromium.new_context()
        one = context.new_page()
        before = len(running.log)
        one.goto(f"http://{name}:{server.server_address[1]}/")
        one.wait_for_function("document.title === 'done'")
        one.wait_for_load_state("load")
        stolen = one.evaluate("window.stolen")
        context.close()
        server.shutdown()
    assert stolen is None
    asked = running.log[before:]
    assert asked  # newer browsers ask a user before a page may reach this machine at all
    assert {status for _, status in asked} <= {403, 405}, asked


def test_a_static_export_has_no_live_parts(site: Path, tab: Callable[..., Any]) -> None:
    one = tab(site).open("image.html")
    assert one.locator("#live").is_hidden()
    assert tab(site).open("index.html").locator("#hand-in").count() == 0
