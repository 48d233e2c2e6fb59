"""All experiments over folders of COCO's and ImageNet's real layout, with a LiMBeR of the published architecture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import coco_val
import full_limber
from forked import typed
from molyneux.data.folders import open_data
from molyneux.data.gate import open_image
from molyneux.experiments.captions import Captioned
from molyneux.experiments.segmentation import Overlaps
from molyneux.ground.run import open_run
from molyneux.ground.verify import verify
from molyneux.metrics.overlap import iou
from molyneux.models.load import load
from molyneux.neurons.fields import receptive_field

ALL = ["layers", "ablation", "segmentation", "agreement", "prompts", "selectivity", "gallery"]


def name_of(number: int) -> str:
    return f"val2017/{100 + number:012d}.jpg"


class Made:
    def __init__(self, folder: Path) -> None:
        self.coco = coco_val.write(folder / "coco")
        self.classes = coco_val.write_classes(folder / "imagenet")
        self.model = full_limber.write(folder / "limber")
        self.run = folder / "run"
        words = [
            "reproduce",
            *ALL,
            "--out",
            str(self.run),
            "--data",
            str(self.coco),
            "--classes",
            str(self.classes),
        ]
        words += ["--model", str(self.model), "--judge", "miniature", "--counts", "0,3,60", "--json"]
        self.before = {path: path.read_bytes() for path in folder.rglob("*.jpg")}
        self.code, self.said = typed(folder / "log", *words, "--batch-size", "4")

    def table(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.run / "tables" / f"{name}.json").read_text())
        return told


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("coco"))


def test_every_experiment_runs_and_counts_what_it_left_out(made: Made) -> None:
    assert made.code == 3, made.said  # finished, with skips
    assert "missing-file" in made.said or "not there" in made.said
    names = [
        "layers",
        "ablation",
        "ablated-captions",
        "segmentation",
        "agreement",
        "prompts",
        "prompts-tests",
    ]
    for name in [*names, "selectivity", "selectivity-classes", "gallery", "firing"]:
        table = made.table(name)
        assert table["rows"], name
        assert table["used"] + sum(table["skipped"].values()) == table["given"], name
    captions = open_run(made.run).results("captions", Captioned)
    assert captions.given == 11
    assert captions.skipped[name_of(coco_val.BROKEN)].reason == "truncated"
    mute = sum(row.noun is None for row in captions.rows.values())
    assert mute, "every caption has a noun: nothing is shown of those without"
    assert made.table("layers")["skipped"] == {"no-noun": mute, "truncated": 1}
    assert made.table("selectivity")["given"] == 6
    assert {row["arm"] for row in made.table("ablation")["rows"]} == {"top", "interpretable", "random"}
    assert verify(made.run).damaged == ()


def test_the_users_data_are_as_they_were(made: Made) -> None:
    assert {path: path.read_bytes() for path in made.before} == made.before
    assert {path for path in made.coco.rglob("*") if path.suffix == ".jpg"} <= made.before.keys()


def test_the_model_is_the_published_architecture(made: Made) -> None:
    captioner = load(made.model)
    assert (type(captioner.model.vision_tower).__name__, type(captioner.model.language_model).__name__) == (
        "BeitModel",
        "GPTJForCausalLM",
    )
    inputs = captioner.prepare([open_image(made.coco / name_of(0))])
    assert int(captioner.visual(inputs["input_ids"]).sum()) == 196
    assert (captioner.layout.layers, captioner.layout.units) == (full_limber.LAYERS, full_limber.UNITS)


def test_masks_are_where_the_objects_are_also_of_a_turned_image(made: Made) -> None:
    """F18: the gate's image, COCO's mask and the field agree; crowds and pairs are left out."""
    captioner = load(made.model)
    data = open_data(made.coco)
    sources = {source.id: source for source in data.usable()}
    found = open_run(made.run).results("segmentation", Overlaps)
    left_out = {name_of(number) for number in (coco_val.BARE, coco_val.TWINS)}
    assert not left_out & (found.rows.keys() | found.skipped.keys())
    assert name_of(coco_val.TURNED) in found.rows
    for number in (2, coco_val.TURNED, 4, 6):
        picture = open_image(made.coco / name_of(number))
        assert picture.image.size == coco_val.size_of(number)
        bright = np.asarray(picture.image)[..., 0] > 190
        assert iou(bright, coco_val.mask_of(number)) > 0.95
        (one,) = [o for o in sources[name_of(number)].objects or () if not o.crowd]
        # A polygon's border pixels are pycocotools' own matter.
        assert iou(one.mask(), coco_val.mask_of(number)) > 0.9
        row = found.rows[name_of(number)]
        field = receptive_field(captioner, picture, row.neurons[0]).mask(95).numpy()
        assert row.overlaps[0].top[0] == pytest.approx(iou(field, one.mask()), abs=1e-6)


def test_classes_are_looked_at_on_other_images_than_chosen_on(made: Made) -> None:
    run = open_run(made.run)
    assert all(item.startswith("train/") for item in run.results("captions-classes").rows)
    assert all(item.startswith("val/") for item in run.results("selectivity").rows)


def test_one_report_of_everything_wrong_before_any_computing(made: Made, tmp_path: Path) -> None:
    """F20, F21."""
    broken = coco_val.write(tmp_path / "coco")
    path = broken / "annotations" / "instances_val2017.json"
    told = json.loads(path.read_text())
    objects = {one["image_id"] - 100: one for one in told["annotations"] if not one["iscrowd"]}
    objects[0]["segmentation"] = [[1.0, 2.0]]
    objects[2]["segmentation"]["size"] = [3, 3]
    objects[3]["segmentation"]["counts"] = [5]
    objects[4]["image_id"] = 99_999
    objects[5]["id"] = objects[6]["id"]
    del objects[1]["category_id"]
    path.write_text(json.dumps(told))
    words = ["reproduce", "layers", "--data", str(broken), "--model", str(made.model), "--counts", "0,3"]
    code, said = typed(tmp_path / "log", *words, "--out", str(tmp_path / "run"))
    assert code == 2
    for kind in ("polygon", "mask-size", "mask-counts"):
        assert kind in said or kind.replace("-", " ") in said, said
    assert not (tmp_path / "run").exists()
    code, said = typed(tmp_path / "log", *words, "--out", str(tmp_path / "run"), "--lenient")
    assert code == 3, said
