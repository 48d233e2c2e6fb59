"""The miniature's world: the same scene gives the same picture, and the masks tell what one sees."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from molyneux.ground.errors import SettingError
from molyneux.miniature.drawing.palette import COLOURS, PALETTE
from molyneux.miniature.drawing.shapes import SHAPES
from molyneux.miniature.scene import BACKGROUNDS, CATEGORIES, PRIOR, Scene, Thing
from molyneux.miniature.world import render, sample_scene


def scenes(count: int, *, first: int = 0) -> list[Scene]:
    return [sample_scene(np.random.default_rng(first + k)) for k in range(count)]


def test_tables_agree() -> None:
    assert set(SHAPES) == set(PALETTE) == set(PRIOR) == set(CATEGORIES)
    assert {name for names in PALETTE.values() for name in names} <= set(COLOURS)
    assert {place for places in PRIOR.values() for place in places} <= set(BACKGROUNDS)
    assert all(max(shape.width, shape.height) == 1 for shape in SHAPES.values())


def test_no_colour_tells_the_category() -> None:
    wearers = Counter(colour for names in PALETTE.values() for colour in names)
    assert min(wearers.values()) >= 2
    assert min(len(names) for names in PALETTE.values()) >= 3


def test_same_seed_same_pixels() -> None:
    one, two = (sample_scene(np.random.default_rng(7)) for _ in range(2))
    assert one == two
    first, second = render(one), render(two)
    assert first.image.tobytes() == second.image.tobytes()
    assert all(np.array_equal(a, b) for a, b in zip(first.masks, second.masks, strict=True))
    other = replace(one, things=(replace(one.things[0], seed=one.things[0].seed + 1), *one.things[1:]))
    assert render(other).image.tobytes() != first.image.tobytes()


@pytest.mark.parametrize("side", [64, 256])
def test_masks_are_disjoint_and_the_main_one_is_seen(side: int) -> None:
    for scene in scenes(24):
        drawn = render(scene, side=side)
        assert drawn.image.size == (side, side)
        assert drawn.image.mode == "RGB"
        assert len(drawn.masks) == len(scene.things)
        assert all(mask.shape == (side, side) and mask.dtype == bool for mask in drawn.masks)
        assert np.sum(drawn.masks, axis=0).max() <= 1
        assert drawn.masks[0].mean() > 0.03


@pytest.mark.parametrize("category", CATEGORIES)
def test_mask_is_where_the_picture_changes(category: str) -> None:
    """With and without the thing: nearly all its pixels change, and nothing else but a shadow under it."""
    shape = SHAPES[category]
    thing = Thing(category, PALETTE[category][0], 0.5, 0.5, 0.7, False, 3)
    scene = Scene("snow", (thing,), 1.0, 5)
    drawn = render(scene)
    with_it = np.asarray(drawn.image, dtype=int)
    without = np.asarray(render(replace(scene, things=())).image, dtype=int)
    changed = np.abs(with_it - without).sum(-1) > 12
    mask = drawn.masks[0]
    assert changed[mask].mean() > 0.9
    grown = mask.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            grown |= np.roll(mask, step, axis)
    stray = changed & ~grown
    rows, columns = np.nonzero(mask)
    shadow = np.zeros_like(stray)
    if not shape.aloft:
        shadow[int(rows.max() - 0.16 * 256) :] = True
    assert (stray & ~shadow).sum() <= 0.01 * mask.sum()
    size = max(np.ptp(rows), np.ptp(columns)) / 256
    assert 0.6 * thing.size < size < 1.25 * thing.size


def test_what_is_in_front_hides_what_is_behind() -> None:
    front = Thing("elephant", "grey", 0.5, 0.6, 0.8, False, 1)
    behind = Thing("clock", "red", 0.5, 0.5, 0.3, False, 2)
    alone = render(Scene("snow", (front,), 1.0, 5)).masks[0]
    both = render(Scene("snow", (front, behind), 1.0, 5)).masks
    np.testing.assert_array_equal(both[0], alone)
    assert not (both[1] & alone).any()
    away = render(Scene("snow", (front, replace(behind, x=2.0)), 1.0, 5)).masks
    assert not away[1].any()


def test_mirrored_thing_has_the_mirrored_mask() -> None:
    thing = Thing("car", "red", 0.5, 0.5, 0.7, False, 1)
    straight = render(Scene("sea", (thing,), 0.5, 1)).masks[0]
    mirrored = render(Scene("sea", (replace(thing, flip=True),), 0.5, 1)).masks[0]
    assert (straight[:, ::-1] != mirrored).mean() < 0.01
    assert (straight != mirrored).mean() > 0.01


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_category_before_every_background(background: str) -> None:
    for seed, category in enumerate(CATEGORIES):
        thing = Thing(category, PALETTE[category][-1], 0.5, 0.55, 0.6, bool(seed % 2), seed)
        picture = np.asarray(render(Scene(background, (thing,), 0.4, seed), side=64).image)
        assert picture.std() > 5


def test_statistics_of_scenes() -> None:
    many = scenes(4000)
    native = np.mean([scene.background in PRIOR[scene.things[0].category] for scene in many])
    by_chance = np.mean([len(PRIOR[scene.things[0].category]) for scene in many]) / len(BACKGROUNDS)
    assert native == pytest.approx(0.85 + 0.15 * by_chance, abs=0.02)
    counts = Counter(scene.things[0].category for scene in many)
    assert set(counts) == set(CATEGORIES)
    spread = (4000 / 16 * 15 / 16) ** 0.5
    assert all(abs(count - 4000 / 16) < 5 * spread for count in counts.values())
    assert {len(scene.things) for scene in many} == {1, 2, 3}
    assert {scene.background for scene in many} == set(BACKGROUNDS)
    for scene in many:
        main, *others = scene.things
        assert 0.55 <= main.size <= 0.85
        assert all(other.size < main.size for other in others)
        assert 0.0 <= main.x <= 1.0
        assert 0.0 <= main.y <= 1.0


def test_light_darkens() -> None:
    scene = scenes(1)[0]
    noon, dusk = (np.asarray(render(replace(scene, light=light)).image).mean() for light in (1.0, 0.0))
    assert dusk < noon


def test_tiny_side_is_refused() -> None:
    with pytest.raises(SettingError, match="at least 16"):
        render(scenes(1)[0], side=8)
