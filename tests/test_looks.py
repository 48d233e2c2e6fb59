"""The experiment ``looks``: its rows are what the public functions say, one image and one neuron at a time."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import molyneux as mx
from molyneux.data.sources import Source
from molyneux.experiments.gallery import Firing
from molyneux.experiments.looks_neuron import NeuronLook
from molyneux.experiments.looks_rows import Looked, LooksSettings, Mapped
from molyneux.experiments.looks_run import looks_run, sources_of
from molyneux.experiments.looks_where import fired_most, random_images
from molyneux.explorer.book import Book
from molyneux.ground.assets import asset
from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.run import Run, open_run
from molyneux.neurons.ablate import target_probabilities
from molyneux.neurons.decode import token_logits
from molyneux.neurons.target import choose_target

SETTINGS = LooksSettings(
    images=3,
    neurons=3,
    counts=(20,),
    draws=2,
    pages=4,
    fired=2,
    tokens=5,
    nearest=3,
    scales=(0.0, 1.0, 5.0),
    band=3,
)
NAMES = ("000000000003.jpg", "000000000004.jpg", "000000000006.jpg")
IMAGES = [asset("miniature") / "val2017" / name for name in NAMES]


@pytest.fixture(scope="module")
def captioner() -> Any:
    return mx.load("miniature", device="cpu")


@pytest.fixture(scope="module")
def run(captioner: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("looks") / "run"
    looks_run(captioner, IMAGES, folder, settings=SETTINGS)
    return open_run(folder)


@pytest.fixture(scope="module")
def rows(run: Run) -> dict[str, Looked]:
    return dict(run.results("looks", Looked).rows)


def test_words_are_explained_as_attribute_explains_them(captioner: Any, rows: dict[str, Looked]) -> None:
    for path in IMAGES[:2]:
        row = rows[path.name]
        caption = captioner.caption(path)
        assert (row.caption, row.tokens) == (caption.text, caption.tokens)
        assert [word.text for word in row.words] == [word.word for word in caption.words]
        assert [word.noun for word in row.words].index(True) == caption.words.index(caption.noun)
        for word in row.words[:3]:
            assert row.caption[word.start : word.end] == word.text
            for ranked in word.rankings:
                found = mx.attribute(captioner, path, target=word.first, reduce=ranked.by, top=3)
                assert [one.neuron for one in ranked.neurons] == [one.neuron for one in found.neurons]
                assert [one.patch for one in ranked.neurons] == [one.patch for one in found.neurons]
                scores = [one.score for one in found.neurons]
                assert [one.score for one in ranked.neurons] == pytest.approx(scores, rel=1e-3)
                assert word.logit == pytest.approx(found.logit, rel=1e-4)


def test_maps_are_receptive_fields_on_patches(captioner: Any, rows: dict[str, Looked]) -> None:
    path = IMAGES[0]
    row = rows[path.name]
    values = np.frombuffer(row.maps, "<f4").reshape(len(row.said), row.patches)
    picture = mx.open_image(path)
    grid = captioner.grid(picture, captioner.prepare([picture]))
    for place in (0, len(row.said) - 1):
        heat = mx.receptive_field(captioner, path, row.said[place].neuron).as_subclass(torch.Tensor)
        ours = grid.upsample(torch.from_numpy(values[place].copy()))
        torch.testing.assert_close(ours, heat, rtol=1e-4, atol=1e-5)
    assert [one.tokens for one in row.said] == [mx.decode(captioner, one.neuron).tokens for one in row.said]


def test_edits_are_those_of_their_units(captioner: Any, rows: dict[str, Looked]) -> None:
    path = IMAGES[0]
    row = rows[path.name]
    word = next(word for word in row.words if word.noun)
    ranked = word.rankings[0]
    found = mx.attribute(captioner, path, target=word.first, reduce=ranked.by)
    made = mx.ablate(captioner, path, attribution=found, counts=(20,), arms=("top", "interpretable"))
    assert word.p == pytest.approx(made.probability, rel=1e-4)
    for arm in ("top", "interpretable"):
        (ours,) = [one for one in ranked.edits if one.arm == arm]
        (theirs,) = made.of(arm, 20)
        assert (ours.units, ours.caption) == (theirs.units, theirs.caption)
        assert ours.p == pytest.approx(theirs.probability, rel=1e-3)
    random = [one for one in ranked.edits if one.arm == "random"]
    assert [one.draw for one in random] == [0, 1]
    assert {one.units for one in random} == {20}


def test_the_first_neuron_of_each_word_is_tried_alone(captioner: Any, rows: dict[str, Looked]) -> None:
    path = IMAGES[1]
    row = rows[path.name]
    caption = captioner.caption(path)
    inputs = captioner.prepare([mx.open_image(path)])
    for word in row.words[:3]:
        for ranked in word.rankings:
            tried = ranked.alone
            assert tried is not None
            assert tried.neuron == ranked.neurons[0].neuron
            target = choose_target(caption, word.first)
            ids = torch.tensor([[*inputs["input_ids"][0].tolist(), *target.prefix]])
            whole = {**inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
            with torch.no_grad(), mx.edit(captioner, tried.neuron, 0.0):
                logits = captioner.model(**whole).logits[0, -1, : captioner.vocabulary]
            assert tried.p == pytest.approx(float(logits.softmax(-1)[target.token_id]), rel=1e-4)
            assert tried.base == pytest.approx(word.p, rel=1e-4)
            assert len(tried.random) == SETTINGS.band
            assert len({tried.base, *tried.random}) > 1


def test_a_neurons_page_and_an_images_page_tell_the_same_of_it_alone(
    run: Run, rows: dict[str, Looked]
) -> None:
    met = 0
    for name, neuron in run.results("looks-neurons", NeuronLook).rows.items():
        for effect in neuron.effects:
            for ranked in rows[effect.image].words[effect.word].rankings:
                if ranked.alone is None or str(ranked.alone.neuron) != name:
                    continue
                off = effect.scales.index(0)
                assert ranked.alone.p == pytest.approx(effect.own[off], rel=1e-4)
                assert ranked.alone.random == pytest.approx([draw[off] for draw in effect.random], rel=1e-4)
                met += 1
    assert met


def test_pictures_are_the_image_and_what_the_encoder_got(captioner: Any, rows: dict[str, Looked]) -> None:
    path = IMAGES[0]
    row = rows[path.name]
    original = np.asarray(Image.open(path).convert("RGB"), dtype=float)
    shown = np.asarray(Image.open(io.BytesIO(row.picture)), dtype=float)
    assert shown.shape == original.shape == (row.height, row.width, 3)
    assert np.abs(shown - original).mean() < 3  # JPEG
    pixels = captioner.prepare([mx.open_image(path)])["pixel_values"][0].permute(1, 2, 0).numpy() * 0.5 + 0.5
    view = np.asarray(Image.open(io.BytesIO(row.view or b"")), dtype=float)
    assert np.abs(view - pixels * 255).max() <= 0.51  # PNG: rounding alone


def test_neurons_say_lie_and_do_what_direct_calls_say(
    captioner: Any, run: Run, rows: dict[str, Looked]
) -> None:
    looks = run.results("looks-neurons", NeuronLook).rows
    assert len(looks) == 4
    vectors = torch.cat([mlp.directions.detach().T.float() for mlp in captioner.layout.mlps])
    units = captioner.layout.units
    for name, one in looks.items():
        neuron = NeuronId.parse(name)
        said = mx.decode(captioner, neuron, k=5)
        assert tuple(token.text for token in one.boosted) == said.tokens
        assert [token.p for token in one.boosted] == pytest.approx(said.probabilities, rel=1e-4)
        logits = token_logits(captioner, neuron.layer, [neuron.unit])[0]
        logits[captioner.unsayable] = torch.inf
        assert [token.logit for token in one.suppressed] == pytest.approx(
            sorted(logits.tolist())[:5], rel=1e-4
        )
        own = vectors[neuron.layer * units + neuron.unit]
        cosines = torch.nn.functional.cosine_similarity(vectors, own[None])
        cosines[neuron.layer * units + neuron.unit] = -2
        best = cosines.argsort(descending=True)[:3].tolist()
        assert [near.neuron for near in one.nearest] == [NeuronId(*divmod(number, units)) for number in best]
        lengths = captioner.layout.mlps[neuron.layer].directions.norm(dim=0)
        assert one.norm_rank == 1 + int((lengths > lengths[neuron.unit]).sum())
        (effect,) = one.effects
        picture = mx.open_image(asset("miniature") / "val2017" / effect.image)
        row = rows[effect.image]
        caption = captioner.caption(picture)
        target = choose_target(caption, row.words[effect.word].first)
        for scale, ours in zip(effect.scales, effect.own, strict=True):
            (theirs,) = target_probabilities(
                captioner, captioner.prepare([picture]), target, [[neuron]], scale=scale
            )
            assert ours == pytest.approx(theirs, rel=1e-3)
        assert len(effect.random) == 3


def test_images_of_a_neuron(captioner: Any, run: Run) -> None:
    firing = run.results("looks-firing", Firing)
    maps = run.results("looks-maps", Mapped).rows
    assert isinstance(firing.settings, dict)
    names = firing.settings["neurons"]
    for place, name in enumerate(names):
        neuron = NeuronId.parse(name)
        strongest = {
            path.name: float(mx.receptive_field(captioner, path, neuron).as_subclass(torch.Tensor).max())
            for path in IMAGES
        }
        for image, row in firing.rows.items():  # interpolated maxima stay below those of patches
            assert row.activations[place] >= strongest[image] - 1e-4
        wanted = {*fired_most(firing.rows, place, 2), *random_images(firing.rows, neuron, 2, seed=0)}
        assert {image for image, row in maps.items() if neuron in row.neurons} == wanted
        for image in wanted:
            row = maps[image]
            values = np.frombuffer(row.maps, "<f4").reshape(len(row.neurons), -1)[row.neurons.index(neuron)]
            assert values.max() == pytest.approx(firing.rows[image].activations[place], rel=1e-4)


def test_the_table_and_the_pages(run: Run) -> None:
    table = (run.tables / "looks.csv").read_text()
    assert table.count("\n") == 5
    book = Book(run)
    assert all(book.shard(name) is not None for name in book.shards())


def test_sources_keep_names_apart() -> None:
    found = sources_of([Path("a/x.png"), Path("b/x.png"), Path("c/y.png")])
    assert [one.id for one in found] == ["0-x.png", "1-x.png", "y.png"]
    assert isinstance(found[0], Source)


@pytest.mark.parametrize(
    "wrong",
    [
        {"images": 0},
        {"words": "some"},
        {"counts": (0, 5)},
        {"counts": (5, 5)},
        {"scales": (0.0, 2.0)},
        {"band": 0},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        LooksSettings(**wrong)


def test_no_images_are_refused(captioner: Any, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="at least one"):
        looks_run(captioner, [], tmp_path / "run")


def test_images_that_do_not_read_are_skipped_with_a_reason(captioner: Any, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    small = LooksSettings(images=2, neurons=1, counts=(1,), draws=1, pages=1, fired=1, words="noun", band=1)
    looks_run(captioner, [IMAGES[0], tmp_path / "text.jpg"], tmp_path / "run", settings=small)
    found = open_run(tmp_path / "run").results("looks", Looked)
    assert list(found.rows) == [IMAGES[0].name]
    assert found.tally.skipped == {"not-an-image": 1}
    row = found.rows[IMAGES[0].name]
    assert [bool(word.rankings) for word in row.words] == [word.noun for word in row.words]
    assert Book(open_run(tmp_path / "run")).looks.keys.keys() == {IMAGES[0].name}
