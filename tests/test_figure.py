"""The figure: whole for odd images, words inside it and apart, inert text, the same bytes twice."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from molyneux.ground.errors import SettingError
from molyneux.ground.printable import inert, shown_token
from molyneux.ground.story import Story
from molyneux.ground.wording import changed_words, commonest, decimals, percent
from molyneux.report.figure import describe, draw, save
from molyneux.report.ink import elide, safe, width_of
from molyneux.report.overlay import blend
from stories import HOSTILE, ablation, neuron, story

LONG = (
    "a very long caption about "
    + "super" * 20
    + " cat and $math$ and \x1b[31m \u202e </script> on and on " * 3
)
ODD: dict[str, Story] = {
    "usual": story(),
    "no geometry": story(neurons=tuple(neuron(i, (8, 8), (8, 8), heat=None, box=None) for i in range(4))),
    "no noun": story(caption="running quickly and softly"),
    "empty caption": story(caption=""),
    "one neuron": story(count=1),
    "many neurons": story(count=9),
    "wide": story(size=(4000, 100)),
    "tall": story(size=(60, 900)),
    "one pixel": story(size=(1, 1)),
    "one pixel high": story(size=(40, 1)),
    "phone": story(size=(4032, 3024)),
    "no ablation": story(ablation=None),
    "many counts": story(ablation=ablation("a cat", (0, 50, 100, 200, 400, 800, 1600, 3200, 6400))),
    "one count": story(ablation=ablation("a cat", (10,))),
    "hostile": story(
        caption=LONG,
        name="$weird$ \u202ename\n" * 9 + ".jpg",
        neurons=tuple(neuron(i, (640, 428), (640, 428), tokens=HOSTILE) for i in range(4)),
    ),
    "flat heat": story(neurons=(neuron(0, (8, 8), (8, 8), heat=np.zeros((8, 8), np.float32)),), size=(8, 8)),
    "another model": story(miniature=False, model="owner/" + "a-long-name-" * 9),
}


def texts(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


@pytest.mark.parametrize("name", ODD)
def test_every_word_is_inside_and_none_lies_on_another(name: str) -> None:
    figure = draw(ODD[name])
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a glyph that no font has would be a warning
        canvas.draw()
    whole = figure.bbox
    boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in texts(figure)]
    assert len(boxes) >= 3
    for said, box in boxes:
        inside = whole.x0 <= box.x0 <= box.x1 <= whole.x1 and whole.y0 <= box.y0 <= box.y1 <= whole.y1
        assert inside, said
    for (one, first), (two, second) in combinations(boxes, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        down = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert across <= 1 or down <= 3, f"{one!r} lies on {two!r}"  # boxes include the room for descenders


def test_the_miniature_is_labelled_and_another_model_is_named() -> None:
    assert any("a miniature, not the paper's model" in text.get_text() for text in texts(draw(ODD["usual"])))
    said = [text.get_text() for text in texts(draw(ODD["another model"]))]
    assert not any("miniature" in text for text in said)
    assert any(text.startswith("model: owner/a-long") for text in said)


@pytest.mark.parametrize("suffix", [".PNG", ".svg", ".pdf"])
def test_figures_are_written_twice_the_same(suffix: str, tmp_path: Path) -> None:
    first, second = (
        save(ODD["hostile"], tmp_path / f"a{suffix}"),
        save(ODD["hostile"], tmp_path / "b" / f"b{suffix}"),
    )
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size > 10_000


def test_an_unknown_suffix_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"\.png, \.svg, \.pdf"):
        save(ODD["usual"], tmp_path / "new" / "figure.jpg")
    assert list(tmp_path.iterdir()) == []


def test_an_svg_holds_no_live_text(tmp_path: Path) -> None:
    path = save(ODD["hostile"], tmp_path / "figure.svg")
    text = path.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not [element for element in root.iter() if element.tag.endswith("script")]


def test_a_png_carries_its_words(tmp_path: Path) -> None:
    with Image.open(save(ODD["usual"], tmp_path / "figure.png")) as image:
        assert image.size[0] == 1600
        assert image.info["Description"] == describe(ODD["usual"])
    assert "100 top units off: p(cat) -80%" in describe(ODD["usual"])


def test_heat_is_brightest_where_the_neuron_fires_and_unseen_pixels_have_none() -> None:
    made = story(size=(80, 80), image=np.full((80, 80, 3), 128, np.uint8))
    heat = neuron(3, (80, 80), (80, 80)).heat
    assert heat is not None
    light = blend(made.image, heat).sum(axis=2)
    assert divmod(int(light.argmax()), 80) == divmod(int(heat.argmax()), 80)
    heat = heat.copy()
    heat[:, :20] = np.nan
    mixed = blend(made.image, heat)
    assert (np.ptp(mixed[:, :20].reshape(-1, 3), axis=0) == 0).all()
    assert np.ptp(mixed[40, 10]) == 0  # grey: no colour where the model did not look


def test_pictures_lie_on_the_axes_in_original_pixels() -> None:
    made = story(size=(4000, 2000), count=1)
    axes = [axes for axes in draw(made).axes if axes.images]
    assert len(axes) == 2
    for one in axes:
        assert one.images[0].get_extent() == [0, 4000, 2000, 0]
        box = one.get_window_extent()
        assert box.width / box.height == pytest.approx(2, rel=1e-3)
    (square,) = axes[1].patches
    assert square.get_bbox().bounds == (0, 0, 500, 250)


def test_text_is_made_inert() -> None:
    assert inert("a\x1b[31m\u202e\u2028\ud800\U000e0001b") == r"a\x1b[31m\u202e\u2028\ud800\U000e0001b"
    assert inert("na\u00efve \u4e2d \U0001f642 $x$") == "na\u00efve \u4e2d \U0001f642 $x$"
    assert [shown_token(t) for t in (" cat", "cat", "\n", "\t", " ", "", " a b\x0b")] == [
        *("\u00b7cat", "cat", "\u21b5", "\u21e5", "\u00b7", "(empty)"),
        r"\u00b7a b\x0b".replace(r"\u00b7", "\u00b7"),
    ]
    assert shown_token(" cat", space=False) == "cat"
    assert safe("\ue000") == "\u25a1"  # a private character: no font has it


def test_elided_text_fits_and_is_as_long_as_can_be() -> None:
    text = "the quick brown fox jumps over the lazy dog"
    cut = elide(text, 1.5, 10.0)
    assert cut.endswith("\u2026")
    assert width_of(cut, 10.0) <= 1.5 < width_of(text[: len(cut) + 1] + "\u2026", 10.0)
    assert elide("short", 1.5, 10.0) == "short"


def test_changed_words_and_the_commonest_caption() -> None:
    assert changed_words("a red cat on a mat", "a red dog on a mat")[2] == ("dog", True)
    assert [new for _, new in changed_words("a b c", "b c d")] == [False, False, True]
    assert changed_words("a", "") == []
    assert commonest(["b", "a", "a", "b"]) == ("b", 2)
    assert commonest([]) == ("", 0)


def test_percent_shows_small_changes_and_no_signed_zero() -> None:
    assert [percent(share) for share in (-0.7, 1.25, 0.004, -0.009, 0.0, -0.0001, 0.01)] == [
        *("-70%", "+125%", "+0.4%", "-0.9%", "0%", "0%", "+1%")
    ]


def test_decimals_give_the_largest_three_digits() -> None:
    assert [f"{value:.{decimals(value)}f}" for value in (0.0137, 0.5, 3.24, 96.6, 1234.0, 0.0)] == [
        *("0.0137", "0.500", "3.24", "96.6", "1234", "0.00")
    ]


def test_an_arm_without_draws_has_no_band() -> None:
    made = story()
    assert made.ablation is not None
    figure = draw(replace(made, ablation=replace(made.ablation, arms=made.ablation.arms[:1])))
    said = [text.get_text() for text in texts(figure)]
    assert "top -80%" in said
    assert not any(text.startswith("random") for text in said)
