"""Bad images, weights, words and names: skips with reasons, exit codes, and nothing that acts on a terminal."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import machines
from shell import NOUN_IDS, Run, edit_weights, objects, png

pytest_plugins = ["command_line"]


def bad_files(folder: Path) -> dict[str, str]:
    """File -> the reason with which it is skipped."""
    noise = machines.images(1, width=200, height=150)[0]
    noise.save(folder / "whole.jpg")
    whole = (folder / "whole.jpg").read_bytes()
    contents = {
        "cut.jpg": (whole[: len(whole) // 2], "truncated"),
        "empty.png": (b"", "empty"),
        "text.jpg": (b"no image at all", "not-an-image"),
        "eps.png": (b"%!PS-Adobe-3.0 EPSF-3.0", "format"),
        "bomb.bmp": (
            b"BM" + struct.pack("<IHHIIIIHHIIIIII", 0, 0, 0, 54, 40, 60000, 60000, 1, 24, *[0] * 6),
            "too-large",
        ),
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    reasons = {str(folder / name): reason for name, (_, reason) in contents.items()}
    return reasons | {str(folder / "gone.jpg"): "missing", str(folder): "unreadable"}


def test_bad_images_among_good_ones_are_skipped_with_reasons(
    run: Run, photos: list[str], tmp_path: Path
) -> None:
    reasons = bad_files(tmp_path)
    odd = {
        "grey.png": Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100),
        "clear.png": machines.images(1)[0].convert("RGBA"),
        "dot.png": Image.new("RGB", (1, 1)),
        "wide.png": Image.new("RGB", (400, 9), "teal"),
    }
    good = [png(tmp_path, name, image) for name, image in odd.items()]
    result = run("neurons", *good, *reasons, photos[0], "--json", "--top", "1")
    assert result.exit_code == 3
    said = objects(result)
    assert {one["image"]: one["skipped"] for one in said if "skipped" in one} == reasons
    assert [one["image"] for one in said if "neurons" in one] == [*good, photos[0]]
    assert f"5 of {5 + len(reasons)} images used; skipped {len(reasons)}" in result.stderr
    assert "Traceback" not in result.output


def test_a_single_bad_image_is_an_error(run: Run, tmp_path: Path) -> None:
    for path, reason in bad_files(tmp_path).items():
        for verb in ("caption", "neurons", "ablate"):
            result = run(verb, path, "--json")
            assert result.exit_code == 2
            assert objects(result)["skipped"] == reason
            assert result.stderr.startswith("error image ")


def test_a_caption_without_a_noun(run: Run, machine: Path, photos: list[str], tmp_path: Path) -> None:
    def silence(weights: dict[str, torch.Tensor]) -> None:
        weights["language_model.lm_head.bias"][NOUN_IDS] = -1e4

    mute = edit_weights(machine, tmp_path / "mute", silence)
    result = run("neurons", *photos[:2], "--json", model=mute)
    assert result.exit_code == 3
    assert [one["skipped"] for one in objects(result)] == ["no_noun", "no_noun"]
    alone = run("ablate", photos[0], model=mute)
    assert alone.exit_code == 2
    assert "a noun to explain" in alone.stderr
    assert objects(run("caption", photos[0], "--json", model=mute))["noun"] is None
    assert "no noun" in " ".join(run("caption", photos[0], model=mute).stdout.split())
    assert run("neurons", photos[0], "--token", "0", model=mute).exit_code == 0


def test_weights_that_are_not_finite_never_caption(
    run: Run, machine: Path, photos: list[str], tmp_path: Path
) -> None:
    def break_layer(weights: dict[str, torch.Tensor]) -> None:
        name = next(name for name in weights if name.endswith("h.1.mlp.fc_in.weight"))
        weights[name][0, 0] = float("nan")

    broken = edit_weights(machine, tmp_path / "broken", break_layer)
    for verb in ("caption", "neurons", "ablate"):
        result = run(verb, photos[0], "--json", model=broken)
        assert result.exit_code == 2
        assert objects(result)["skipped"] == "non_finite"
        assert "non-finite at layer 1" in result.stderr
    assert run("doctor", model=broken).exit_code == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["decode", "L1u5"], "L<layer>.u<unit>"),
        (["decode", "L01.u5"], "L<layer>.u<unit>"),
        (["decode", "L9.u5"], "layer 0..2"),
        (["neurons", "IMG", "--word", "zebra"], "a word of the caption"),
        (["neurons", "IMG", "--token", "99"], "token index 99"),
        (["neurons", "IMG", "--word", "cat", "--token", "0"], "not both"),
        (["neurons", "IMG", "--site", "middle"], "middle"),
        (["neurons", "IMG", "--save", "figure.jpg"], ".png, .svg, .pdf"),
        (["ablate", "IMG", "--counts", "many"], "whole numbers"),
        (["ablate", "IMG", "--counts=-1"], "0 or more"),
        (["ablate", "IMG", "--counts", "9999"], "at most 120"),
        (["ablate", "IMG", "--arms", "left"], "top, interpretable, random"),
        (["ablate", "IMG", "--neuron", "L9.u5"], "layer 0..2"),
        (["ablate", "IMG", "--neuron", "u5"], "L<layer>.u<unit>"),
        (["ablate", "IMG", "--neuron", ","], "names with commas"),
        (["ablate", "IMG", "--neuron", "L0.u5", "--counts", "5"], "not both"),
        (["ablate", "IMG", "--neuron", "L0.u5", "--arms", "top"], "not both"),
        (["ablate", "IMG", "--scale", "nan"], "a finite number"),
        (["caption", "IMG", "--device", "abacus"], "device"),
        (["caption", "IMG", "--dtype", "int3"], "float32"),
        (["caption"], "IMG"),
    ],
)
def test_wrong_words_are_usage_errors(run: Run, photos: list[str], words: list[str], said: str) -> None:
    result = run(*[photos[0] if word == "IMG" else word for word in words], COLUMNS="200")
    assert result.exit_code == 2
    assert result.stdout == "" or "--json" in words
    assert said in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("model", ["nowhere", "./nowhere", "/no/where", "a/b/c"])
def test_a_model_that_is_not_there_is_told_without_asking_the_network(
    run: Run, photos: list[str], model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a connection"))
    result = run("caption", photos[0], model=Path(model))
    assert result.exit_code == 2
    assert "an existing folder, or a hub id" in result.stderr


def test_hostile_and_odd_names_are_inert_and_work(run: Run, photos: list[str], tmp_path: Path) -> None:
    content = Path(photos[0]).read_bytes()
    names = [
        "\x1b[31mred.png",
        "\u202egnp.exe.png",
        "two\nlines.png",
        "[bold]loud.png",
        "sp ace \u4e2d.png",
        "a" * 200,
    ]
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.write_bytes(content)
    gone = tmp_path / "\x1b]0;title\x07gone"
    for words in (
        ["caption"],
        ["neurons", "--top", "1", "--save", str(tmp_path / "figures")],
        ["caption", "--json"],
    ):
        result = run(*words, *map(str, paths), str(gone))
        assert result.exit_code == 3, result.output
        for acting in ("\x1b", "\u202e", "\x07"):
            assert acting not in result.output
        assert "two\nlines" not in result.output
        assert "[bold]loud.png" in result.stdout.replace("\n", "")
    assert len(list((tmp_path / "figures").iterdir())) == len(names)
