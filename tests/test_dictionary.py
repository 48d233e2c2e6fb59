"""The dictionary and the rule that calls a neuron interpretable."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molyneux.data.dictionary import is_interpretable, is_word
from molyneux.ground.assets import asset

ROOT = Path(__file__).parents[1]
SCOWL = Path("/usr/share/dict/scowl")


def entries() -> list[str]:
    return gzip.decompress(asset("words/scowl-60.txt.gz").read_bytes()).decode().splitlines()


# Tokens that the paper prints (Fig. 2, Table S.1), and everyday ones.
WORDS = "swimming| Swim| swim| fishes|water| BOAT| animals| mosquitoes|Ġkittens|▁church|the| Spanish| Paris"
SPELT_TWO_WAYS = " colour| color| organise| organize| café| LONDON"
FRAGMENTS = "oid| dec|voy|theless| commemor| ge|Veh|itud| glimps|lihood| 330|====|ï| a|of| ox|Ġis"
ODDITIES = "| |Ġ|paris| pAris|water.|don't|dog's|two words| IBM|JPEG|\n|water\n|\0|cafÃ©"


@pytest.mark.parametrize("token", f"{WORDS}|{SPELT_TWO_WAYS}".split("|"))
def test_words(token: str) -> None:
    assert is_word(token)


@pytest.mark.parametrize("token", f"{FRAGMENTS}|{ODDITIES}".split("|"))
def test_no_words(token: str) -> None:
    assert not is_word(token)


@given(st.text())
def test_any_text_gets_an_answer(token: str) -> None:
    assert isinstance(is_word(token), bool)
    assert not (is_word(token) and len(token.strip(" Ġ▁")) < 3)


@given(st.sampled_from(entries()))
def test_case_and_space_change_nothing_for_a_listed_word(word: str) -> None:
    for form in (word, " " + word, "Ġ" + word, "▁" + word, word.capitalize(), word.upper()):
        assert is_word(form), form


def test_the_list_is_sorted_unique_and_of_words() -> None:
    listed = entries()
    assert listed == sorted(set(listed))
    assert all(word.isalpha() and word[1:].islower() and len(word) >= 3 for word in listed)
    assert 85_000 < len(listed) < 95_000


def test_the_licence_lies_beside_it() -> None:
    text = asset("words/COPYRIGHT").read_text()
    assert "Kevin Atkinson" in text
    assert "Permission to use, copy, modify, distribute and sell these word" in text


@pytest.mark.skipif(not SCOWL.is_dir(), reason="Debian's scowl package is not installed")
def test_the_script_makes_the_same_list() -> None:
    assert _script().collect(SCOWL) == entries()


def test_the_script_leaves_out_what_is_no_word(tmp_path: Path) -> None:
    (tmp_path / "english-words.10").write_text("dog\ndog's\nox\ncaf\u00e9\n", encoding="utf-8")
    (tmp_path / "british-upper.50").write_text("Spanish\nIBM\nMcCoy\n", encoding="utf-8")
    (tmp_path / "english-words.70").write_text("zymurgy\n", encoding="utf-8")
    (tmp_path / "canadian-words.10").write_text("toque\n", encoding="utf-8")
    (tmp_path / "english-abbreviations.50").write_text("etc\n", encoding="utf-8")
    assert _script().collect(tmp_path) == ["Spanish", "café", "dog"]


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_words", ROOT / "scripts" / "make_words.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("words", "verdict"), [(10, True), (7, True), (6, False), (0, False)])
def test_seven_of_ten(words: int, verdict: bool) -> None:
    tokens = [" water"] * words + ["oid"] * (10 - words)
    assert is_interpretable(tokens) is verdict
    assert is_interpretable(tokens[::-1]) is verdict


def test_only_the_first_ten_count() -> None:
    assert not is_interpretable(["oid"] * 4 + [" water"] * 20)
    assert is_interpretable([" water"] * 7)
    assert not is_interpretable([])
