"""What the experiments do with images, weights and memory that are not as they should be: a row or a reason."""

from __future__ import annotations

import csv
import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import pytest
import torch
from PIL import Image

import machines
from command_line import machine
from forked import typed
from molyneux.data.folders import open_data
from molyneux.experiments import ablation
from molyneux.experiments.ablation import Ablated, AblationSettings
from molyneux.experiments.bench import BatchSize, Bench, in_batches
from molyneux.experiments.captions import Captioned, CaptionsSettings, caption_stage
from molyneux.ground.run import Run, open_run, writing
from molyneux.ground.verify import verify
from molyneux.models.captioner import Captioner
from runs import identity
from shell import NOUN_IDS, edit_weights

__all__ = ["machine"]

SHARED = CaptionsSettings(top=20, ranked=40, max_new_tokens=6)
COUNTS = AblationSettings(counts=(0, 2, 40), captions=True)


def words(out: Path, data: Path, model: Path) -> list[str]:
    made = ["reproduce", "layers", "ablation", "gallery", "--out", str(out), "--data", str(data)]
    return [
        *made,
        "--model",
        str(model),
        "--judge",
        "miniature",
        "--counts",
        "0,3,20",
        "--no-report",
        "--json",
    ]


def good(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, image in zip(names, machines.images(len(names)), strict=True):
        image.save(folder / name)
    return folder


# F13 to F19, F26, F27, F33, F35: what lies in a user's folder.


def odd_folder(folder: Path) -> dict[str, str]:
    """Images that cannot be used -> the reason; beside them stand odd ones that can."""
    good(folder, "=SUM(A1).png", "+ü \u202e name\n<script>.png", "con.png", "x" * 200 + ".png")
    whole = folder / "=SUM(A1).png"
    Image.new("I;16", (40, 40), 40_000).save(folder / "deep.png")
    Image.new("RGBA", (40, 40), (255, 0, 0, 10)).save(folder / "glass.png")
    Image.new("CMYK", (40, 40)).save(folder / "ink.jpg")
    Image.new("L", (1, 1)).save(folder / "dot.png")
    machines.images(1)[0].save(folder / "photo.jpg")
    (folder / "half.jpg").write_bytes((folder / "photo.jpg").read_bytes()[:600])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("no image")
    Image.new("RGB", (8, 8)).save(folder / "hidden.tif")
    (folder / "hidden.tif").rename(folder / "hidden.png")
    Image.new("1", (60_000, 1)).save(folder / "thin.png")
    head = whole.read_bytes()
    bomb = head[:16] + (100_000).to_bytes(4, "big") * 2 + head[24:]
    bomb = bomb[:29] + crc32(bomb[12:29]).to_bytes(4, "big") + bomb[33:]
    (folder / "bomb.png").write_bytes(bomb)
    return {
        "half.jpg": "truncated",
        "empty.jpg": "empty",
        "text.jpg": "not-an-image",
        "hidden.png": "format",
        "thin.png": "aspect",
        "bomb.png": "too-large",
    }


def test_every_image_ends_as_a_row_or_with_its_reason(tmp_path: Path, machine: Path) -> None:
    bad = odd_folder(tmp_path / "images")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "images").iterdir()}
    out = tmp_path / "my run = \u00fc"
    code, said = typed(tmp_path / "log", *words(out, tmp_path / "images", machine))
    assert code == 3, said
    found = open_run(out).results("captions", Captioned)
    assert {item: one.reason for item, one in found.skipped.items()} == bad
    assert found.used == 9
    table = json.loads((out / "tables" / "layers.json").read_text())
    reasons = dict.fromkeys(bad.values(), 1)
    assert {name: count for name, count in table["skipped"].items() if name != "no-noun"} == reasons
    assert table["given"] == 15
    assert verify(out).damaged == ()
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    for path in (out / "tables").glob("*.csv"):
        for line in csv.reader(path.read_text(encoding="utf8").splitlines()):
            assert not [cell for cell in line if cell[:1] in "=+@" and cell], path.name
    gallery = json.loads((out / "tables" / "gallery.json").read_text())
    assert "=SUM(A1).png" in json.dumps(gallery), "JSON keeps names as they are"
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_an_image_that_vanishes_after_it_was_listed_is_skipped(tmp_path: Path) -> None:
    sources = open_data(good(tmp_path / "images", "a.png", "b.png", "c.png")).usable()
    (tmp_path / "images" / "b.png").unlink()
    with writing(tmp_path / "run", identity()) as run:
        stage = caption_stage(Bench(run, machines.captioner(), sources, batch_size=2), SHARED)
        rows = stage.rows_of(sources)
    assert [getattr(row, "reason", "ok") for row in rows] == ["ok", "missing", "ok"]


