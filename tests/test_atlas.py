"""The atlas against decode(), against brute force in float64, and word by word against its own lists."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from atlases import entry, mini
from machines import TEXT, WORDS, captioner
from molyneux.data.dictionary import is_interpretable
from molyneux.experiments import atlas_words
from molyneux.experiments.atlas import AtlasSettings, build_atlas, build_from_weights, open_weights
from molyneux.experiments.atlas_read import Atlas, Entry, open_atlas
from molyneux.experiments.atlas_rows import NEURONS, WordRow
from molyneux.experiments.atlas_search import matching, search
from molyneux.experiments.atlas_top import Block, extremes, top_exact
from molyneux.experiments.atlas_weights import DiskWeights, LoadedWeights
from molyneux.ground.errors import NeuronNameError, NonFiniteError, SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.rows import Skipped
from molyneux.ground.run import open_run
from molyneux.models.load import load
from molyneux.neurons.decode import decode
from shell import write_machine

__all__ = ["mini"]

# Against other ways to the same numbers.


def test_the_miniature_is_read_from_disk_and_equals_decode(mini: Atlas) -> None:
    assert isinstance(open_weights("miniature", AtlasSettings()), DiskWeights)
    machine = load("miniature", device="cpu")
    rng = np.random.default_rng(0)
    names = [NeuronId(int(n) // 1280, int(n) % 1280) for n in rng.choice(8 * 1280, 60, replace=False)]
    for told in decode(machine, names, k=20):
        mine = entry(mini, told.neuron)
        assert [token.logit for token in mine.boosted] == pytest.approx(told.logits, abs=1e-5)
        assert mine.interpretable == told.interpretable
        assert np.exp(mine.boosted[0].logit - mine.log_total) == pytest.approx(
            told.probabilities[0], rel=1e-5
        )
        gaps = np.diff(told.logits)
        for place, token in enumerate(mine.boosted):
            if all(abs(gap) > 1e-5 for gap in gaps[max(place - 1, 0) : place + 1]) and place < 19:
                assert (token.id, token.text) == (told.token_ids[place], told.tokens[place])


@pytest.mark.parametrize("family", ["gptj", "gpt2", "llama"])
@pytest.mark.parametrize("norm", [False, True])
def test_every_neuron_of_a_tiny_model_equals_brute_force(family: str, norm: bool, tmp_path: Path) -> None:
    machine = captioner(family)
    atlas = build_atlas(machine, tmp_path / "a", settings=AtlasSettings(k=7, final_norm=norm))
    layout = machine.layout
    head = machine.model.get_output_embeddings().weight.detach().double()[: len(WORDS)]
    for layer in range(layout.layers):
        vectors = layout.mlps[layer].directions.detach().T
        if norm:
            with torch.no_grad():
                vectors = layout.final_norm(vectors)  # type: ignore[misc]
        logits = (vectors.double() @ head.T).numpy()
        for unit, row in enumerate(logits):
            mine, order = entry(atlas, f"L{layer}.u{unit}"), np.argsort(row)
            assert [token.id for token in mine.boosted] == order[::-1][:7].tolist()
            assert [token.id for token in mine.suppressed] == order[:7].tolist()
            assert [token.logit for token in mine.boosted] == pytest.approx(row[order[::-1][:7]], abs=1e-5)
            assert [token.logit for token in mine.suppressed] == pytest.approx(row[order[:7]], abs=1e-5)
            assert mine.log_total == pytest.approx(np.log(np.exp(row).sum()), abs=1e-5)
            best = [WORDS[token] for token in order[::-1][:10]]
            assert mine.interpretable == is_interpretable(best)


@pytest.mark.parametrize("options", [{}, {"bias": True}, {"final_norm": True, "bias": True}])
def test_files_and_a_loaded_model_give_the_same_atlas(options: dict[str, bool], tmp_path: Path) -> None:
    folder, settings = write_machine(tmp_path / "tiny"), AtlasSettings(k=5, **options)
    disk = build_atlas(folder, tmp_path / "disk", settings=settings, device="cpu")
    loaded = LoadedWeights(load(folder, device="cpu"))
    memory = build_from_weights(loaded, tmp_path / "memory", name="tiny", settings=settings)
    assert disk.manifest.identity.settings == memory.manifest.identity.settings
    for name in (str(NeuronId(layer, unit)) for layer in range(3) for unit in range(40)):
        one, other = entry(disk, name), entry(memory, name)
        for side in ("boosted", "suppressed"):
            logits = [token.logit for token in getattr(other, side)]
            assert [token.logit for token in getattr(one, side)] == pytest.approx(logits, abs=1e-5)
            assert [token.id for token in getattr(one, side)] == [token.id for token in getattr(other, side)]


def test_families_that_are_no_gptj_are_loaded(tmp_path: Path) -> None:
    import machines

    folder = tmp_path / "llama"
    machines.model("llama").save_pretrained(folder)
    machines.processor().save_pretrained(folder)
    assert isinstance(open_weights(folder, AtlasSettings(), device="cpu"), LoadedWeights)
    assert entry(build_atlas(folder, tmp_path / "atlas", device="cpu"), "L2.u39").boosted
    with pytest.raises(SettingError, match="presets"):
        open_weights(folder, AtlasSettings(), text="elsewhere")
    assert set(TEXT) >= {"llama"}


# Streaming and ties.


@pytest.mark.parametrize("seed", range(5))
def test_streamed_lists_are_those_of_a_stable_sort_whatever_the_blocks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = torch.tensor(
        rng.integers(-2, 3, (37, 3)), dtype=torch.float32
    )  # small integers: many exact ties
    weight = torch.tensor(rng.integers(-2, 3, (101, 3)), dtype=torch.float32)
    ids = torch.tensor(np.sort(rng.choice(500, 101, replace=False)))
    cuts = [0, *sorted(rng.choice(np.arange(1, 101), 6, replace=False).tolist()), 101]
    blocks = [Block(ids[a:b], weight[a:b]) for a, b in pairwise(cuts)]
    found = extremes(vectors, blocks, 9)
    logits = (vectors.double() @ weight.double().T).numpy()
    for row, line in enumerate(logits):
        high = sorted(zip(-line, ids.tolist(), strict=True))[:9]
        low = sorted(zip(line, ids.tolist(), strict=True))[:9]
        assert found.boosted[row].tolist() == [token for _, token in high]
        assert found.suppressed[row].tolist() == [token for _, token in low]
        assert found.boosted_logits[row].tolist() == [-value for value, _ in high]
        assert found.suppressed_logits[row].tolist() == [value for value, _ in low]
    assert found.log_total.numpy() == pytest.approx(np.log(np.exp(logits).sum(1)), abs=1e-5)


def test_more_neurons_than_are_multiplied_at_once_and_fewer_tokens_than_asked_for() -> None:
    vectors, weight = torch.randn(2500, 4), torch.randn(6, 4)
    found = extremes(vectors, [Block(torch.arange(6), weight)], 20)
    assert torch.equal(found.boosted, (vectors @ weight.T).argsort(1, descending=True))
    assert torch.equal(found.suppressed, found.boosted.flip(1))


def test_top_exact_orders_ties_at_the_end_of_the_list() -> None:
    values = torch.tensor([[1.0, 3.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0], [4.0, 3.0, 2.0, 1.0]])
    best, places = top_exact(values, 2)
    assert places.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert best.tolist() == [[3.0, 1.0], [0.0, 0.0], [4.0, 3.0]]


_PEAK = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from atlases import Wide
from molyneux.experiments.atlas import build_from_weights
def peak(): return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
build_from_weights(Wide(3000), Path({folder!r}) / "small", name="small")
before = peak()
build_from_weights(Wide({tokens}), Path({folder!r}) / "wide", name="wide")
print(before, peak())
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_is_bounded_at_a_vocabulary_of_200_000(tmp_path: Path) -> None:
    """Its unembedding alone would take 781 MiB; texts and ids of the tokens are all that may grow."""
    code = _PEAK.format(paths=[str(Path(__file__).parent)], folder=str(tmp_path), tokens=200_000)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    before, after = map(float, done.stdout.split())
    assert after - before < 250, (before, after)


def test_turning_round_a_few_tokens_at_a_time_changes_nothing(
    mini: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    from molyneux.experiments.atlas_rows import Vocable

    stored = open_run(mini.folder).results("words", WordRow).rows
    turned = atlas_words.Inversion(mini.folder / NEURONS, tokens=len(mini.texts), entries=20_000)
    spans = set()
    for start in range(0, len(mini.texts), 100):
        items = [Vocable(n) for n in range(start, min(start + 100, len(mini.texts)))]
        for item, row in zip(items, turned.rows(items), strict=True):
            assert row == stored[item.id]
        spans.add(turned._span)
    assert len(spans) > 3


# What is not there.


def test_neurons_with_nan_are_skipped_and_the_rest_is_told(tmp_path: Path) -> None:
    machine = captioner()
    with torch.no_grad():
        machine.layout.mlps[1].directions[0, 4] = torch.nan
        machine.layout.mlps[2].directions[:, 7] = 3e38
    atlas = build_atlas(machine, tmp_path / "a")
    for name, layer in (("L1.u4", 1), ("L2.u7", 2)):
        found = atlas.entry(name)
        assert isinstance(found, Skipped)
        assert (found.reason, f"layer {layer}" in found.detail) == ("non-finite", True)
    assert atlas.summary["skipped"] == {"non-finite": 2}
    assert [one["used"] for one in atlas.summary["by_layer"]] == [40, 39, 39]
    assert search(atlas, "dog", top=999).total == len(
        [
            1
            for n in range(120)
            if isinstance(one := atlas.entry(atlas.neuron(n)), Entry) and _lists(one, "dog")
        ]
    )


def _lists(one: Entry, word: str) -> bool:
    return any(token.text == word for token in one.boosted)


def test_an_unembedding_with_nan_ends_the_build(tmp_path: Path) -> None:
    machine = captioner()
    with torch.no_grad():
        machine.model.get_output_embeddings().weight[3, 3] = torch.nan
    with pytest.raises(NonFiniteError, match="unembedding"):
        build_atlas(machine, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_padding_and_the_image_token_are_in_no_list(mini: Atlas, tmp_path: Path) -> None:
    image = mini.real.index(False)
    assert image == 3
    assert matching(mini, mini.texts[image]) == []
    machine = captioner()
    with torch.no_grad():
        machine.model.get_output_embeddings().weight[len(WORDS) :] = 1e4
    atlas = build_atlas(machine, tmp_path / "a", settings=AtlasSettings(k=99))
    assert len(entry(atlas, "L0.u0").boosted) == len(WORDS) == len(atlas.texts)


def test_names_outside_the_model_and_settings_that_cannot_be(mini: Atlas) -> None:
    for wrong in ("L8.u0", "L0.u1280"):
        with pytest.raises(NeuronNameError, match="in this atlas"):
            mini.entry(wrong)
    with pytest.raises(SettingError, match="k 0"):
        AtlasSettings(k=0)


def test_chance_is_that_of_ten_tokens_drawn_at_random(tmp_path: Path) -> None:
    atlas = build_atlas(captioner(), tmp_path / "a")
    rng = np.random.default_rng(0)
    draws = [is_interpretable([WORDS[n] for n in rng.permutation(len(WORDS))[:10]]) for _ in range(4000)]
    assert 0.2 < atlas.summary["by_chance"] < 0.99
    assert atlas.summary["by_chance"] == pytest.approx(np.mean(draws), abs=0.03)


def test_looking_loads_no_torch(mini: Atlas) -> None:
    code = (
        "import sys; from pathlib import Path; from molyneux.experiments.atlas_read import open_atlas; "
        "from molyneux.experiments.atlas_search import search; "
        f"print(search(open_atlas(Path({str(mini.folder)!r})), 'horse').total, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(search(open_atlas(mini.folder), "horse").total), "False"]
