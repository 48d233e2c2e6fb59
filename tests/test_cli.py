"""Every verb of the command line against the library itself, and what its screens show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import machines
import molyneux as mx
from molyneux.neurons.story import tell
from shell import Run, edit_weights, objects, png

pytest_plugins = ["command_line"]
NAMED = ["ablate", "IMG", "--neuron", "L1.u5,L0.u3", "--scale", "2"]


def test_caption_json_is_the_librarys_caption(run: Run, machine: Path, photos: list[str]) -> None:
    said = objects(run("caption", *photos, "--json"))
    captions = mx.load(str(machine)).caption(list(photos), batch_size=1)
    assert [one["caption"] for one in said] == [caption.text for caption in captions]
    first, noun = captions[0], captions[0].noun
    assert noun is not None
    assert said[0] == {
        "image": photos[0],
        "caption": first.text,
        "noun": noun.word,
        "noun_token": noun.token,
        "tokens": list(first.tokens),
        "token_ids": list(first.token_ids),
        "probabilities": list(first.probabilities),
    }


def test_neurons_json_is_the_librarys_attribution(run: Run, machine: Path, photos: list[str]) -> None:
    captioner = mx.load(str(machine))
    for options, settings in (
        ([], {}),
        (["--site", "post", "--reduce", "sum"], {"site": "post", "reduce": "sum"}),
    ):
        said = objects(run("neurons", photos[0], "--json", "--top", "7", *options))
        found = mx.attribute(captioner, photos[0], top=7, **settings)
        assert list(said) == ["image", "caption", "noun", "neurons"]
        assert said["noun"] == found.target.word
        decodings = mx.decode(captioner, [entry.neuron for entry in found.neurons])
        assert said["neurons"] == [
            {
                "neuron": str(entry.neuron),
                "layer": entry.neuron.layer,
                "unit": entry.neuron.unit,
                "patch": entry.patch,
                "score": entry.score,
                "tokens": list(decoding.tokens),
                "interpretable": decoding.interpretable,
            }
            for entry, decoding in zip(found.neurons, decodings, strict=True)
        ]


def test_neurons_of_a_word_and_of_a_token(run: Run, photos: list[str]) -> None:
    caption = objects(run("caption", photos[0], "--json"))
    word, at = next((w, n) for n, w in enumerate(caption["tokens"]) if w != caption["noun"])
    by_word = objects(run("neurons", photos[0], "--json", "--word", word))
    by_token = objects(run("neurons", photos[0], "--json", "--token", str(at)))
    assert by_word == by_token
    assert by_word["target"] == {"word": word, "token": at, "probability": caption["probabilities"][at]}
    assert by_word["noun"] == caption["noun"] != word
    assert by_word["neurons"] != objects(run("neurons", photos[0], "--json"))["neurons"]


def test_ablate_json_is_the_librarys_ablation(run: Run, machine: Path, photos: list[str]) -> None:
    said = objects(
        run("ablate", photos[0], "--json", "--counts", "0,3", "--arms", "top,random", "--draws", "4")
    )
    made = mx.ablate(mx.load(str(machine)), photos[0], counts=(0, 3), arms=("top", "random"), draws=4)
    assert said["probability"] == made.probability
    assert [(row["arm"], row["count"], row["draws"]) for row in said["rows"]] == [
        *(("top", 0, 1), ("top", 3, 1)),
        *(("random", 0, 4), ("random", 3, 4)),
    ]
    top, random = said["rows"][1], said["rows"][3]
    assert top["low"] is None  # of a single value nothing is known about the spread
    assert top["relative_change"] == made.change("top", 3).mean
    assert (random["low"], random["high"]) == (made.change("random", 3).low, made.change("random", 3).high)
    assert random["captions"] == [row.caption for row in made.of("random", 3)]


def test_ablate_turns_the_ranked_up(run: Run, machine: Path, photos: list[str]) -> None:
    words = ("--counts", "0,3", "--draws", "2", "--scale", "4")
    said = objects(run("ablate", photos[0], "--json", *words))
    made = mx.ablate(mx.load(str(machine)), photos[0], counts=(0, 3), draws=2, scale=4.0)
    assert said["scale"] == 4
    assert said["rows"][1]["relative_change"] == made.change("top", 3).mean != 0
    shown = run("ablate", photos[0], *words, COLUMNS="100").stdout
    assert "\u00d74" in shown
    assert " off " not in shown


def test_ablate_of_named_neurons_is_the_librarys_comparison(
    run: Run, machine: Path, photos: list[str]
) -> None:
    words = ("--neuron", "L1.u5, L0.u3,L1.u5", "--scale", "3", "--draws", "4", "--seed", "2")
    said = objects(run("ablate", photos[0], "--json", *words))
    names = ["L1.u5", "L0.u3"]
    made = mx.compare(mx.load(str(machine)), photos[0], names, scale=3.0, draws=4, seed=2)
    assert said["neurons"] == names
    assert said["target"]["word"] == made.target.word
    assert said["probability"] == pytest.approx(made.plain.probability, rel=1e-6)
    named, random = said["rows"]
    assert (named["arm"], named["units"], named["draws"]) == ("named", 2, 1)
    assert named["relative_change"] == pytest.approx(made.change.mean, abs=1e-5)
    assert named["captions"] == [made.edited.caption.text]
    assert (random["arm"], random["units"], random["draws"]) == ("random", 2, 4)
    assert random["low"] == pytest.approx(made.random_change.low, abs=1e-5)
    assert random["captions"] == [one.caption.text for one in made.random]


def test_the_screen_and_the_figure_of_named_neurons(run: Run, photos: list[str], tmp_path: Path) -> None:
    words = ("ablate", photos[0], "--neuron", "L1.u5,L0.u3", "--draws", "2")
    shown = run(*words, "--save", str(tmp_path / "named.svg"), COLUMNS="100").stdout
    rows = [line.split() for line in shown.splitlines()]
    assert [row[1] for row in rows if row[:1] in (["1"], ["2"])] == ["L1.u5", "L0.u3"]
    assert [row[:2] for row in rows if row[:1] in (["none"], ["named"], ["random"])] == [
        *(["none", "0"], ["named", "2"], ["random", "2"])
    ]
    figure = (tmp_path / "named.svg").read_text(encoding="utf-8")
    assert "L0.u3 (score " in figure
    assert "2 named units off" in figure


def test_decode_json_is_the_librarys_decoding(run: Run, machine: Path) -> None:
    one = mx.decode(mx.load(str(machine)), "L1.u5", k=3)
    said = objects(run("decode", "L1.u5", "--json", "--k", "3"))
    assert said["tokens"] == list(one.tokens)
    assert said["logits"] == list(one.logits)
    assert [row["neuron"] for row in objects(run("decode", "L1.u5", "L0.u0", "--json"))] == ["L1.u5", "L0.u0"]


@pytest.mark.parametrize("columns", ["80", "40", "200"])
def test_screens_fit_the_terminal(run: Run, photos: list[str], columns: str) -> None:
    for words in (
        ["caption", *photos],
        ["neurons", photos[0]],
        ["ablate", photos[0]],
        ["decode", "L0.u1"],
        NAMED,
    ):
        words = [photos[0] if word == "IMG" else word for word in words]
        result = run(*words, COLUMNS=columns)
        assert result.exit_code == 0, result.output
        lines = result.stdout.splitlines()
        assert max(map(len, lines)) <= int(columns)
        assert "\x1b" not in result.output  # no terminal: no colours


def test_neurons_screen_shows_caption_neurons_and_maps(run: Run, photos: list[str]) -> None:
    said = objects(run("neurons", photos[0], "--json", "--top", "3"))
    shown = run("neurons", photos[0], "--top", "3", COLUMNS="100").stdout
    assert said["caption"][:60] in shown
    assert f"p({said['noun']}) = " in shown
    for row in said["neurons"]:
        assert shown.count(row["neuron"]) == 2  # in the table and over its map
        assert row["tokens"][0] in shown
    assert "\u2501" in shown  # the bars


def test_colours_are_shown_in_a_terminal_and_left_out_with_no_color(run: Run, photos: list[str]) -> None:
    words = ("neurons", photos[0], "--top", "2")
    colourful = run(*words, FORCE_COLOR="1", COLORTERM="truecolor", TERM="xterm-256color").stdout
    assert "\x1b[38;2;" in colourful
    assert "\u2580" in colourful  # half blocks
    plain = run(*words, FORCE_COLOR="1", NO_COLOR="1", TERM="xterm-256color").stdout
    assert "\x1b[38;" not in plain
    assert "\u2580" not in plain  # they would all look alike
    assert "\u2591" in plain


def test_a_miniature_is_labelled_wherever_it_shows(
    run: Run, machine: Path, photos: list[str], tmp_path: Path
) -> None:
    small = edit_weights(machine, tmp_path / "small", lambda weights: None)
    (small / "making.json").write_text("{}")  # as the recipe leaves it beside its weights
    for words in (["caption", photos[0]], ["neurons", photos[0]], ["ablate", photos[0]], ["decode", "L0.u1"]):
        assert "a miniature, not the paper's model" in " ".join(run(*words, model=small).stdout.split())
        assert "miniature" not in run(*words).stdout


def test_save_writes_a_figure_and_never_over_an_image(run: Run, photos: list[str], tmp_path: Path) -> None:
    result = run("neurons", photos[0], "--top", "2", "--save", str(tmp_path / "new" / "figure.svg"))
    assert result.exit_code == 0, result.output
    assert (tmp_path / "new" / "figure.svg").read_text(encoding="utf-8").startswith("<?xml")
    before = Path(photos[0]).read_bytes()
    result = run("neurons", photos[0], "--save", photos[0])
    assert result.exit_code == 2
    assert Path(photos[0]).read_bytes() == before
    (tmp_path / "file").write_text("")
    result = run("ablate", photos[0], "--counts", "0,2", "--save", str(tmp_path / "file" / "figure.png"))
    assert result.exit_code == 4
    assert "Traceback" not in result.output


def test_a_storys_heat_is_the_receptive_field(machine: Path, photos: list[str]) -> None:
    captioner = mx.load(str(machine))
    picture = mx.open_image(photos[0])
    made = tell(captioner, picture, mx.attribute(captioner, picture), views=3)
    assert made.word is not None
    assert made.span is not None
    assert made.caption[slice(*made.span)] == made.word
    for view in made.neurons:
        field = mx.receptive_field(captioner, picture, view.name)
        assert view.heat is not None
        np.testing.assert_allclose(view.heat, field.numpy(), rtol=1e-5, atol=1e-6)


def test_a_large_images_story_is_reduced_and_keeps_its_places(machine: Path, tmp_path: Path) -> None:
    captioner = mx.load(str(machine))
    large = machines.images(1, width=1600, height=1000)[0]
    picture = mx.open_image(png(tmp_path, "large.png", large))
    made = tell(captioner, picture, mx.attribute(captioner, picture), views=1)
    assert made.size == (1600, 1000)
    assert made.image.shape == (480, 768, 3)
    (view,) = made.neurons
    assert view.box is not None
    row, column = divmod(view.patch, 4)
    assert view.box == (column * 400.0, row * 250.0, (column + 1) * 400.0, (row + 1) * 250.0)
    whole = mx.receptive_field(captioner, picture, view.name).numpy()
    assert view.heat is not None
    reduced = np.asarray(Image.fromarray(whole).resize((768, 480), Image.Resampling.BILINEAR))
    assert np.abs(reduced - view.heat).max() < 0.02 * np.ptp(whole)
