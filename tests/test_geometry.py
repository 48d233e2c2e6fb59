"""Places of visual positions: maps of several views, families without any, seconds, and the overlays on top."""

from __future__ import annotations

import io
import math
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers import BeitConfig, GPT2Config, ResNetConfig

import families
from families import AUDIO, FRAMES, IMAGE
from geometry_probe import embeddings, look, painted, plain_sighted
from molyneux.data.gate import open_image
from molyneux.ground.errors import ModelError
from molyneux.models.captioner import Captioner
from molyneux.models.geometry import FAMILIES, PatchGrid, PatchMap, TimeSpans, spans_of
from molyneux.models.geometry.frames import WHOLE, cells, placed, tiled, within
from molyneux.models.geometry.sight import Sight
from molyneux.models.geometry.single import limber
from molyneux.models.geometry.tiles import by_tile, whole
from molyneux.models.geometry.views import patch_map, view
from molyneux.models.limber import LimberConfig
from molyneux.neurons.attribute import attribute
from molyneux.neurons.fields import receptive_field
from molyneux.neurons.story import tell

captioner = cache(families.captioner)


def two_scales(width: int = 40, height: int = 20) -> PatchMap:
    """A 4 x 2 grid, a newline after each row, and the whole as a 2 x 1 grid."""
    order = torch.tensor([[0, 1, 2, 3], [5, 6, 7, 8]])
    fine = view(WHOLE, cells(0.0, 1.0, 2), cells(0.0, 1.0, 4), order)
    return patch_map(width, height, [fine, whole(10, (2, 1), WHOLE)], 12)


def test_a_single_view_spreads_values_as_the_plain_grid_does() -> None:
    values = torch.randn(12, generator=torch.Generator().manual_seed(0))
    order = torch.arange(12).reshape(3, 4)
    for width, height in [(64, 48), (31, 17), (4, 3), (5, 200)]:
        plain = PatchGrid(3, 4, width, height, (0.0, 0.0, float(width), float(height)))
        views = patch_map(width, height, [view(WHOLE, cells(0.0, 1.0, 3), cells(0.0, 1.0, 4), order)], 12)
        assert torch.allclose(plain.upsample(values), views.upsample(values), atol=1e-5)
        for patch in range(12):
            assert plain.patch_box(patch) == pytest.approx(views.patch_box(patch))


def test_scales_are_averaged_and_newlines_show_nowhere() -> None:
    grid = two_scales()
    assert (grid.rows, grid.columns) == (2, 4)  # of the finest
    values = torch.zeros(12)
    values[[4, 9]] = 1000.0
    values[10:] = 1.0
    assert torch.equal(grid.upsample(values), torch.full((20, 40), 0.5))
    assert grid.patches == 12
    assert grid.patch_box(4) is None
    assert grid.patch_box(6) == pytest.approx((10.0, 10.0, 20.0, 20.0))
    assert grid.patch_box(11) == pytest.approx((20.0, 0.0, 40.0, 20.0))
    with pytest.raises(ModelError, match=r"patch 12: expected 0\.\.11"):
        grid.patch_box(12)


def test_a_pixel_that_one_view_lacks_has_the_other_ones_value_and_nan_without_any() -> None:
    half = view((0.0, 0.0, 0.5, 1.0), cells(0.0, 1.0, 1), cells(0.0, 1.0, 2), torch.tensor([[0, 1]]))
    left = view((0.0, 0.0, 0.25, 1.0), cells(0.0, 1.0, 1), cells(0.0, 1.0, 1), torch.tensor([[2]]))
    heat = patch_map(40, 4, [half, left], 3).upsample(torch.tensor([2.0, 2.0, 4.0]))
    assert heat[0].tolist() == pytest.approx([3.0] * 10 + [2.0] * 10 + [math.nan] * 20, nan_ok=True)


def test_the_same_places_at_another_size() -> None:
    for grid in (two_scales(), PatchGrid(2, 2, 40, 20, (10.0, 0.0, 30.0, 20.0))):
        small = grid.scaled(20, 5)
        assert (small.width, small.height) == (20, 5)
        big = grid.patch_box(3)
        assert big is not None
        assert small.patch_box(3) == pytest.approx((big[0] / 2, big[1] / 4, big[2] / 2, big[3] / 4))


