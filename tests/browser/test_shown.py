"""What pages show follows their controls and their shards: opacity, fill, lit neurons, tiles, exported maps."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from PIL import Image

import looked
from molyneux.explorer.export import export
from molyneux.models.geometry import PatchGrid

Tabs = Callable[..., Any]
GRID = PatchGrid(looked.ROWS, looked.COLUMNS, looked.WIDTH, looked.HEIGHT, looked.BOX)
VIRIDIS = np.round(colormaps["viridis"](np.arange(256))[:, :3] * 255).astype(int)
SVG = "{http://www.w3.org/2000/svg}"
CANVAS = """(canvas) => {
  const {width, height} = canvas;
  return [width, height, [...canvas.getContext("2d").getImageData(0, 0, width, height).data]];
}"""


def pixels_of(canvas: Any) -> np.ndarray:
    """[height, width, 4] of a canvas."""
    width, height, told = canvas.evaluate(CANVAS)
    return np.array(told, dtype=np.uint8).reshape(height, width, 4)


def levels_of(colours: np.ndarray) -> np.ndarray:
    """The places of colours among those of viridis; each must be one of them, but for rounding."""
    apart = np.abs(VIRIDIS[None] - colours.reshape(-1, 1, 3).astype(int)).max(-1)
    assert apart.min(1).max() <= 1
    return np.asarray(apart.argmin(1))


def patch_pixels(drawn: np.ndarray, patch: int) -> np.ndarray:
    left, top, right, bottom = (round(side) for side in GRID.patch_box(patch) or ())
    return drawn[top:bottom, left:right]


def shard_of(page: Any, name: str) -> dict[str, Any]:
    return page.evaluate("(name) => molyneux.load(name)", name)  # type: ignore[no-any-return]


def first_image(page: Any) -> dict[str, Any]:
    return shard_of(page, "images/" + shard_of(page, "images/index-0")["rows"][0]["key"])


def floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype="<f4")


# ---- opacity and fill ------------------------------------------------------------------------------


def shot(page: Any, opacity: int) -> np.ndarray:
    """The stage as it is seen, after the slider was moved."""
    page.locator('#controls input[aria-label="Opacity"]').evaluate(
        "(node, value) => { node.value = value; node.dispatchEvent(new Event('input', {bubbles: true})); }",
        str(opacity),
    )
    page.wait_for_function("(n) => molyneux.state.opacity === n", arg=opacity)
    content = page.locator("#stage .stage").screenshot(animations="disabled")
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(float)


def test_the_opacity_is_the_sliders(site: Path, tab: Tabs) -> None:
    page = tab(site).open("image.html#pct=100&fill=cells")
    none, some, half, full = (shot(page, opacity) for opacity in (0, 20, 50, 100))
    assert np.abs(full - none).max() > 60  # or the test could not fail
    assert np.abs(some - (0.8 * none + 0.2 * full)).max() <= 2
    assert np.abs(half - (none + full) / 2).max() <= 2
    assert "opacity=100" in page.url
    drawn = pixels_of(page.locator("canvas.heat"))
    zoom = full.shape[1] / looked.WIDTH
    for patch in range(looked.ROWS * looked.COLUMNS):
        left, top, right, bottom = GRID.patch_box(patch) or (0, 0, 0, 0)
        x, y = (left + right) / 2, (top + bottom) / 2
        assert full[int(y * zoom), int(x * zoom)] == pytest.approx(drawn[int(y), int(x), :3], abs=2)


def test_patches_are_even_and_smooth_maps_are_not(site: Path, tab: Tabs) -> None:
    neuron = 2
    values = looked.maps(0)[neuron]
    level = np.clip(np.floor(256 * (values - values.min()) / (values.max() - values.min())), 0, 255)
    one = tab(site)
    even = pixels_of(
        one.open(f"image.html#fill=cells&neuron={looked.NEURONS[neuron]}").locator("canvas.heat")
    )
    for patch in range(len(values)):
        colours = patch_pixels(even, patch)[..., :3]
        assert (colours == colours[0, 0]).all(), patch
        assert abs(int(levels_of(colours)[0]) - level[patch]) <= 1
    page = one.open(f"image.html#neuron={looked.NEURONS[neuron]}")
    smooth = pixels_of(page.locator("canvas.heat"))
    uneven = [
        patch for patch in range(len(values)) if len(np.unique(patch_pixels(smooth, patch)[..., :3])) > 3
    ]
    assert len(uneven) == len(values)
    page.locator('#controls [data-state="fill"] button', has_text="Patches").click()
    assert (pixels_of(page.locator("canvas.heat")) == even).all()


# ---- lit neurons -----------------------------------------------------------------------------------


def expected_lit(image: dict[str, Any], patch: int, percentile: float) -> set[str]:
    """Of the listed neurons those whose activation at the patch is not below that percentile of their map."""
    maps = floats(image["maps"]).reshape(len(image["neurons"]), image["patches"]).astype(float)
    thresholds = np.percentile(maps, percentile, axis=1)
    fires = maps[:, patch] >= thresholds
    return {one["name"] for one, lit in zip(image["neurons"], fires, strict=True) if lit}


def lit(page: Any) -> set[str]:
    return set(
        page.locator("#neurons li.neuron.lit").evaluate_all(
            "(nodes) => nodes.map((one) => one.dataset.neuron)"
        )
    )


@pytest.mark.parametrize(
    "percentile", [40, 80, 95, 100]
)  # at 100 a neuron's largest activation is lit: it is not below
def test_a_patch_lights_all_that_fire_there(percentile: int, site: Path, tab: Tabs) -> None:
    page = tab(site).open(f"image.html#pct={percentile}")
    image = first_image(page)
    page.locator("#stage .stage").scroll_into_view_if_needed()
    frame = page.locator("#stage .stage").bounding_box()
    zoom = frame["width"] / looked.WIDTH
    more = 0
    for patch in range(image["patches"]):
        left, top, right, bottom = GRID.patch_box(patch) or (0, 0, 0, 0)
        page.mouse.move(frame["x"] + (left + right) / 2 * zoom, frame["y"] + (top + bottom) / 2 * zoom)
        expected = expected_lit(image, patch, percentile)
        assert lit(page) == expected, patch
        peaks = set(
            page.locator("#neurons li.neuron.peak").evaluate_all(
                "(nodes) => nodes.map((one) => one.dataset.neuron)"
            )
        )
        more += len(expected - peaks)
    assert more > 0 or percentile >= 95
    page.mouse.move(2, 2)
    assert lit(page) == set()
    pinned = tab(site).open(f"image.html#pct={percentile}&patch=3")
    assert lit(pinned) == expected_lit(image, 3, percentile)


# ---- tiles -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uneven(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of images on which neurons fire the more, the later they come."""
    usual = looked.maps
    folder = tmp_path_factory.mktemp("uneven")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(looked, "maps", lambda number: usual(number) * np.float32((number + 1) / 8))
        return export(looked.run_of_looks(folder / "run", images=8), folder / "pages").folder


