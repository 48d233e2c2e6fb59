"""Search of the atlas against its own lists, word by word."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlases import Wide, mini
from molyneux.experiments.atlas import AtlasSettings, build_from_weights
from molyneux.experiments.atlas_read import Atlas
from molyneux.experiments.atlas_rows import NEURONS
from molyneux.experiments.atlas_search import matching, search
from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.results import read_table

__all__ = ["mini"]


def by_hand(atlas: Atlas, wanted: set[int], *, suppressed: bool = False) -> list[tuple[float, NeuronId]]:
    """Every neuron's strongest matching token, from the neurons' own columns."""
    side, sign = ("suppressed", 1) if suppressed else ("boosted", -1)
    table = read_table(atlas.folder / NEURONS).to_pydict()
    found = []
    for name, ids, logits in zip(table["id"], table[side], table[f"{side}_logits"], strict=True):
        if mine := [logit for token, logit in zip(ids, logits, strict=True) if token in wanted]:
            found.append((sign * mine[0], NeuronId.parse(name)))
    return sorted(found)


@pytest.mark.parametrize("suppressed", [False, True])
def test_search_finds_every_neuron_that_lists_the_word_by_logit(mini: Atlas, suppressed: bool) -> None:
    wanted = {mini.texts.index("horse")}
    told = by_hand(mini, wanted, suppressed=suppressed)
    found = search(mini, " HORSE ", suppressed=suppressed, top=2000)
    assert found.tokens == tuple((token, "horse") for token in wanted)
    assert [hit.entry.neuron for hit in found.hits] == [neuron for _, neuron in told]
    assert found.total == len(told) > 0
    assert found.interpretable == sum(hit.entry.interpretable for hit in found.hits)
    for hit in found.hits[:50]:
        side = hit.entry.suppressed if suppressed else hit.entry.boosted
        assert side[hit.rank - 1] == hit.token


def test_prefix_takes_each_neuron_once_at_its_strongest_token(mini: Atlas) -> None:
    ids = set(matching(mini, "hor", prefix=True))
    assert {mini.texts[one] for one in ids} >= {"horse", "horns"}
    told, found = by_hand(mini, ids), search(mini, "hor", prefix=True, top=2000)
    assert found.total == len(told)
    assert [(-hit.token.logit, hit.entry.neuron) for hit in found.hits] == told[:2000]


def test_filters_and_cuts(mini: Atlas) -> None:
    whole = search(mini, "horse", top=10_000)
    words = search(mini, "horse", interpretable=True, layer=5, top=3)
    kept = [hit for hit in whole.hits if hit.entry.neuron.layer == 5 and hit.entry.interpretable]
    assert words.hits == tuple(kept[:3])
    assert words.total == words.interpretable == len(kept)
    for wrong in ({"layer": 8}, {"top": 0}):
        with pytest.raises(SettingError):
            search(mini, "horse", **wrong)
    with pytest.raises(SettingError, match="a letter"):
        search(mini, "  ")


def test_a_word_that_is_no_token_names_those_that_are_close(mini: Atlas) -> None:
    found = search(mini, "hors")
    assert (found.total, found.tokens, found.hits) == (0, (), ())
    assert "horse" in found.near


def test_tokens_in_other_cases_and_with_spaces_are_one_word(tmp_path: Path) -> None:
    class Spelling:
        def decode(self, ids: list[int]) -> str:
            return [" Dog", "dog", "\u0120dogs", "\u2581DOG", "cat"][ids[0] % 5]

    weights = Wide(10)
    weights.tokenizer = Spelling()  # type: ignore[assignment]
    atlas = build_from_weights(weights, tmp_path / "a", name="x", settings=AtlasSettings(k=3))
    assert matching(atlas, "dog") == [0, 1, 3, 5, 6, 8]
    assert matching(atlas, " DOG", prefix=True) == [0, 1, 2, 3, 5, 6, 7, 8]