def test_values_of_a_longer_row_of_the_batch_are_not_read() -> None:
    grid = PatchGrid(1, 2, 8, 4, (0.0, 0.0, 8.0, 4.0))
    longer = torch.tensor([1.0, 2.0, math.nan])
    assert torch.equal(grid.upsample(longer), grid.upsample(longer[:2]))


def test_frames_compose_and_tiles_leave_the_gaps_that_patches_leave() -> None:
    crop = placed((80, 40), (40, 40), (-20, 0))
    assert crop == pytest.approx((0.25, 0.0, 0.75, 1.0))
    assert within(crop, (0.5, 0.0, 1.0, 0.5)) == pytest.approx((0.5, 0.0, 0.75, 0.5))
    axis = tiled(2, 4, 28 / 32)
    assert axis.flatten().tolist() == pytest.approx(
        [(32 * tile + 7 * cell + side) / 64 for tile in (0, 1) for cell in range(4) for side in (0, 7)]
    )
    assert by_tile(3, (2, 1), (2, 2)).tolist() == [[3, 4, 7, 8], [5, 6, 9, 10]]


@pytest.mark.parametrize("family", ["blip2", "mllama"])
def test_queries_and_cross_attention_have_no_place(family: str) -> None:
    machine = captioner(family)
    picture = open_image(painted((64, 48)))
    assert machine.grid(picture, machine.prepare([picture])) is None
    with pytest.raises(ModelError, match="a grid of patches over the image"):
        receptive_field(machine, picture, "L0.u0")


def test_every_family_of_the_table_has_a_tiny_model_here() -> None:
    assert {name.replace("-", "") for name in FAMILIES} == {*IMAGE, "limber"}


@pytest.mark.parametrize(("positions", "rows"), [(144, 12), (1, None), (143, None)])
def test_a_convolutional_encoder_of_limber_gives_a_square_map_or_nothing(
    positions: int, rows: int | None
) -> None:
    config = LimberConfig(vision_config=ResNetConfig(), text_config=GPT2Config(), image_token_id=50257)
    grid = limber(Sight(config, None, (60, 40), positions, {}, 0))
    assert (grid and grid.rows) == rows
    if grid is not None:
        assert grid.patch_box(13) == pytest.approx((5.0, 40 / 12, 10.0, 80 / 12))


@pytest.mark.parametrize("family", sorted(set(IMAGE) - {"blip2", "mllama"}))
def test_images_of_a_batch_are_placed_as_each_alone(family: str) -> None:
    machine = captioner(family)
    pictures = [open_image(image) for image in families.images(4)]
    together = machine.prepare(pictures)
    for row, picture in enumerate(pictures):
        one, wanted = machine.grid(picture, together, row), machine.grid(picture, machine.prepare([picture]))
        assert one is not None
        assert wanted is not None
        assert (one.rows, one.columns, one.patches) == (wanted.rows, wanted.columns, wanted.patches)
        for patch in range(wanted.patches):
            assert one.patch_box(patch) == pytest.approx(wanted.patch_box(patch))


@pytest.mark.parametrize("width", [16, 32, 64])
def test_voxtrals_seconds_follow_the_width_of_its_projector(width: int) -> None:
    model, processor = AUDIO["voxtral"]()
    model.config.audio_config.intermediate_size = width
    twin = type(model)(model.config)
    with torch.no_grad():
        heard = twin.get_audio_features(torch.zeros(1, 8, FRAMES)).pooler_output
    spans = spans_of(twin, processor, len(heard.reshape(-1, heard.shape[-1])))
    assert spans is not None
    assert spans.seconds == pytest.approx(FRAMES * 160 / 16000)


def test_pictures_may_be_longer_than_high() -> None:
    config = LimberConfig(
        vision_config=BeitConfig(image_size=16, patch_size=8), text_config=GPT2Config(), image_token_id=50257
    )
    sight = Sight(config, None, (60, 40), 8, {"pixel_values": torch.zeros(1, 3, 16, 32)}, 0)
    grid = limber(sight)
    assert grid is not None
    assert (grid.rows, grid.columns) == (2, 4)
    assert grid.patch_box(5) == pytest.approx((15.0, 20.0, 30.0, 40.0))


