"""The live panel asks for what the page ranks by, and its bars, curve and files show what came back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import test_live

import molyneux as mx
from molyneux.ground.assets import asset

running = test_live.running
page = test_live.page
KEY, IMAGE, DONE, slide = test_live.KEY, test_live.IMAGE, test_live.DONE, test_live.slide
DROP = """([name, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(bytes)], name, {type: "image/jpeg"}));
  const event = new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true});
  document.querySelector("#hand-in").dispatchEvent(event);
}"""


def answered(one: Any, act: Callable[[], Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an edit asked for, and what it was told."""
    with one.expect_response("**/live/edit") as waiting:
        act()
    told = waiting.value.json()
    return json.loads(waiting.value.request.post_data), told


@pytest.mark.parametrize("rank", ["sum", "max"])
def test_the_top_neurons_are_those_of_the_pages_ranking(
    rank: str, running: test_live.Running, page: Callable[[str], Any]
) -> None:
    one = page(f"image.html#image={KEY}&rank={rank}")
    asked, told = answered(
        one, lambda: one.locator("#live .choices button", has_text="Top 50").click() or slide(one, 0)
    )
    assert (asked["rank"], asked["top"], asked["image"]) == (rank, 50, KEY)
    ranked = {
        by: [str(entry.neuron) for entry in mx.attribute(running.captioner, IMAGE, reduce=by).ranked(50)]
        for by in ("sum", "max")
    }
    assert told["neurons"] == ranked[rank]
    assert set(ranked["sum"]) != set(ranked["max"])  # or the test could not fail


def axis_of(one: Any) -> Callable[[float], float]:
    """Where a probability belongs on the curve, by the axis's own labels."""
    told = one.locator("#live svg.chart").evaluate(
        """(chart) => [...chart.querySelectorAll("line.rule")].map((rule) =>
          [Number(rule.getAttribute("y1")), rule.nextElementSibling.textContent])"""
    )
    places = [(float(text.replace("\u2212", "-")), y) for y, text in told]
    assert len(places) >= 3
    (first, top), (last, bottom) = places[0], places[-1]
    assert first != last
    return lambda p: top + (p - first) / (last - first) * (bottom - top)


def centres(one: Any, kind: str) -> list[tuple[float, float]]:
    return [
        (float(x), float(y))
        for x, y in one.locator(f"#live circle.{kind}").evaluate_all(
            "(nodes) => nodes.map((node) => [node.getAttribute('cx'), node.getAttribute('cy')])"
        )
    ]


def test_the_curve_and_the_bars_lie_where_the_values_do(page: Callable[[str], Any]) -> None:
    one = page(f"image.html#image={KEY}&live=top200:1")
    one.wait_for_selector(DONE.format("1"), timeout=60_000)
    answers = {}
    for scale in (0, 2):
        _, answers[scale] = answered(one, lambda scale=scale: slide(one, scale))
    plain = answers[0]["plain"][0]
    at = axis_of(one)
    edited = [answers[0]["edited"][0], plain, answers[2]["edited"][0]]
    dots = centres(one, "dot")
    assert [y for _, y in dots] == pytest.approx([at(p) for p in edited], abs=0.5)
    assert max(y for _, y in dots) - min(y for _, y in dots) > 20  # or all would lie on one line
    x = [x for x, _ in dots]
    assert (x[1] - x[0]) * 2 == pytest.approx(x[2] - x[0], abs=0.5)
    draws = [
        p
        for scale in (0, None, 2)
        for p in ([p for p, _ in answers[scale]["random"]] if scale in answers else [plain] * 8)
    ]
    assert [y for _, y in centres(one, "live-draw")] == pytest.approx([at(p) for p in draws], abs=0.5)
    was = one.locator("#live line.live-was")
    assert float(was.get_attribute("y1")) == pytest.approx(at(plain), abs=0.5)
    lines = one.locator("#live path.own").get_attribute("d")
    assert [float(y) for y in re.findall(r" ([\d.]+)", lines)] == pytest.approx(
        [at(p) for p in edited], abs=0.5
    )

    random = [p for p, _ in answers[2]["random"]]
    assert max(random) > min(random)
    bar = one.locator("#live .card.random .p-bar").bounding_box()
    control = one.locator("#live .card.random .p-range").bounding_box()
    assert control["x"] - bar["x"] == pytest.approx(min(random) * bar["width"], abs=2.5)
    assert control["width"] == pytest.approx((max(random) - min(random)) * bar["width"], abs=2.5)
    styled = one.locator("#live .card.random .p-range").evaluate(
        "(node) => ['--from', '--to'].map((name) => parseFloat(node.style.getPropertyValue(name)))"
    )
    assert styled == pytest.approx([100 * min(random), 100 * max(random)])
    for arm, p in (("original", plain), ("top", answers[2]["edited"][0]), ("random", sum(random) / 8)):
        frame = one.locator(f"#live .card.{arm} .p-bar").bounding_box()
        fill = one.locator(f"#live .card.{arm} .p-fill").bounding_box()
        assert fill["width"] == pytest.approx(p * frame["width"], abs=2)


def test_a_file_is_named_after_the_edit_and_names_all_neurons(page: Callable[[str], Any]) -> None:
    one = page(f"image.html#image={KEY}&live=top200:0")
    one.wait_for_selector(DONE.format("0"), timeout=60_000)
    one.locator("#live details.menu summary").click()
    with one.expect_download() as waiting:
        one.locator("#live details.menu button", has_text="JSON").click()
    told = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))
    word = told["provenance"]["word"]
    assert waiting.value.suggested_filename == f"{IMAGE.name}-{word}-top200-sum-live.json"
    (edited,) = (row for row in told["rows"] if row["arm"] == "edited")
    assert (edited["image"], edited["word"]) == (told["provenance"]["image"], word)
    names = edited["neurons"].split()
    assert len(set(names)) == len(names) == edited["units"] == 200
    assert "live=top200%3A0" in told["provenance"]["page"]


def test_a_dropped_file_is_sent(running: test_live.Running, page: Callable[[str], Any]) -> None:
    other = asset("miniature/val2017/000000000097.jpg")
    one = page("index.html")
    with one.expect_response("**/live/image") as waiting:
        one.evaluate(DROP, ["dropped.jpg", list(other.read_bytes())])
    assert waiting.value.ok
    assert waiting.value.request.headers["x-file-name"] == "dropped.jpg"
    one.wait_for_url("**/image.html#image=*", timeout=60_000)
    one.wait_for_selector("html[data-ready] .said", timeout=20_000)
    said = one.locator(".said").inner_text()
    assert said == running.captioner.caption(other).text != running.captioner.caption(IMAGE).text
