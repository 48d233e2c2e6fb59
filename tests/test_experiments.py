"""Every number of the experiments against direct calls, on a few images of the miniature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from molyneux.data.folders import open_data
from molyneux.data.gate import open_image
from molyneux.data.sources import Source
from molyneux.experiments import ablation, agreement, prompts, segmentation, selectivity
from molyneux.experiments.bench import Bench, sampled
from molyneux.experiments.captions import Captioned, ranking
from molyneux.experiments.evidence import nearest_words, prompt_of
from molyneux.experiments.suite import EXPERIMENTS, Suite, reproduce, suite_for
from molyneux.experiments.table import Table
from molyneux.experiments.vocabulary import interpretable_units
from molyneux.ground.assets import asset
from molyneux.ground.manifest import Identity
from molyneux.ground.neuron import NeuronId
from molyneux.ground.run import Run, writing
from molyneux.ground.seeds import generator_of
from molyneux.metrics.bertscore import bert_score
from molyneux.metrics.clip import clip_score
from molyneux.models.captioner import Captioner
from molyneux.models.load import load
from molyneux.neurons.ablate import ablate
from molyneux.neurons.arms import random_like
from molyneux.neurons.attribute import attribute
from molyneux.neurons.decode import decode
from molyneux.neurons.edit import edit
from molyneux.neurons.fields import receptive_field

COUNT = 14
IDENTITY = Identity(settings={"test": True}, weights={}, data={}, seed=3, versions={"molyneux": "0"})


def images() -> tuple[Source, ...]:
    return sampled(3, open_data(asset("miniature")).usable(), COUNT, purpose="test")


def bench_of(run: Run, captioner: Captioner) -> Bench:
    return Bench(run, captioner, images(), judge="miniature", batch_size=5)


class Done:
    """All experiments of a few images."""

    def __init__(self, run: Run, bench: Bench, suite: Suite, tables: dict[str, list[Table]]) -> None:
        self.run, self.bench, self.suite, self.tables = run, bench, suite, tables
        self.captioner = bench.captioner
        self.sources = {source.id: source for source in bench.sources}
        self.captions = run.results("captions", Captioned)

    def table(self, experiment: str, name: str | None = None) -> Table:
        return next(one for one in self.tables[experiment] if one.name == (name or experiment))

    def some(self, rows: Mapping[str, object], count: int = 3) -> list[str]:
        return list(rows)[:count]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    captioner = load("miniature", device="cpu")
    layout = captioner.layout
    suite = suite_for(layout.layers, layout.units, counts=(0, 30, 200))
    with writing(tmp_path_factory.mktemp("runs") / "run", IDENTITY) as run:
        bench = bench_of(run, captioner)
        yield Done(run, bench, suite, reproduce(bench, list(EXPERIMENTS), suite))


def test_captions_and_scores_are_those_of_single_images(done: Done) -> None:
    for item in done.some(done.captions.rows, 4):
        row, found = done.captions.rows[item], attribute(done.captioner, done.sources[item].path)
        assert row.caption == found.caption.text
        assert (row.noun, row.token) == (found.target.word, found.target.token)
        assert row.logit == pytest.approx(found.logit, abs=1e-4)
        scores = [float(found.scores[one.neuron]) for one in row.neurons]
        assert [one.score for one in row.neurons] == pytest.approx(scores, abs=1e-6)
        assert scores[0] == pytest.approx(float(found.scores.max()), abs=1e-6)
        assert [one.neuron for one in row.neurons[:10]] == ranking(
            row.ranked, done.captioner.layout.units, 10
        )
        for said in row.decodings[:5]:
            assert said.tokens == decode(done.captioner, said.neuron).tokens


def test_interpretable_units_are_those_that_decode_says(done: Done) -> None:
    words = interpretable_units(done.bench)
    rng = np.random.default_rng(0)
    units = [
        NeuronId(int(n // words.shape[1]), int(n % words.shape[1])) for n in rng.integers(words.size, size=60)
    ]
    assert [bool(words[unit]) for unit in units] == [
        one.interpretable for one in decode(done.captioner, units)
    ]
    assert 0 < words.mean() < 1
    row = next(iter(done.captions.rows.values()))
    listed = ranking(row.ranked_interpretable, words.shape[1])
    ranked = ranking(row.ranked, words.shape[1])
    assert all(words[unit] for unit in listed)
    within = [unit for unit in ranked if words[unit]]
    assert listed[: len(within)] == within


def test_layers_are_counted(done: Done) -> None:
    table = done.table("layers")
    shares = []
    for row in done.captions.rows.values():
        if row.noun is not None:
            top = [one.neuron.layer for one in row.neurons]
            shares.append([top.count(layer) / len(top) for layer in range(done.captioner.layout.layers)])
    assert [row["mean"] for row in table.rows] == pytest.approx(np.mean(shares, axis=0).tolist())
    assert sum(float(str(row["random_mean"])) for row in table.rows) == pytest.approx(1.0)
    assert table.used == len(shares)


def test_ablation_is_that_of_single_images(done: Done) -> None:
    found = done.run.results("ablation", ablation.Ablated)
    for item in done.some(found.rows, 3):
        row, direct = found.rows[item], ablate(done.captioner, done.sources[item].path, counts=(0, 30, 200))
        assert row.probability == pytest.approx(direct.probability, abs=1e-5)
        for arm in ("top", "interpretable"):
            for count in (30, 200):
                (mine,) = [e for e in row.edits if (e.arm, e.count) == (arm, count)]
                (theirs,) = direct.of(arm, count)
                assert mine.probability == pytest.approx(theirs.probability, abs=1e-4)
                assert (mine.caption, mine.units) == (theirs.caption, theirs.units)
                scores = bert_score(done.bench.bert, [theirs.caption], [row.caption]).values
                assert mine.bertscore == pytest.approx(float(scores[0]), abs=1e-4)


def test_random_arm_of_ablation_is_drawn_from_the_same_layers(done: Done) -> None:
    found = done.run.results("ablation", ablation.Ablated)
    item = done.some(found.rows, 1)[0]
    units = done.captioner.layout.units
    top = ranking(done.captions.rows[item].ranked, units, 200)
    off = random_like(top, units, generator_of(3, item, purpose="ablation 200 0"))
    assert sorted(one.layer for one in off) == sorted(one.layer for one in top)
    (mine,) = [e for e in found.rows[item].edits if (e.arm, e.count) == ("random", 200)]
    with edit(done.captioner, off):
        assert done.captioner.caption(done.sources[item].path).text == mine.caption


def test_ablation_table_is_the_mean_of_its_images(done: Done) -> None:
    found = done.run.results("ablation", ablation.Ablated)
    (row,) = [r for r in done.table("ablation").rows if (r["arm"], r["count"]) == ("top", 200)]
    changes = [
        next(e.probability for e in one.edits if (e.arm, e.count) == ("top", 200)) / one.probability - 1
        for one in found.rows.values()
    ]
    assert row["change_mean"] == pytest.approx(float(np.mean(changes)))
    assert row["paper"] is None  # the paper's share of this model's units is another number
    pairs = done.table("ablation", "ablated-captions").rows
    assert len(pairs) == found.used * 6


def test_segmentation_is_that_of_receptive_fields(done: Done) -> None:
    found = done.run.results("segmentation", segmentation.Overlaps)
    for item in done.some(found.rows, 2):
        row, source = found.rows[item], done.sources[item]
        units = done.captioner.layout.units
        top = ranking(done.captions.rows[item].ranked, units, 20)
        assert list(row.neurons) == top
        assert sorted(n.layer for n in row.random) == sorted(n.layer for n in top)
        for one in row.overlaps:
            (thing,) = [o for o in source.objects or () if o.category == one.category]
            for place in (0, 7):
                field = receptive_field(done.captioner, source.path, top[place]).mask(95).numpy()
                common, union = (field & thing.mask()).sum(), (field | thing.mask()).sum()
                assert one.top[place] == pytest.approx(common / union, abs=1e-3)


def test_only_categories_with_one_object_count() -> None:
    sources = open_data(asset("miniature")).usable()
    for source in sources[:100]:
        names = [one.category for one in source.objects or ()]
        assert segmentation.single_objects(source).keys() == {n for n in names if names.count(n) == 1}


def test_agreement_is_that_of_single_images(done: Done) -> None:
    found = done.run.results("agreement", agreement.Agreed)
    assert len({row.partner for row in found.rows.values()}) == found.used
    for item in done.some(found.rows, 4):
        row, source = found.rows[item], done.sources[item]
        best = done.captions.rows[item].neurons[0].neuron
        text = ", ".join(token.strip() for token in decode(done.captioner, best).tokens)
        assert (row.neuron, row.text) == (best, text)
        assert row.partner != item
        assert row.partner_text == found.rows[row.partner].text
        for arm, said in (("neurons", text), ("random", row.partner_text), ("captions", row.caption)):
            clip = clip_score(done.bench.clip, [source.path], [said]).values[0]
            bert = bert_score(done.bench.bert, [said], [source.captions]).values[0]
            assert getattr(row, f"clip_{arm}") == pytest.approx(clip, abs=1e-3)
            assert getattr(row, f"bert_{arm}") == pytest.approx(bert, abs=1e-4)


def test_agreement_counts_images_whose_top_neuron_says_no_words(done: Done) -> None:
    found = done.run.results("agreement", agreement.Agreed)
    silent = [
        item
        for item, row in done.captions.rows.items()
        if row.noun is not None and not decode(done.captioner, row.neurons[0].neuron).interpretable
    ]
    assert [i for i, s in found.skipped.items() if s.reason == "not-interpretable"] == silent


def test_prompts_are_the_nearest_tokens_of_projected_patches(done: Done) -> None:
    found = done.run.results("prompts", prompts.Prompted)
    assert found.given == round(0.2 * COUNT)
    for item in found.rows:
        row, source = found.rows[item], done.sources[item]
        vectors = prompt_of(done.captioner, open_image(source.path))
        near = nearest_words(done.captioner, vectors, 5)
        direct = [", ".join(t.strip() for t in near[p : p + 5]) for p in range(0, len(near), 5)]
        assert list(row.prompt_texts) == direct
        for patch in (0, 20):
            clip = clip_score(done.bench.clip, [source.path], [direct[patch]]).values[0]
            bert = bert_score(done.bench.bert, [direct[patch]], [source.captions]).values[0]
            assert row.clip_prompts[patch] == pytest.approx(clip, abs=1e-3)
            assert row.bert_prompts[patch] == pytest.approx(bert, abs=1e-4)
        said = " ".join(source.captions).lower()
        assert len(set(row.nouns)) == len(row.nouns) <= 5
        assert all(noun in said for noun in row.nouns)


def test_random_prompts_have_the_scale_of_real_ones(done: Done) -> None:
    found = done.run.results("prompt-moments", prompts.Moments)
    real = torch.cat([prompt_of(done.captioner, open_image(done.sources[item].path)) for item in found.rows])
    mean, spread = prompts._scale(list(found.rows.values()))
    assert np.allclose(mean, real.double().mean(0), atol=1e-5)
    assert np.allclose(spread, real.double().std(0, correction=0), atol=1e-5)


def test_selectivity_looks_at_other_images_than_it_chose_on(done: Done) -> None:
    train, val, names = selectivity.split(
        done.bench.sources, selectivity.SelectivitySettings(), seed=3, folders=False
    )
    assert not {one.id for one in train} & {one.id for one in val}
    assert {one.label for one in train} == {one.label for one in val} == set(names)


def test_selectivity_is_the_mean_activation_over_patches(done: Done) -> None:
    found = done.run.results("selectivity", selectivity.Fired)
    told = found.settings
    assert isinstance(told, dict)
    flat = [NeuronId.parse(name) for names in told["neurons_of"].values() for name in names]
    item = done.some(found.rows, 1)[0]
    row, seen = found.rows[item], {}
    inputs = done.captioner.prepare([open_image(done.sources[item].path)])
    visual = inputs["input_ids"][0] == done.captioner.placeholder
    handles = [
        place.out.register_forward_pre_hook(
            lambda _m, args, n=n: seen.update({n: args[0][0, visual].mean(0)})
        )
        for n, place in enumerate(done.captioner.layout.mlps)
    ]
    with torch.no_grad():
        done.captioner.forward(inputs)
    for handle in handles:
        handle.remove()
    direct = [float(seen[neuron.layer][neuron.unit]) for neuron in flat]
    assert list(row.activations) == pytest.approx(direct, abs=1e-4)
    matrix = done.table("selectivity").rows
    assert len(matrix) == len(told["neurons_of"]) ** 2


def test_gallery_lists_the_best_pairs_and_images(done: Done) -> None:
    rows = done.table("gallery").rows
    item = str(rows[0]["image"])
    found = attribute(done.captioner, done.sources[item].path)
    assert rows[0]["neuron"] == str(found.pairs[0].neuron)
    assert rows[0]["score"] == pytest.approx(found.pairs[0].score, abs=1e-6)
    fired = done.table("gallery", "firing").rows
    name = str(fired[0]["neuron"])
    largest = {
        item: float(receptive_patches(done.captioner, source, name).max())
        for item, source in done.sources.items()
    }
    assert fired[0]["image"] == max(largest, key=lambda one: largest[one])
    assert fired[0]["activation"] == pytest.approx(max(largest.values()), abs=1e-4)


def receptive_patches(captioner: Captioner, source: Source, name: str) -> torch.Tensor:
    from molyneux.neurons.fields import patch_activations

    inputs = captioner.prepare([open_image(source.path)])
    return patch_activations(captioner, inputs, [captioner.layout.resolve(name)])[0, 0]


def test_every_table_says_what_it_stands_on(done: Done) -> None:
    for tables in done.tables.values():
        for one in tables:
            assert one.rows
            assert one.used + sum(one.skipped.values()) == one.given, one.name
            assert (done.run.tables / f"{one.name}.csv").exists()
            assert (done.run.tables / f"{one.name}.json").exists()
    assert all("miniature" in judge for judge in done.table("agreement").judges)


def test_lost_parts_come_back_the_same(done: Done, tmp_path: Path) -> None:
    def content(run: Run) -> dict[str, bytes]:
        paths = [*run.folder.glob("*/part-*.parquet"), *run.tables.iterdir()]
        return {str(path.relative_to(run.folder)): path.read_bytes() for path in paths}

    before = content(done.run)
    for name in ("captions", "ablation", "agreement", "selectivity"):
        part = done.run.folder / name / "part-00000.parquet"
        part.unlink()
        part.with_name(part.name + ".sha256").unlink()
    (done.run.tables / "ablation.csv").unlink()
    reproduce(bench_of(done.run, done.captioner), list(EXPERIMENTS), done.suite)
    assert content(done.run) == before


@pytest.mark.parametrize(("default", "compared"), [(True, True), (False, False)])
def test_scores_of_other_judges_are_not_compared_with_the_papers(
    done: Done, default: bool, compared: bool
) -> None:
    papers = replace(done.bench.context, comparable=True)
    for name, row in (("agreement", agreement.Agreed), ("prompts", prompts.Prompted)):
        found = done.run.results(name, row)
        assert isinstance(found.settings, dict)
        assert found.settings["default_judges"] is False
        told = replace(found, settings=found.settings | {"default_judges": default})
        home: Any = {"agreement": agreement, "prompts": prompts}[name]
        (first, *_) = home.summarise(told, getattr(done.suite, name), papers)[0].rows
        assert ("not comparable" not in first["clip_paper_note"]) is compared