# F11: weights that are not finite. F22: captions without a noun, or empty.


def test_weights_that_are_not_finite_give_no_caption(tmp_path: Path, machine: Path) -> None:
    def damage(weights: dict[str, torch.Tensor]) -> None:
        name = next(name for name in weights if name.endswith("h.1.mlp.fc_in.weight"))
        weights[name][0, 0] = float("nan")

    model = edit_weights(machine, tmp_path / "broken", damage)
    out, data = tmp_path / "run", good(tmp_path / "images", "a.png", "b.png")
    code, said = typed(tmp_path / "log", *words(out, data, model))
    assert code == 3, said
    found = open_run(out).results("captions", Captioned)
    assert found.used == 0
    for one in found.skipped.values():
        assert one.reason == "non-finite"
        assert "layer 1" in one.detail
    assert "NaN" not in (out / "tables" / "layers.json").read_text()


@pytest.mark.parametrize("kind", ["no noun", "empty"])
def test_captions_without_a_noun_are_counted_never_guessed(tmp_path: Path, machine: Path, kind: str) -> None:
    def silence(weights: dict[str, torch.Tensor]) -> None:
        if kind == "empty":
            weights["language_model.lm_head.bias"][machines.WORDS.index("<eos>")] = 1e4
        weights["language_model.lm_head.bias"][NOUN_IDS] = -1e4

    model = edit_weights(machine, tmp_path / "mute", silence)
    if kind == "empty":
        config = model / "generation_config.json"
        config.write_text(config.read_text().replace('"suppress_tokens"', '"_suppressed"'))
    out, data = tmp_path / "run", good(tmp_path / "images", "a.png", "b.png", "c.png")
    code, said = typed(tmp_path / "log", *words(out, data, model))
    assert code in (0, 3), said
    found = open_run(out).results("captions", Captioned)
    assert {row.noun for row in found.rows.values()} == {None}
    assert {row.neurons for row in found.rows.values()} == {()}
    if kind == "empty":
        assert {row.caption for row in found.rows.values()} == {""}
    for name in ("layers", "ablation", "gallery"):
        table = json.loads((out / "tables" / f"{name}.json").read_text())
        assert (table["given"], table["used"], table["skipped"]) == (3, 0, {"no-noun": 3}), name


# F9: memory. F10: batches.


class Full:
    """A device with room for so many rows."""

    def __init__(self, captioner: Captioner, rows: int) -> None:
        self.tried: list[int] = []
        captioner.model.register_forward_pre_hook(self._look, with_kwargs=True)
        self.rows = rows

    def _look(self, module: object, inputs: tuple[object, ...], keywords: dict[str, torch.Tensor]) -> None:
        rows = len(keywords["input_ids"])
        self.tried.append(rows)
        if rows > self.rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def ablated(run: Run, data: Path, *, rows: int | None = None, batch_size: int = 4) -> list[object]:
    captioner = machines.captioner()
    full = Full(captioner, rows) if rows is not None else None
    bench = Bench(run, captioner, open_data(data).usable(), batch_size=batch_size, judge="miniature")
    ablation.compute(bench, COUNTS, SHARED)
    made: list[object] = list(run.results("ablation", Ablated).rows.values())
    made += [one.reason for one in run.results("ablation", Ablated).skipped.values()]
    assert full is None or max(full.tried) > full.rows, "memory was never short"
    return made


