"""The served explorer with a real model: edits as the Python API makes them, and images handed in."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

import machines
import molyneux as mx
from explore_server import (
    TOKEN,
    Answer,
    Served,
    ask,
    served,
    tiny_run,
)
from explore_sites import edit, real
from molyneux.explorer.shards import key_of
from molyneux.explorer.shelf import MOST_BOOKS
from molyneux.neurons.ablate import target_probabilities

__all__ = ["real"]


# Real edits and images.


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 5.0])
def test_an_edit_is_what_the_python_api_does(real: tuple[Served, dict[str, Path]], scale: float) -> None:
    site, files = real
    captioner = machines.captioner()
    image = files["0.png"]
    caption = captioner.caption(image)
    noun = next(n for n, word in enumerate(caption.words) if word == caption.noun)
    neurons = ["L0.u3", "L2.u17", "L1.u8"]
    told = edit(site, image=key_of("0.png"), word=noun, neurons=neurons, scale=scale, draws=3).json()
    with mx.edit(captioner, neurons, scale):
        expected = captioner.caption(image).text
    assert told["edited"][1] == expected
    assert (told["plain"][1], told["recorded"]) == (caption.text, caption.text)
    target = mx.attribute(captioner, image).target
    inputs = captioner.prepare([mx.open_image(image)])
    named = [mx.NeuronId.parse(one) for one in neurons]
    (p,) = target_probabilities(captioner, inputs, target, [named], scale=scale)
    assert told["edited"][0] == pytest.approx(p, rel=1e-4)
    assert told["plain"][0] == pytest.approx(caption.probabilities[target.token], rel=1e-4)
    assert len(told["random"]) == 3
    assert (told["edited"] == told["plain"]) == (scale == 1)


@pytest.mark.parametrize("rank", ["sum", "max"])
def test_the_top_n_are_those_of_the_ranking(real: tuple[Served, dict[str, Path]], rank: str) -> None:
    site, files = real
    captioner = machines.captioner()
    caption = captioner.caption(files["1.png"])
    told = edit(site, image=key_of("1.png"), word=2, neurons=None, top=7, rank=rank).json()
    found = mx.attribute(captioner, files["1.png"], target=caption.words[2].token, reduce=rank)
    assert told["neurons"] == [str(entry.neuron) for entry in found.ranked(7)]


def test_draws_are_the_same_at_every_scale_and_other_with_another_seed(
    real: tuple[Served, dict[str, Path]],
) -> None:
    site, _ = real
    some = {"image": key_of("0.png"), "word": 0, "neurons": ["L0.u3"], "draws": 4}
    first = edit(site, **some, scale=5).json()["random"]
    assert edit(site, **some, scale=5).json()["random"] == first
    assert edit(site, **some, scale=5, seed=1).json()["random"] != first
    plain = edit(site, **some, scale=1).json()
    assert all(p == pytest.approx(plain["plain"][0], rel=1e-4) for p, _ in plain["random"])


def test_a_neuron_that_the_model_does_not_have_is_refused(real: tuple[Served, dict[str, Path]]) -> None:
    site, _ = real
    told = edit(site, image=key_of("0.png"), word=0, neurons=["L99.u0"])
    assert told.status == 422
    assert "L99.u0" in told.json()["error"]
    told = edit(site, image=key_of("0.png"), word=0, neurons=None, top=10**6)
    assert told.status == 422


def test_an_image_whose_file_has_gone_says_what_to_do(tmp_path: Path) -> None:
    run, studio, files = tiny_run(tmp_path)
    site = served(run, tmp_path, studio)
    files["0.png"].unlink()
    told = edit(site, image=key_of("0.png"), word=0)
    assert told.status == 409
    assert "--data" in told.json()["error"]
    assert site.worker is not None
    site.worker.close()


def png(seed: int = 9) -> bytes:
    out = io.BytesIO()
    machines.images(1, seed=seed)[0].save(out, "PNG")
    return out.getvalue()


def hand_in(site: Served, content: bytes, name: str) -> Answer:
    headers = TOKEN | {"x-file-name": name}
    return ask(site.app, "/live/image", method="POST", headers=headers, body=content)


def test_an_image_handed_in_gets_a_page_and_can_be_edited(real: tuple[Served, dict[str, Path]]) -> None:
    site, _ = real
    told = hand_in(site, png(), "..%2F..%2Fmy%20%3Cscript%3E%E2%80%AE.png")
    assert told.status == 200, told.body
    key = told.json()["key"]
    shard = ask(site.app, f"/data/images/{key}.js")
    data = json.loads(shard.body.decode().partition(",")[2].removesuffix(");\n"))
    assert data["name"] == "my <script>\\u202e.png"
    assert data["caption"] == machines.captioner().caption(png()).text
    assert (data["width"], data["height"]) == (48, 40)
    assert Image.open(io.BytesIO(ask(site.app, f"/data/thumbs/{key}.jpg").body)).format == "JPEG"
    neuron = data["words"][data["selected"]]["rankings"]["sum"]["neurons"][0][0]
    assert ask(site.app, f"/data/neurons/{neuron}.js").status == 200
    assert edit(site, image=key, word=data["selected"], neurons=[neuron]).status == 200
    rows = ask(site.app, "/live/images", method="POST", headers=TOKEN).json()["images"]
    assert {row["key"]: row["name"] for row in rows}[key] == data["name"]
    begun = site.worker.begun if site.worker else 0
    assert hand_in(site, png(), "again.png").json()["key"] == key
    assert site.worker is not None
    assert site.worker.begun == begun  # not computed a second time


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no bytes"),
        (b"GIF89a", "image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "SVG"),
        (b"http://127.0.0.1:1/x.png", "image"),
        (png()[:200], "image"),
    ],
)
def test_what_is_no_image_is_refused_and_not_kept(
    real: tuple[Served, dict[str, Path]], content: bytes, said: str
) -> None:
    site, _ = real
    before = set(site.folder.iterdir()) if site.folder.exists() else set()
    told = hand_in(site, content, "x.png")
    assert told.status == 422
    assert said.lower() in told.json()["error"].lower()
    assert set(site.folder.iterdir()) == before


def test_a_small_file_of_many_pixels_is_refused(real: tuple[Served, dict[str, Path]]) -> None:
    out = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(out, "PNG")
    assert len(out.getvalue()) < 2**20
    told = hand_in(real[0], out.getvalue(), "bomb.png")
    assert told.status == 422
    assert "pixels" in told.json()["error"]


def test_images_handed_in_are_kept_up_to_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from molyneux.explorer import shelf

    assert MOST_BOOKS >= 8
    monkeypatch.setattr(shelf, "MOST_BOOKS", 2)
    run, studio, _ = tiny_run(tmp_path)
    site = served(run, tmp_path, studio)
    keys = [hand_in(site, png(seed), f"{seed}.png").json()["key"] for seed in (11, 12, 13)]
    assert list(site.shelf.added) == keys[1:]
    assert len(list(site.folder.iterdir())) == 2
    assert ask(site.app, f"/data/images/{keys[0]}.js").status == 404
    assert site.worker is not None
    site.worker.close()
