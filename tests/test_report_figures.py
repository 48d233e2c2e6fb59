"""The figures of a report: labelled, of any size of model, and drawn whatever the words are."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from molyneux.report.drawing import Drawing, save_drawing
from molyneux.report.examples import fields_drawing, firing_drawing, neurons_drawing
from molyneux.report.plot_ablation import captions_drawing, probability_drawing
from molyneux.report.plot_layers import layers_drawing
from molyneux.report.plot_matrix import matrix_drawing
from molyneux.report.plot_overlaps import overlaps_drawing
from molyneux.report.plot_scores import scores_drawing
from molyneux.report.raster import Shot
from molyneux.report.record import TableRecord
from molyneux.report.theme import DARK, LIGHT, NARROW, WIDE, Style, Theme
from report_runs import EVIL

LABEL = "a miniature, not the paper's model"


def table(*rows: dict[str, Any]) -> TableRecord:
    return TableRecord("t", "t", "", rows, 9, 9, {}, (), (), None)


def layers(count: int) -> Drawing:
    some = {
        "mean": 1 / count,
        "low": 0.0,
        "high": 0.5,
        "random_mean": 0.1,
        "random_low": 0.1,
        "random_high": 0.2,
    }
    return layers_drawing(
        table(*[{"layer": n} | some for n in range(count)]), table({"from_depth": 0.2, "to_depth": 0.4})
    )


def ablated(counts: tuple[int, ...], *, none: bool = False) -> TableRecord:
    rows = []
    for arm in ("top", "interpretable", "random"):
        for count in counts:
            row: dict[str, Any] = {"arm": arm, "count": count, "share": count / 1000}
            for stem in ("change", "bertscore"):
                row |= {f"{stem}_{part}": None if none else 0.5 for part in ("mean", "low", "high")}
            rows.append(row | {"paper": -0.8 if arm == "top" and count == counts[-1] else None})
    return table(*rows)


def overlaps(names: list[str]) -> Drawing:
    some = {f"{arm}_{part}": 0.1 for arm in ("top", "random") for part in ("mean", "low", "high")}
    return overlaps_drawing(
        table(*[some | {"category": one, "less_random": 0.1, "p_corrected": 0.01} for one in names])
    )


def matrix(names: list[str], value: float | None = 0.3) -> Drawing:
    cells = [
        {"neurons_of": a, "images_of": b, "mean": value, "random_mean": 0.1} for a in names for b in names
    ]
    made = matrix_drawing(table(*cells))
    assert made is not None
    return made


def scores() -> Drawing:
    rows = [
        {
            f"{metric}_{arm}": [0.1 * n]
            for metric in ("clip", "bert")
            for arm in ("random", "prompts", "nouns", "captions")
        }
        for n in range(4)
    ]
    made = scores_drawing(rows, None)
    assert made is not None
    return made


def shot(width: int, height: int, place: bool = True) -> Shot:
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    jpeg, png = io.BytesIO(), io.BytesIO()
    Image.fromarray(noise).save(jpeg, "JPEG")
    Image.fromarray(noise[..., 0] > 128).save(png, "PNG")
    grid = {
        "rows": 2,
        "columns": 3,
        "width": 2 * width,
        "height": 2 * height,
        "box": [2.0, 0.0, 2.0 * width, 2.0 * height],
    }
    return Shot("i", jpeg.getvalue(), grid if place else None, {}, {"dog": png.getvalue()})


def photographs(width: int, height: int, place: bool = True) -> list[Drawing]:
    neuron, values = {"layer": 0, "unit": 7}, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    pictures = {"i": shot(width, height, place)}
    row = {"caption": EVIL * 3, "word": EVIL, "neurons": [neuron], "fields": [values]}
    pair = {
        "image": "i",
        "neuron": "L0.u7",
        "patch": 5,
        "score": 0.1,
        "tokens": [EVIL],
        "interpretable": False,
    }
    fired = {"neuron": "L0.u7", "image": "i", "activation": 1.0, "tokens": [EVIL], "caption": None}
    overlap = {"overlaps": [{"category": "dog", "top": [0.5]}], "neurons": [neuron], "fields": [values]}
    made = [
        neurons_drawing(pictures, {"i": row}, table(pair)),
        firing_drawing(pictures, table(fired)),
        fields_drawing(pictures, {"i": overlap}, 95.0),
    ]
    return [one for one in made if one is not None]


DRAWINGS: dict[str, Callable[[], Drawing | None]] = {
    "8 layers": lambda: layers(8),
    "1 layer": lambda: layers(1),
    "80 layers": lambda: layers(80),
    "ablation": lambda: probability_drawing(ablated((0, 50, 100, 200, 400, 800, 1600, 3200, 6400))),
    "one count": lambda: probability_drawing(ablated((0, 3))),
    "no values": lambda: probability_drawing(ablated((0, 3), none=True)),
    "captions": lambda: captions_drawing(ablated((0, 3))),
    "overlaps": lambda: overlaps(["dog", EVIL, "$x^{", "", "all images"]),
    "one category": lambda: overlaps(["dog"]),
    "matrix": lambda: matrix(["dog", EVIL, "$x^{"]),
    "one value": lambda: matrix(["a", "b"], 0.1),
    "an empty row": lambda: matrix(["a", "b"], None),
    "60 classes": lambda: matrix([f"class {n}" for n in range(60)]),
    "scores": scores,
    **{f"photographs {n}": lambda n=n: photographs(40, 30)[n] for n in range(3)},
    "tall": lambda: photographs(9, 400)[0],
    "flat": lambda: photographs(400, 9)[2],
    "no place": lambda: photographs(40, 30, place=False)[0],
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_figure_is_drawn_and_labelled_in_every_style(name: str, tmp_path: Path) -> None:
    drawing = DRAWINGS[name]()
    assert drawing is not None
    for theme in (LIGHT, DARK):
        for width in (WIDE, NARROW):
            figure = drawing.draw(Style(theme, width, LABEL))
            assert LABEL in [text.get_text() for text in figure.axes[0].texts]
            assert figure.get_figwidth() == width
    figure.savefig(tmp_path / "narrow.svg")


def test_without_captions_there_is_no_figure_of_them() -> None:
    assert captions_drawing(ablated((0, 3), none=True)) is None


def test_files_of_a_drawing(tmp_path: Path) -> None:
    files = save_drawing(layers(8), tmp_path, label="")
    assert files.light == files.svg == "figures/layers.svg"
    with Image.open(tmp_path / files.png) as opened:
        assert opened.size == tuple(2 * side for side in files.size)
        assert "share of the top neurons" in opened.info["Description"]
    photo = save_drawing(photographs(40, 30)[0], tmp_path, label="")
    assert photo.light.endswith(".webp")
    assert (tmp_path / photo.svg).stat().st_size > 1000


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_colours_can_be_told_from_their_surface(theme: Theme) -> None:
    for colour in (theme.top, theme.interpretable, theme.random, theme.nouns):
        assert contrast(colour, theme.surface) >= 3
    assert contrast(theme.grey, theme.surface) >= 4.5
    assert contrast(theme.marked, theme.mark) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2's contrast ratio."""
    lights = []
    for colour in (one, other):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        lights.append(float(np.dot(linear, [0.2126, 0.7152, 0.0722])))
    return (max(lights) + 0.05) / (min(lights) + 0.05)
