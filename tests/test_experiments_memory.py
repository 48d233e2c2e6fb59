"""Experiments send no more rows through the model at once than ``load`` found to fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import machines
import molyneux as mx
from molyneux.data.folders import open_data
from molyneux.experiments.bench import Bench, sampled
from molyneux.experiments.captions import Captioned
from molyneux.experiments.looks_rows import LooksSettings
from molyneux.experiments.prompts import PromptsSettings
from molyneux.experiments.suite import EXPERIMENTS, Suite, reproduce, suite_for, unavailable
from molyneux.ground.assets import asset
from molyneux.ground.run import Run, writing
from molyneux.models.captioner import Captioner
from runs import identity

FITS = 2
LOOKS = LooksSettings(
    words="noun",
    images=2,
    neurons=3,
    counts=(5,),
    draws=2,
    pages=2,
    fired=1,
    tokens=3,
    nearest=2,
    scales=(0.0, 1.0),
    band=3,
)


class Rows:
    """The most rows of a pass in each experiment."""

    def __init__(self, captioner: Captioner) -> None:
        self.most: dict[str, int] = {}
        self._now = 0
        captioner.model.register_forward_pre_hook(self._look, with_kwargs=True)

    def _look(self, module: object, inputs: tuple[object, ...], keywords: dict[str, torch.Tensor]) -> None:
        self._now = max(self._now, len(keywords["input_ids"]))

    def told(self, name: str, _: object) -> None:
        self.most[name], self._now = self._now, 0


def suite_of(captioner: Captioner) -> Suite:
    layout = captioner.layout
    made = suite_for(layout.layers, layout.units, counts=(0, 5))
    return replace(made, looks=LOOKS, prompts=PromptsSettings(images=3, nearest=1, nouns=1))


def measured(folder: Path, fits: int | None) -> tuple[Rows, Run]:
    captioner = machines.captioner()
    captioner.largest_batch = fits
    rows, suite = Rows(captioner), suite_of(captioner)
    sources = sampled(3, open_data(asset("miniature")).usable(), 5, purpose="memory")
    with writing(folder, identity()) as run:
        bench = Bench(run, captioner, sources, judge="miniature", batch_size=4)
        names = [name for name in EXPERIMENTS if unavailable(name, bench, suite) is None]
        names.remove("agreement")  # judges alone, no pass of the captioner
        reproduce(bench, names, suite, told=rows.told)
    return rows, run


def test_every_experiment_keeps_to_what_fits(tmp_path: Path) -> None:
    free, whole = measured(tmp_path / "free", None)
    short, cut = measured(tmp_path / "short", FITS)
    assert set(free.most) == set(short.most) >= {"layers", "ablation", "prompts", "gallery", "looks"}
    assert min(free.most[name] for name in ("layers", "ablation", "gallery", "looks")) > FITS
    assert max(short.most.values()) <= FITS
    for name in whole.stages():  # parts are as they were: what fits on a machine does not change a run
        paths = [sorted(path.name for path in (run.folder / name).iterdir()) for run in (whole, cut)]
        assert paths[0] == paths[1]
    texts = [
        [row.caption for row in run.results("captions", Captioned).rows.values()] for run in (whole, cut)
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(("fits", "size", "wanted"), [(None, 16, 16), (4, 16, 4), (32, 16, 16)])
def test_what_fits_bounds_a_batch(fits: int | None, size: int, wanted: int) -> None:
    captioner = machines.captioner()
    captioner.largest_batch = fits
    assert captioner.fitting(size) == wanted


@pytest.mark.parametrize("verb", ["ablate", "compare"])
def test_edits_of_one_image_keep_to_what_fits(verb: str) -> None:
    captioner, (image,) = machines.captioner(), machines.images()
    made = []
    for fits in (None, FITS):
        captioner.largest_batch = fits
        rows = Rows(captioner)
        if verb == "ablate":
            done = mx.ablate(captioner, image, target=1, counts=(3,), draws=4)
            made.append([(one.arm, one.draw, one.caption) for one in done.rows])
        else:
            told = mx.compare(captioner, image, ["L0.u1"], target=1, draws=4)
            made.append([one.caption.text for one in (told.plain, told.edited, *told.random)])
        rows.told(verb, None)
        assert rows.most[verb] == FITS if fits else rows.most[verb] > FITS
    assert made[0] == made[1]