@pytest.mark.parametrize("rows", [1, 3])
def test_out_of_memory_halves_the_batch_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rows: int
) -> None:
    data = good(tmp_path / "images", *(f"{n}.png" for n in range(5)))
    caplog.set_level(logging.WARNING)
    with writing(tmp_path / "whole", identity()) as run:
        whole = ablated(run, data)
    with writing(tmp_path / "short", identity()) as run:
        short = ablated(run, data, rows=rows)
    assert "out of memory: batches of" in caplog.text
    assert f"batches of {rows if rows == 1 else 2} images from here on" in caplog.text
    assert "edits from here on" in caplog.text
    compare(short, whole)


def test_without_memory_for_a_single_image_it_is_skipped(tmp_path: Path) -> None:
    data = good(tmp_path / "images", "a.png", "b.png")
    with writing(tmp_path / "run", identity()) as run:
        assert ablated(run, data, rows=0) == ["out-of-memory"] * 2


def test_results_do_not_depend_on_which_images_share_a_batch(tmp_path: Path) -> None:
    data = good(tmp_path / "images", *(f"{n}.png" for n in range(5)))
    with writing(tmp_path / "one", identity()) as run:
        alone = ablated(run, data, batch_size=1)
    with writing(tmp_path / "five", identity()) as run:
        compare(ablated(run, data, batch_size=5), alone)


def compare(ours: list[object], theirs: list[object]) -> None:
    assert len(ours) == len(theirs) >= 4
    for one, other in zip(ours, theirs, strict=True):
        assert isinstance(one, Ablated)
        assert isinstance(other, Ablated)
        assert (one.word, one.caption) == (other.word, other.caption)
        assert one.probability == pytest.approx(other.probability, abs=1e-5)
        for mine, its in zip(one.edits, other.edits, strict=True):
            assert (mine.arm, mine.count, mine.caption) == (its.arm, its.count, its.caption)
            assert mine.probability == pytest.approx(its.probability, abs=1e-5)


def test_a_size_that_was_halved_stays_so() -> None:
    tried: list[int] = []

    def compute(some: Sequence[int]) -> list[int]:
        tried.append(len(some))
        if len(some) > 3:
            raise MemoryError
        return [2 * one for one in some]

    size = BatchSize(8, "things")
    assert in_batches(list(range(8)), compute, size=size) == list(range(0, 16, 2))
    assert in_batches(list(range(4)), compute, size=size) == [0, 2, 4, 6]
    assert tried == [8, 4, 2, 2, 2, 2, 2, 2]


# F12: ties.


def test_units_of_equal_score_are_ranked_by_place(tmp_path: Path) -> None:
    captioner = machines.captioner()
    with torch.no_grad():
        for layer in captioner.layout.mlps:
            layer.out.weight.zero_()  # no unit changes anything: all scores are 0
    sources = open_data(good(tmp_path / "images", "a.png", "b.png")).usable()
    with writing(tmp_path / "run", identity()) as run:
        rows = caption_stage(Bench(run, captioner, sources), SHARED).rows_of(sources)
    spoken = [row for row in rows if isinstance(row, Captioned) and row.noun]
    assert spoken
    for row in spoken:
        assert {one.score for one in row.neurons} == {0.0}
        assert [one.neuron for one in row.neurons] == sorted(one.neuron for one in row.neurons)
        assert [(one.neuron, one.patch) for one in row.pairs] == sorted(
            (one.neuron, one.patch) for one in row.pairs
        )


def test_a_copied_run_is_the_same_run(tmp_path: Path, machine: Path) -> None:
    data = good(tmp_path / "images", "a.png", "b.png", "c.png")
    code, said = typed(tmp_path / "log", *words(tmp_path / "run", data, machine))
    assert code == 0, said
    shutil.move(tmp_path / "run", tmp_path / "moved")
    shutil.move(data, tmp_path / "elsewhere")
    shutil.copytree(machine, tmp_path / "models" / machine.name)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "moved").glob("*/part-*.parquet")}
    again = words(tmp_path / "moved", tmp_path / "elsewhere", tmp_path / "models" / machine.name)
    code, said = typed(tmp_path / "log", *again)
    assert code == 0, said
    assert {path: path.stat().st_mtime_ns for path in before} == before