def test_tiles_of_a_neuron_are_on_one_scale(uneven: Path, tab: Tabs) -> None:
    page = tab(uneven).open(f"neuron.html#neuron={looked.NEURONS[1]}")
    data = shard_of(page, f"neurons/{looked.NEURONS[1]}")
    shown = [*data["top"], *data["random"]]
    maps = [floats(one["map"]) for one in shown]
    low, high = min(one.min() for one in maps), max(one.max() for one in maps)
    canvases = page.locator("#tiles .tile-stage canvas")
    assert canvases.count() == len(shown)
    brightest = {}
    for n, (one, values) in enumerate(zip(shown, maps, strict=True)):
        drawn = pixels_of(canvases.nth(n))
        levels = levels_of(unmixed(drawn[drawn[..., 3] > 0]))
        spread = GRID.upsample(torch.from_numpy(values.copy())).numpy()
        expected = 255 * (np.nanmax(spread) - low) / (high - low)
        assert levels.max() == pytest.approx(expected, abs=3), n
        brightest[one["key"]] = (float(values.max()), int(levels.max()))
    ordered = [level for _, level in sorted(brightest.values())]
    assert ordered == sorted(ordered)
    assert ordered[0] < 128 < ordered[-1]
    told = page.locator("#tiles .scale").get_attribute("aria-label")
    assert page.evaluate(
        "(values) => values.map((one) => molyneux.number(one))", [float(low), float(high)]
    ) == [
        told.partition("from ")[2].partition(" (dark)")[0],
        told.partition("to ")[2].partition(" (bright)")[0],
    ]


