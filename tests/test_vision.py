"""The eye's training: targets against slow references, resuming, and folders that transformers opens."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoImageProcessor, AutoModel

from molyneux.ground.errors import SettingError
from molyneux.miniature import sight
from molyneux.miniature.probe import fit_linear, probe, probe_scenes
from molyneux.miniature.pupil import block_masks
from molyneux.miniature.views import prerender, random_views
from molyneux.miniature.vision import VisionRecipe, train_vision

TINY = VisionRecipe(
    steps=12,
    batch=4,
    scenes=24,
    width=16,
    layers=1,
    heads=2,
    edge_codes=8,
    colour_codes=4,
    warmup=2,
    save_every=5,
)


def test_edge_cells_against_a_loop() -> None:
    view = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expected = np.zeros((sight.BINS, 4, 4))
    pixels = view[0].double().numpy()
    for y in range(16):
        for x in range(16):
            best = (-1.0, 0.0, 0.0)
            for channel in pixels:
                dx = channel[y, x + 1] - channel[y, x - 1] if 0 < x < 15 else 0.0
                dy = channel[y + 1, x] - channel[y - 1, x] if 0 < y < 15 else 0.0
                best = max(best, (math.hypot(dx, dy), dx, dy))
            place = math.atan2(best[2], best[1]) / math.pi * sight.BINS % sight.BINS
            low, share = int(place), place - int(place)
            expected[low % sight.BINS, y // 4, x // 4] += best[0] * (1 - share) / 16
            expected[(low + 1) % sight.BINS, y // 4, x // 4] += best[0] * share / 16
    np.testing.assert_allclose(sight.edge_cells(view)[0], expected, atol=2e-4)


def test_windows_lie_about_their_patch() -> None:
    """An edge inside one patch is seen by the windows that reach it and by no other."""
    view = torch.zeros(1, 3, 64, 64)
    view[..., 28, 34] = 1.0
    found, blank = sight.describe(view), sight.describe(torch.zeros(1, 3, 64, 64))
    for kind, reach in (("edges16", 1), ("edges32", 2)):
        touched = {k for k in range(64) if not torch.equal(found[kind][0, k], blank[kind][0, k])}
        rows, columns = {k // 8 for k in touched}, {k % 8 for k in touched}
        assert 3 * 8 + 4 in touched
        assert max(abs(row - 3) for row in rows) <= reach
        assert max(abs(column - 4) for column in columns) <= reach


def test_kmeans_finds_separate_clouds() -> None:
    generator = torch.Generator().manual_seed(0)
    middles = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    points = middles.repeat(50, 1) + torch.randn(150, 2, generator=generator) * 0.1
    centres = sight.kmeans(points, count=3, rounds=20, generator=generator)
    distances = torch.cdist(points, centres)
    assert torch.equal(sight.assign(points, centres), distances.argmin(1))
    if len(set(sight.assign(middles, centres).tolist())) == 3:
        assert torch.cdist(middles, centres).min(1).values.max() < 0.1


def test_bags_count() -> None:
    codes = torch.tensor([[0, 2, 2], [1, 1, 1]])
    assert sight.bags(codes, count=4).tolist() == [[1, 0, 2, 0], [0, 3, 0, 0]]


def test_block_masks_hide_the_same_number() -> None:
    masks = block_masks(50, grid=8, hidden=26, generator=torch.Generator().manual_seed(0))
    assert masks.shape == (50, 64)
    assert set(masks.sum(1).tolist()) == {26}
    grid = masks.view(50, 8, 8)
    together = (grid[:, ::2, ::2] == grid[:, 1::2, 1::2]).float().mean()
    assert together > 0.75
    assert not torch.equal(masks[0], masks[1])


def test_random_views_stay_in_range() -> None:
    pictures = torch.randint(
        0, 256, (6, 72, 72, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    one, two = (random_views(pictures, side=64, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert one.shape == (6, 3, 64, 64)
    assert one.abs().max() <= 1
    assert torch.equal(one, two)


def test_prerender_is_kept(tmp_path: Path) -> None:
    first = np.array(prerender(tmp_path / "s.npy", count=3, side=32, first_seed=1_000_000))
    before = (tmp_path / "s.npy").stat().st_mtime_ns
    second = prerender(tmp_path / "s.npy", count=3, side=32, first_seed=1_000_000)
    assert (tmp_path / "s.npy").stat().st_mtime_ns == before
    np.testing.assert_array_equal(first, second)
    assert prerender(tmp_path / "s.npy", count=2, side=32, first_seed=1_000_000).shape[0] == 2


def test_training_resumes_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train_vision(tmp_path / "whole", TINY)

    def interrupt(*args: object) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("molyneux.miniature.vision.export_encoder", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train_vision(tmp_path / "halted", TINY)
    assert torch.load(tmp_path / "halted/checkpoint.pt", weights_only=True)["step"] == 5
    resumed = train_vision(tmp_path / "halted", TINY)
    one, two = (load_file(folder / "model.safetensors") for folder in (whole, resumed))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert (tmp_path / "halted/latest/config.json").exists()
    lines = [json.loads(line) for line in (tmp_path / "halted/log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [12]


def test_folder_opens_with_transformers(tmp_path: Path) -> None:
    folder = train_vision(tmp_path, TINY)
    model, report = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 150, 3), dtype=np.uint8))
    pixels = processor(picture, return_tensors="pt")["pixel_values"]
    small = np.asarray(picture.resize((64, 64), Image.Resampling.BILINEAR), dtype=np.float32)
    np.testing.assert_allclose(pixels[0].permute(1, 2, 0), small / 127.5 - 1, atol=1e-4)
    features = model(pixels).last_hidden_state
    assert features.shape == (1, 65, 16)
    with torch.no_grad():
        raw = model(pixels, output_hidden_states=True).hidden_states[-1]
    assert torch.equal(raw, features.detach()), "a final norm crept in"


def test_loss_falls(tmp_path: Path) -> None:
    recipe = replace(TINY, steps=100, batch=16, width=32, rate=4e-3, save_every=100)
    train_vision(tmp_path, recipe)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    chance = (2 * math.log(8) + math.log(4)) / 3
    assert lines[-1]["seen"] < 0.9 * chance
    assert lines[-1]["hidden"] < chance


def test_other_recipe_is_refused(tmp_path: Path) -> None:
    train_vision(tmp_path, replace(TINY, steps=1))
    with pytest.raises(SettingError, match="another folder"):
        train_vision(tmp_path, TINY)


@pytest.mark.parametrize(
    "bad", [{"hidden": 64}, {"hidden": 0}, {"patch": 16}, {"scene_side": 32}, {"width": 30, "heads": 4}]
)
def test_bad_recipes_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(SettingError):
        VisionRecipe(**bad)


def test_linear_probe_separates_what_is_separable() -> None:
    generator = torch.Generator().manual_seed(0)
    classes = torch.randint(0, 3, (300,), generator=generator)
    features = torch.randn(300, 5, generator=generator)
    features[torch.arange(300), classes] += 6
    predict = fit_linear(features[:200], classes[:200])
    assert (predict(features[200:]) == classes[200:]).float().mean() > 0.97
    shuffled = classes[torch.randperm(300, generator=generator)]
    predict = fit_linear(features[:200], shuffled[:200])
    assert (predict(features[200:]) == shuffled[200:]).float().mean() < 0.6


def test_probe_reports_shares(tmp_path: Path) -> None:
    folder = train_vision(tmp_path, replace(TINY, steps=1))
    images, scenes = probe_scenes(60)
    assert images.shape == (60, 3, 64, 64)
    found = probe(AutoModel.from_pretrained(folder), images, scenes)
    assert set(found) == {"accuracy", "unusual", "fitted"}
    assert 0 <= found["accuracy"] <= 1
