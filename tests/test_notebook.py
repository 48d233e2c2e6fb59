"""Results in notebooks: HTML that stands alone, frames, figures; and the example in docs, run again."""

from __future__ import annotations

import gc
import json
import pickle
import re
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import looked
import machines
import molyneux as mx
from molyneux.ground.assets import asset
from molyneux.ground.errors import AssetError
from molyneux.ground.html import bar, chip, table, tag
from molyneux.ground.neuron import NeuronId
from molyneux.ground.printable import shown_token
from molyneux.neurons import voice as voices
from molyneux.neurons.decode import Decoding
from molyneux.neurons.told import ArmTold, ablation_told, attribution_told
from shown import Reader, alone, drawn

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?")
EXAMPLE = Path(__file__).parents[1] / "docs" / "example.ipynb"


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """Every kind of result, by a tiny model."""
    captioner, image = machines.captioner(), machines.images(1)[0]
    found = mx.attribute(captioner, image, top=30)
    return {
        "captioner": captioner,
        "caption": found.caption,
        "attribution": found,
        "decodings": mx.decode(captioner, [entry.neuron for entry in found.ranked(4)]),
        "decoding": mx.decode(captioner, "L1.u7"),
        "field": mx.receptive_field(captioner, image, "L1.u7"),
        "ablation": mx.ablate(captioner, image, attribution=found, counts=(0, 5), draws=3),
    }


def test_an_attribution_shows_what_its_neurons_say(made: dict[str, Any]) -> None:
    captioner, found = made["captioner"], made["attribution"]
    listed = [entry.neuron for entry in found.ranked(12)]
    said = mx.decode(captioner, listed)
    read = alone(found._repr_html_())
    for one in said:
        assert " ".join(shown_token(token, space=False) for token in one.tokens[:5]) in " ".join(read.chips)
    (axes,) = found.plot().axes
    labels = [label.get_text().replace("\\$", "$") for label in axes.get_yticklabels()]
    assert labels[:12] == [f"{one.neuron} {shown_token(one.tokens[0], space=False)}" for one in said]


def test_a_result_keeps_no_model_and_shows_without_it() -> None:
    captioner, image = machines.captioner(), machines.images(1)[0]
    found = mx.attribute(captioner, image, top=3)
    assert len(alone(found._repr_html_()).chips) == 15
    travelled = pickle.loads(pickle.dumps(found.voice))
    assert travelled([NeuronId(0, 0)]) == {}
    gone = weakref.ref(captioner)
    del captioner
    gc.collect()
    assert gone() is None
    read = alone(found._repr_html_())
    assert read.chips == []
    assert [str(entry.neuron) in read.text for entry in found.neurons] == [True] * 3


