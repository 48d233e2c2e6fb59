"""Neuron names parse strictly and print back; errors say four things."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molyneux.ground import errors
from molyneux.ground.assets import asset
from molyneux.ground.errors import AssetError, ImageError, MolyneuxError, NeuronNameError
from molyneux.ground.neuron import NeuronId

_NUMBERS = st.integers(0, 10**12)


@given(_NUMBERS, _NUMBERS)
def test_a_name_prints_and_parses_back(layer: int, unit: int) -> None:
    neuron = NeuronId(layer, unit)
    assert NeuronId.parse(str(neuron)) == neuron
    assert str(neuron) == f"L{layer}.u{unit}"


@given(st.text())
def test_whatever_parses_is_what_prints(text: str) -> None:
    try:
        neuron = NeuronId.parse(text)
    except NeuronNameError:
        return
    assert str(neuron) == text


@given(st.from_regex(r"\s*[Ll]?[-+]?\d{1,3}[._ ]?[uU]?[-+]?\d{1,3}\s*", fullmatch=True))
def test_near_misses(text: str) -> None:
    try:
        printed = str(NeuronId.parse(text))
    except NeuronNameError as error:
        printed = error.value
    assert printed == text


SPACED = [" L1.u2", "L1.u2 ", "L1.u2\n", "\nL1.u2", "L1.u2\0", "L 1.u2", "[L1.u2]"]
ZEROS_AND_CASE = ["L01.u2", "L1.u02", "L00.u0", "l1.u2", "L1.U2"]
SHAPES = ["L1u2", "L1..u2", "L1.u2.u3", "L1.0.u2", "L.u", "L1.", "L1", "u2", "1.2", ""]
NUMBERS = ["L-1.u2", "L+1.u2", "L1.u-2", "L1_0.u2", "L1e2.u3", "L0x1.u2"]
OTHER_DIGITS = ["L\u0661.u2", "L\u00b2.u2", "L\uff11.u2", "\uff2c1.u2"]


@pytest.mark.parametrize("name", [*SPACED, *ZEROS_AND_CASE, *SHAPES, *NUMBERS, *OTHER_DIGITS])
def test_malformed_names_are_refused(name: str) -> None:
    with pytest.raises(NeuronNameError) as caught:
        NeuronId.parse(name)
    assert repr(name) in str(caught.value)
    assert "L12.u9058" in str(caught.value)


def test_a_name_of_more_digits_than_python_reads() -> None:
    with pytest.raises(NeuronNameError):
        NeuronId.parse("L1.u" + "9" * 5000)


def test_a_neuron_is_a_tuple() -> None:
    neuron = NeuronId.parse("L12.u9058")
    assert neuron == (12, 9058)
    assert (neuron.layer, neuron.unit) == (12, 9058)
    assert sorted([NeuronId(10, 0), NeuronId(9, 5), NeuronId(9, 40)])[0] == NeuronId(9, 5)
    assert len({neuron, NeuronId(12, 9058)}) == 1
    assert pickle.loads(pickle.dumps(neuron)) == neuron


def test_a_message_gives_thing_value_expectation_and_fix() -> None:
    error = MolyneuxError("layer", value=40, expected="0 to 27", fix="Count from 0.")
    assert str(error) == "layer 40: expected 0 to 27. Count from 0."
    assert (error.thing, error.value, error.expected, error.fix) == ("layer", 40, "0 to 27", "Count from 0.")
    assert str(MolyneuxError("caption", expected="a noun")) == "caption: expected a noun"


def test_a_value_cannot_break_the_line_or_the_terminal() -> None:
    shown = str(MolyneuxError("file", value="a\n\x1b[31mb\u202e", expected="a plain name"))
    assert not set("\n\x1b\u202e") & set(shown)


def test_an_image_error_has_a_reason() -> None:
    error = ImageError("image", reason="empty", value="x.png", expected="bytes")
    assert error.reason == "empty"
    assert str(error) == "image 'x.png': expected bytes"


def test_one_tree() -> None:
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), MolyneuxError)
    for name in ("SettingError", "NeuronNameError", "TargetError", "ImageError", "ModelError"):
        assert issubclass(getattr(errors, name), ValueError)
    assert issubclass(errors.NoNounError, errors.TargetError)
    assert {getattr(errors, name).exit_code for name in errors.__all__} == {2, 4}


def test_assets() -> None:
    assert asset("words/scowl-60.txt.gz").is_file()
    with pytest.raises(AssetError, match="Reinstall") as caught:
        asset("words/nothing.txt")
    assert "nothing.txt" in str(caught.value)