@pytest.mark.parametrize("family", ["llava", "qwen2_vl", "llava_next"])
def test_a_family_that_is_not_in_the_table_has_no_geometry(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = captioner(family)
    picture = open_image(painted((64, 48)))
    inputs = machine.prepare([picture])
    assert machine.grid(picture, inputs) is not None
    monkeypatch.delitem(FAMILIES, machine.model.config.model_type)
    assert machine.grid(picture, inputs) is None


@pytest.mark.parametrize("family", ["qwen2_vl", "llava_next", "idefics3"])
def test_images_that_exif_turns_are_placed_as_they_stand_upright(family: str) -> None:
    torch.manual_seed(0)
    model, processor = IMAGE[family]()
    machine = Captioner(plain_sighted(model), processor)
    size = (160, 96)
    grid = look(machine, [painted(size)]).grid
    assert grid is not None
    finest = grid.views[-1 if family == "llava_next" else 0] if isinstance(grid, PatchMap) else None
    patch = 9 if finest is None else int(finest.positions[1, 2])
    upright = painted(size, grid.patch_box(patch))
    stored = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees, clockwise, to see it upright
    upright.transpose(Image.Transpose.ROTATE_90).save(stored, "PNG", exif=exif)
    assert Image.open(stored).size == (96, 160)
    turned = open_image(stored.getvalue())
    assert turned.image.size == size
    before, after = (look(machine, [image]).vectors[0] for image in (painted(size), turned.image))
    change = (after - before).norm(dim=-1)
    if finest is not None:
        change = change.where(torch.isin(torch.arange(len(change)), finest.positions), 0.0)
    assert int(change.argmax()) == patch


@pytest.mark.parametrize("size", [(90, 30), (33, 120), (65, 64)], ids=str)
@pytest.mark.parametrize("family", ["llava_next", "llava_onevision", "idefics3", "internvl", "fuyu", "llava"])
def test_fields_and_stories_of_any_family_lie_on_the_original(family: str, size: tuple[int, int]) -> None:
    machine = captioner(family)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))
    field = receptive_field(machine, image, "L1.u3")
    assert field.shape == (size[1], size[0])
    assert bool(field.as_subclass(torch.Tensor).isfinite().any())
    assert 0 < int(field.mask(80).sum()) < field.numel()
    picture = open_image(image)
    found = attribute(machine, picture, target=0)
    story = tell(machine, picture, found, views=3)
    for neuron in story.neurons:
        assert neuron.heat is not None
        assert neuron.heat.shape == story.image.shape[:2]
        if neuron.box is not None:
            left, top, right, bottom = neuron.box
            assert -1e-6 <= left < right <= size[0] + 1e-6
            assert -1e-6 <= top < bottom <= size[1] + 1e-6


@pytest.mark.filterwarnings("ignore:At least one mel filter")
@pytest.mark.parametrize("family", AUDIO)
def test_a_sound_changes_the_position_whose_seconds_hold_it(family: str) -> None:
    torch.manual_seed(0)
    model, processor = AUDIO[family]()
    machine = Captioner(plain_sighted(model), processor)
    inputs = families.inputs(machine)  # Qwen2-Audio's by its processor, from 900 samples, 1024 a second
    visual = machine.visual(inputs["input_ids"])
    spans = machine.spans(inputs)
    assert spans is not None
    assert spans == spans_of(model, processor, int(visual[0].sum()))
    frame = {"qwen2_audio": 16 / 1024, "voxtral": 160 / 16000}[family]  # seconds
    length = {"qwen2_audio": 900 / 1024, "voxtral": FRAMES * frame}[family]
    assert abs(spans.seconds - length) < spans.step  # pooling drops a remainder

    def heard(start: float, end: float) -> Tensor:
        features = torch.zeros_like(inputs["input_features"])
        features[..., round(start / frame) : round(end / frame)] = 1.0
        return embeddings(machine, {**inputs, "input_features": features})[visual]

    for position in (0, 1, spans.positions // 2, spans.positions - 1):
        change = (heard(*spans.span(position)) - heard(0.0, 0.0)).norm(dim=-1)
        assert int(change.argmax()) == position


def test_seconds_have_their_bounds_and_images_have_none() -> None:
    spans = TimeSpans(5, 0.04)
    assert spans.span(2) == pytest.approx((0.08, 0.12))
    with pytest.raises(ModelError, match=r"position 5: expected 0\.\.4"):
        spans.span(5)
    machine = captioner("llava")
    assert machine.spans(families.inputs(machine)) is None
