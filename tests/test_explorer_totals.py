"""What a run's images say together is counted from their own captions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import looked
from molyneux.experiments.looks_rows import Looked, LookedEdit, Ranked
from molyneux.explorer.lookups import Lookups
from molyneux.explorer.totals import noun_totals


def test_captions_without_their_first_noun_are_counted_by_arm(tmp_path: Path) -> None:
    texts = {"top": "a doghouse on grass", "interpretable": "A Dog, on grass", "random": "a dog on grass"}

    def change(number: int, row: Looked) -> Looked:
        def said(edit: LookedEdit) -> LookedEdit:
            lost = edit.arm == "random" and number == 1 and edit.draw == 2
            return replace(edit, caption="a cat" if lost else texts[edit.arm])

        def ranked(one: Ranked) -> Ranked:
            kept = one.edits if one.by == "max" else tuple(map(said, one.edits))
            return replace(one, edits=kept)

        words = (replace(word, rankings=tuple(map(ranked, word.rankings))) for word in row.words)
        return replace(row, words=tuple(words))

    run = looked.run_of_looks(tmp_path / "run", images=3, change=change)
    found = noun_totals(Lookups(run))
    images = len(Lookups(run).light)
    assert [one["n"] for one in found] == [5, 50]
    for one in found:
        assert one["arms"] == {
            "interpretable": [0, images],
            "random": [1, 3 * images],
            "top": [images, images],
        }