def test_memory_too_full_to_ask_what_neurons_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    captioner = machines.captioner()
    found = mx.attribute(captioner, machines.images(1)[0], top=3)
    monkeypatch.setattr(voices, "decode", full)
    assert alone(found._repr_html_()).chips == []
    monkeypatch.setattr(voices, "decode", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # our own faults are not hidden
        found._repr_html_()


KINDS = ("caption", "attribution", "decodings", "decoding", "field", "ablation")


@pytest.mark.parametrize("kind", KINDS)
def test_the_html_stands_alone(made: dict[str, Any], kind: str) -> None:
    read = alone(made[kind]._repr_html_())
    found = made["attribution"]
    if kind in ("caption", "attribution", "ablation"):
        assert all(word.word in read.text for word in found.caption.words)
    if kind == "attribution":
        assert [str(entry.neuron) in read.text for entry in found.ranked(12)] == [True] * 12
    if kind == "decodings":
        assert all(token.strip() in read.text for one in made[kind] for token in one.tokens)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_has_what_the_result_has(made: dict[str, Any], kind: str) -> None:
    pandas = pytest.importorskip("pandas")
    one, frame = made[kind], made[kind].to_frame()
    assert isinstance(frame, pandas.DataFrame)
    if kind == "caption":
        assert frame["token"].tolist() == list(one.tokens)
        assert frame["p"].tolist() == list(one.probabilities)
    elif kind == "attribution":
        pandas.testing.assert_frame_equal(frame, one.to_table().to_pandas(), check_dtype=False)
    elif kind == "field":
        assert np.array_equal(frame.to_numpy(dtype=np.float32), one.as_subclass(torch.Tensor).numpy(), True)
    elif kind == "ablation":
        pandas.testing.assert_frame_equal(frame, one.to_table().to_pandas(), check_dtype=False)
    else:
        some = one if isinstance(one, list) else [one]
        assert frame["token"].tolist() == [token for each in some for token in each.tokens]
        assert frame["logit"].tolist() == [logit for each in some for logit in each.logits]


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_is_drawn_and_shows_itself(made: dict[str, Any], kind: str) -> None:
    drawn(made[kind].plot())


def test_bars_are_as_long_as_the_values(made: dict[str, Any]) -> None:
    (axes,) = made["decoding"].plot().axes
    assert [patch.get_width() for patch in axes.patches] == pytest.approx(made["decoding"].logits)
    (axes,) = made["ablation"].plot().axes
    top = next(line for line in axes.lines if line.get_label() == "top")
    assert list(top.get_ydata()) == [made["ablation"].change("top", count).mean for count in (0, 5)]


def test_a_map_computed_from_a_map_shows_only_if_it_is_one(made: dict[str, Any]) -> None:
    heat = made["field"]
    assert heat.neuron == NeuronId(1, 7)
    assert heat.picture.shape == (40, 48, 3)
    assert (heat * 2).neuron is None
    alone((heat * 2)._repr_html_())
    for other in (heat.mean(), heat[0], heat[:0]):
        assert other._repr_html_() is None
    with pytest.raises(mx.SettingError, match=r"a map of \[height, width\]"):
        heat[0].plot()
    alone(torch.full_like(heat, torch.nan)._repr_html_())


def test_a_large_image_stays_small() -> None:
    captioner = machines.captioner()
    (image,) = machines.images(1, width=2400, height=1600)
    heat = mx.receptive_field(captioner, image, "L0.u0")
    assert heat.shape == (1600, 2400)
    alone(heat._repr_html_())


@pytest.mark.parametrize("text", looked.HOSTILE)
def test_hostile_texts_are_inert(text: str) -> None:
    read = alone(
        Decoding(NeuronId(0, 1), (text, f" {text}"), (1, 2), (0.5, 0.25), (0.1, 0.1), False)._repr_html_()
    )
    assert not [name for name, _ in read.tags if name in ("script", "b")]
    caption = mx.Caption(text, (text,), (3,), (0.5,), None, (), image=text)
    assert caption._repr_html_() is not None
    alone(caption._repr_html_())
    arms: list[ArmTold] = [("top", 5, -0.5, float("nan"), float("nan"), (text,))]
    alone(ablation_told(caption, text, 0, p=0.5, arms=arms).html())
    ranked = [(NeuronId(0, 1), 1.0, 0)]
    says = lambda neurons: {one: (one, (text,), (1.0,), True) for one in neurons}  # noqa: E731
    alone(attribution_told(caption, text, 0, ranked=ranked, score=text, says=says).html())
    caption.plot()._repr_png_()
    assert "&lt;" in tag("div", "<b>", title="<b>") if "<" in text else True


def test_building_blocks() -> None:
    assert tag("div", "<b>", title='"') == '<div title="&quot;">&lt;b&gt;</div>'
    assert tag("div", tag("span", "x")) == "<div><span>x</span></div>"
    assert "width:100.0%" in bar(7.0, "red")
    assert "width:0.0%" in bar(float("nan"), "red")
    assert "\u00b7" in chip("  ")
    read = Reader(table(("a", "b"), [(1, "x"), (2.5, "<")]))
    assert [name for name, _ in read.tags].count("td") == 4
    assert Reader(table(("a",), [])).text == "a"


def test_without_pandas_it_says_how_to_get_it(made: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(AssetError, match=r"pandas to be installed\. Run: pip install pandas"):
        made["caption"].to_frame()


def test_results_load_no_plotting_library_before_they_plot() -> None:
    code = (
        "import sys, molyneux as mx; mx.attribute, mx.ablate, mx.decode; print('matplotlib' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


# The example in docs.


def outputs(book: dict[str, Any]) -> list[list[str]]:
    """The text of every code cell's outputs; numbers in pictures and HTML are not text."""
    told = []
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            lines = []
            for one in cell["outputs"]:
                assert one["output_type"] != "error"
                text = one.get("text") or one.get("data", {}).get("text/plain", "")
                lines.append("".join(text))
            told.append(lines)
    return told


def test_the_example_is_what_its_cells_give_today(tmp_path: Path) -> None:
    for name in ("nbformat", "nbclient", "ipykernel", "pandas"):
        pytest.importorskip(name)
    try:
        asset("miniature/model/config.json")
    except AssetError:
        pytest.skip("the miniature is not shipped here")
    script = EXAMPLE.parents[1] / "scripts" / "make_notebook.py"
    subprocess.run([sys.executable, str(script), str(tmp_path / "again.ipynb")], check=True, timeout=300)
    kept, again = (json.loads(path.read_text()) for path in (EXAMPLE, tmp_path / "again.ipynb"))
    assert [cell["source"] for cell in kept["cells"]] == [cell["source"] for cell in again["cells"]]
    for before, now in zip(outputs(kept), outputs(again), strict=True):
        assert [NUMBER.sub("#", text) for text in before] == [NUMBER.sub("#", text) for text in now]
        was, is_ = ([float(one) for text in some for one in NUMBER.findall(text)] for some in (before, now))
        assert was == pytest.approx(is_, rel=1e-2, abs=1e-3)  # another processor rounds otherwise
    assert sum(map(len, outputs(kept))) >= 8
    assert EXAMPLE.stat().st_size < 1_500_000
    shown = [
        "".join(one["data"]["text/html"])
        for cell in kept["cells"]
        for one in cell.get("outputs", ())
        if "text/html" in one.get("data", {})
    ]
    told = [f"{one[0]}{one[1]}" for one in (text.split(">", 3)[2:] for text in shown)]
    steps = ("Caption", "Neurons behind", "neurons say", "fires", "Atlas of", "Neurons that raise", "says")
    for step in (
        *steps,
        "without some neurons",
        "5 neurons off",
        "100 neurons off",
    ):  # from image to causal test
        assert any(step in title for title in told), step
    for text in shown:
        assert "<script" not in text
        assert str(Path.home()) not in text
