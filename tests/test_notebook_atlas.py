"""An atlas, its neurons and its searches in notebooks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from atlases import Wide, entry, mini
from looked import HOSTILE
from molyneux.experiments.atlas import AtlasSettings, build_from_weights
from molyneux.experiments.atlas_read import Atlas
from molyneux.experiments.atlas_search import search
from molyneux.ground.printable import shown_token
from shown import alone, drawn

__all__ = ["mini"]

KINDS = ("atlas", "entry", "search", "lowered", "none")


@pytest.fixture(scope="module")
def made(mini: Atlas) -> dict[str, Any]:
    found = search(mini, "horse", top=30)
    return {
        "atlas": mini,
        "entry": found.hits[0].entry,
        "search": found,
        "lowered": search(mini, "horse", suppressed=True),
        "none": search(mini, "hors"),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_each_stands_alone_and_is_drawn(made: dict[str, Any], kind: str) -> None:
    alone(made[kind]._repr_html_())
    drawn(made[kind].plot())


def test_an_atlas_shows_its_layers(mini: Atlas) -> None:
    read = alone(mini._repr_html_())
    for one in mini.summary["by_layer"]:
        assert f"L{one['layer']}" in read.text
        assert f"{one['interpretable']:,} of {one['used']:,}" in read.text
    frame = mini.to_frame()
    assert frame["interpretable"].tolist() == [one["interpretable"] for one in mini.summary["by_layer"]]
    (axes,) = mini.plot().axes
    shares = [one["interpretable"] / one["used"] for one in mini.summary["by_layer"]]
    assert [patch.get_width() for patch in axes.patches] == pytest.approx(shares)


def test_a_neuron_shows_both_its_lists(made: dict[str, Any]) -> None:
    one, frame = made["entry"], made["entry"].to_frame()
    read = alone(one._repr_html_())
    both = [*one.boosted, *one.suppressed]
    assert sorted(read.chips) == sorted(shown_token(token.text, space=False) for token in both)
    assert frame["token"].tolist() == [token.text for token in both]
    assert frame["logit"].tolist() == [token.logit for token in both]
    assert frame["side"].tolist() == ["boosted"] * len(one.boosted) + ["suppressed"] * len(one.suppressed)


@pytest.mark.parametrize("kind", ["search", "lowered"])
def test_a_search_shows_its_neurons(made: dict[str, Any], kind: str) -> None:
    found, frame = made[kind], made[kind].to_frame()
    read = alone(found._repr_html_())
    assert ("lower" in read.text, "raise" in read.text) == (kind == "lowered", kind == "search")
    assert [str(hit.entry.neuron) in read.text for hit in found.hits[:20]] == [True] * min(
        20, len(found.hits)
    )
    assert f"of {found.total:,} are interpretable" in read.text
    assert frame["neuron"].tolist() == [str(hit.entry.neuron) for hit in found.hits]
    assert frame["logit"].tolist() == [hit.token.logit for hit in found.hits]
    for tokens, rank, token in zip(frame["tokens"], frame["rank"], frame["token"], strict=True):
        assert tokens[rank - 1] == token


def test_a_search_that_finds_nothing_names_what_is_close(made: dict[str, Any]) -> None:
    read = alone(made["none"]._repr_html_())
    assert "No token" in read.text
    assert "horse" in read.chips
    assert made["none"].to_frame().empty


def test_they_print_in_a_line(made: dict[str, Any]) -> None:
    assert repr(made["atlas"]) == "Atlas('miniature': 8 layers x 1280 units)"
    found = made["search"]
    first = found.hits[0].entry
    assert repr(found).startswith(f"Search('horse': {found.total} neurons raise it: {first.neuron}, ")
    assert repr(made["none"]) == "Search('hors': 0 neurons raise it)"
    assert repr(first).startswith(f"Entry({first.neuron}: {first.boosted[0].text.strip()}, ")


def test_hostile_texts_are_inert(tmp_path: Path) -> None:
    class Hostile:
        def decode(self, ids: list[int]) -> str:
            return HOSTILE[ids[0] % len(HOSTILE)]

    weights = Wide(40)
    weights.tokenizer = Hostile()  # type: ignore[assignment]
    name = f"{HOSTILE[0]}{HOSTILE[2]}"
    atlas = build_from_weights(weights, tmp_path / "a", name=name, settings=AtlasSettings(k=10))
    for word in HOSTILE:
        for one in (atlas, entry(atlas, "L0.u0"), search(atlas, word), search(atlas, f"{word}?")):
            alone(one._repr_html_())
            assert not set("\x1b\u202e\u2028\u2029\n") & set(repr(one))
    drawn(search(atlas, HOSTILE[1]).plot())
    drawn(atlas.plot())


def test_an_atlas_is_shown_without_torch(mini: Atlas) -> None:
    code = (
        "import sys; from pathlib import Path; from molyneux.experiments.atlas_read import open_atlas;"
        "from molyneux.experiments.atlas_search import search; atlas = open_atlas(Path(sys.argv[1]));"
        "assert '<table' in atlas._repr_html_() and '<table' in search(atlas, 'horse')._repr_html_();"
        "print({'torch', 'matplotlib'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(mini.folder)], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "set()"