def unmixed(colours: np.ndarray) -> np.ndarray:
    """Colours of half-transparent pixels, to the nearest of viridis: canvases hold them multiplied, and rounded."""
    apart = np.abs(VIRIDIS[None] - colours[:, None, :3].astype(int)).max(-1)
    assert apart.min(1).max() <= 2
    return VIRIDIS[apart.argmin(1)]


# ---- the exported map ------------------------------------------------------------------------------


def taken(page: Any, kind: str) -> bytes:
    page.locator("#stage details.menu summary").click()
    with page.expect_download() as waiting:
        page.locator("#stage details.menu button", has_text=kind).click()
    return Path(waiting.value.path()).read_bytes()


def test_the_exported_drawing_holds_the_heat_and_its_scale(site: Path, tab: Tabs) -> None:
    neuron = 3
    page = tab(site).open(f"image.html#opacity=40&neuron={looked.NEURONS[neuron]}")
    drawing = ElementTree.fromstring(taken(page, "SVG"))
    _, heat, lines = drawing.findall(f".//{SVG}image")
    for node, name in ((heat, "heat"), (lines, "lines")):
        content = base64.b64decode((node.get("href") or "").partition("base64,")[2])
        held = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))
        drawn = pixels_of(page.locator(f"canvas.{name}"))
        seen = drawn[..., 3] > 0
        assert seen.any()
        assert (held[..., 3] == drawn[..., 3]).all()
        assert (held[seen] == drawn[seen]).all()
    assert float(heat.get("opacity") or 1) == pytest.approx(0.4)
    values = looked.maps(0)[neuron]
    texts = [text.text for text in drawing.iter(f"{SVG}text")]
    heat_map = GRID.upsample(torch.from_numpy(values.copy())).numpy()
    low, high = page.evaluate(
        "(values) => values.map((one) => molyneux.number(one))",
        [float(np.nanmin(heat_map)), float(np.nanmax(heat_map))],
    )
    assert low in texts
    assert f"{high}  activation of {looked.NEURONS[neuron]}" in texts
    ramp = [node.get("fill") for node in drawing.iter(f"{SVG}rect") if node.get("height") == "9"]
    colours = np.array([json.loads(f"[{(one or '')[4:-1]}]") for one in ramp])
    assert levels_of(colours).tolist() == pytest.approx(np.linspace(0, 255, 32).tolist(), abs=1.5)


@pytest.mark.parametrize("state", ["map=mask", "map=off"])
def test_without_heat_there_is_no_scale(state: str, site: Path, tab: Tabs) -> None:
    drawing = ElementTree.fromstring(taken(tab(site).open(f"image.html#{state}"), "SVG"))
    assert not [node for node in drawing.iter(f"{SVG}rect") if node.get("height") == "9"]


def test_the_exported_picture_holds_the_heat(site: Path, tab: Tabs) -> None:
    page = tab(site).open(f"image.html#opacity=100&fill=cells&pct=100&neuron={looked.NEURONS[3]}")
    picture = np.asarray(Image.open(io.BytesIO(taken(page, "PNG"))).convert("RGB"))
    drawn = pixels_of(page.locator("canvas.heat"))
    zoom = picture.shape[1] / looked.WIDTH
    colours = set()
    for patch in range(looked.ROWS * looked.COLUMNS):
        left, top, right, bottom = GRID.patch_box(patch) or (0, 0, 0, 0)
        x, y = (left + right) / 2, (top + bottom) / 2
        assert picture[int(y * zoom), int(x * zoom)] == pytest.approx(drawn[int(y), int(x), :3], abs=2)
        colours.add(tuple(drawn[int(y), int(x), :3]))
    assert len(colours) > 8
