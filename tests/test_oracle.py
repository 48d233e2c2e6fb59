"""``doctor --paper``: planted checkpoints in GPT-J's shape are counted exactly, and told from others."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

import printed
from molyneux.data.paper import caption_pairs, table_s1
from molyneux.experiments import oracle
from molyneux.experiments.oracle import ask_paper
from molyneux.ground.errors import ModelError, SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.shares import share
from shell import Run, objects

pytest_plugins = ["command_line"]

OPTIONS = [(False, False), (False, True), (True, False), (True, True)]


@pytest.fixture(scope="module", params=OPTIONS, ids=lambda o: f"norm={o[0]}-bias={o[1]}")
def planted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[printed.Planted, tuple[bool, bool]]:
    norm, bias = request.param
    folder = tmp_path_factory.mktemp("planted") / "gptj"
    return printed.plant(folder, final_norm=norm, bias=bias), request.param


def test_planted_lists_are_counted_exactly_under_each_choice_of_options(
    planted: tuple[printed.Planted, tuple[bool, bool]],
) -> None:
    made, options = planted
    told = table_s1().decodings
    report = ask_paper(str(made.folder))
    assert report.best == (options,)
    assert report.agrees
    assert report.unknown == ()
    assert report.shape == (printed.LAYERS, printed.UNITS, printed.WIDTH)
    for one in report.agreements:
        lists = made.decoded(*one.options)
        pairs = [(told[neuron], lists[neuron]) for neuron in told]
        shared = [len(set(a) & set(b)) for a, b in pairs]
        assert one.ordered.count == sum(a == b for a, b in pairs)
        assert one.as_sets.count == sum(set(a) == set(b) for a, b in pairs)
        assert one.overlap.mean == pytest.approx(np.mean(shared))
        assert one.random.mean < 0.5
    (best,) = [one for one in report.agreements if one.options == options]
    # 107 neurons in turn: as printed, reversed, two tokens changed, all changed.
    assert (best.ordered.count, best.as_sets.count) == (27, 54)
    assert best.overlap.mean == pytest.approx((27 * 5 + 27 * 5 + 27 * 3) / 107)
    assert best.beyond_chance
    assert {one.neuron: one.decoded for one in report.differences} == {
        neuron: tokens for neuron, tokens in made.wanted.items() if tokens != told[neuron]
    }


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> printed.Planted:
    return printed.plant(tmp_path_factory.mktemp("plain") / "limber", prefix="language_model.")


def test_a_limber_folder_is_read_through_its_prefix(plain: printed.Planted) -> None:
    report = ask_paper(str(plain.folder))
    assert report.best == ((False, False),)
    assert report.agreements[0].ordered.count == 27


def test_doctor_prints_the_report(run: Run, plain: printed.Planted) -> None:
    result = run("doctor", "--paper", model=plain.folder)
    assert result.exit_code == 0, result.output
    for said in (
        "27 [18%, 34%]",
        "54 [41%, 60%]",
        "27 of 107 lists are the paper's",
        "] best",
        "80 lists differ",
        "L12.u6426 left out",
        "and 68 more",
    ):
        assert said in result.stdout
    told = objects(run("doctor", "--paper", "--json", model=plain.folder))
    assert told["ok"] is True
    assert told["is_paper_shape"] is False
    assert [one["best"] for one in told["options"]] == [True, False, False, False]
    assert told["options"][0]["same_list"]["count"] == 27
    assert len(told["differences"]) == 80
    assert told["skipped"].keys() == {"L12.u6426"}
    preset = run("doctor", "--paper", "--json", "--text", str(plain.folder), model=Path("limber-beit"))
    assert objects(preset)["options"] == told["options"]


def test_weights_that_say_something_else_are_a_problem(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filler = [token for token in printed.words() if token.startswith(" filler")]
    monkeypatch.setattr(printed, "mixed_plan", lambda: dict.fromkeys(table_s1().decodings, tuple(filler[:5])))
    made = printed.plant(tmp_path / "other")
    result = run("doctor", "--paper", model=made.folder)
    assert result.exit_code == 4
    assert "no better than random units" in result.stdout
    assert objects(run("doctor", "--paper", "--json", model=made.folder))["ok"] is False


def test_other_shapes_and_families_are_told_whose_table_it_is(run: Run, machine: Path) -> None:
    for model in (machine, "miniature"):
        result = run("doctor", "--paper", model=model)
        assert result.exit_code == 2
        assert "GPT-J 6B, 28 layers of 16,384 units" in result.output
    with pytest.raises(ModelError, match="lacks 107 of 107"):
        ask_paper(str(machine))
    with pytest.raises(SettingError, match="through"):
        ask_paper(str(machine), through="int8")


def test_random_units_are_of_the_same_layers_and_never_the_tables() -> None:
    table = table_s1()
    neurons = list(table.decodings)
    drawn = oracle._controls(neurons, [*neurons, *table.skipped], 16384, draws=4, seed=3)
    assert [unit.layer for unit in drawn] == [neuron.layer for neuron in neurons for _ in range(4)]
    assert len(set(drawn)) == len(drawn) == 4 * 107
    assert not set(drawn) & {*table.decodings, *table.skipped}
    assert drawn != oracle._controls(neurons, neurons, 16384, draws=4, seed=4)


def test_the_table_is_the_papers() -> None:
    table = table_s1()
    assert len(table.rows) == 140
    assert len({row.neuron for row in table.rows}) == 108
    assert {row.neuron for row in table.rows} == set(table.decodings) | set(table.skipped)
    assert len(table.decodings) == 107
    assert all(len(set(tokens)) == 5 for tokens in table.decodings.values())
    assert table.decodings[NeuronId(12, 9058)] == (" swimming", " Swim", " swim", " fishes", " water")
    assert table.decodings[NeuronId(9, 15864)][3:] == (".''.", '"""')
    for image in range(7):
        rows = [row for row in table.rows if row.image == image]
        assert [row.rank for row in rows] == list(range(1, 21))
        assert all(a.score >= b.score for a, b in pairwise(rows))
        assert all(0 <= row.patch < 196 for row in rows)


def test_the_printed_tokens_are_spelled_in_bytes() -> None:
    """Each is made of the 256 characters that stand for bytes: no curly quotes, no ellipsis are left."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = {*bytes_to_unicode().values(), " "} - {"\u0120"}
    assert {
        letter for tokens in table_s1().decodings.values() for token in tokens for letter in token
    } <= letters


def test_the_caption_pairs_are_the_papers() -> None:
    pairs = caption_pairs()
    assert len(pairs) == len({(pair.original, pair.ablated) for pair in pairs}) == 41
    assert all(0.3 < pair.bertscore_f1 < 1 and pair.original != pair.ablated for pair in pairs)


@pytest.mark.parametrize(("count", "of"), [(0, 107), (1, 107), (54, 107), (107, 107), (1, 1)])
def test_shares_have_wilsons_interval(count: int, of: int) -> None:
    found = share(count, of)
    reference = binomtest(count, of).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high))
    with pytest.raises(SettingError):
        share(of + 1, of)
