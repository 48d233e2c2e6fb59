"""Real photographs through the shipped miniature: odd aspects, phone sizes, turned by EXIF. It has never seen
one; what it says of them is its own affair, but nothing may go wrong."""

from __future__ import annotations

import pytest
import skimage.data
from PIL import Image
from sklearn.datasets import load_sample_images

import molyneux as mx

PHOTOS = {
    "astronaut": skimage.data.astronaut,
    "chelsea": skimage.data.chelsea,
    "coffee": skimage.data.coffee,
    "rocket": skimage.data.rocket,
    "china": lambda: load_sample_images().images[0],
    "flower": lambda: load_sample_images().images[1],
}
ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def miniature() -> mx.Captioner:
    return mx.load("miniature", device="cpu")


@pytest.mark.parametrize("name", sorted(PHOTOS))
def test_photographs_give_captions_neurons_and_maps(name: str, miniature: mx.Captioner, tmp_path) -> None:
    pixels = PHOTOS[name]()
    path = tmp_path / f"{name}.jpg"
    Image.fromarray(pixels).save(path, quality=90)
    found = mx.attribute(miniature, path, target=0, top=5)
    assert found.caption.text
    assert len(found.neurons) == 5
    field = mx.receptive_field(miniature, path, found.neurons[0].neuron)
    assert tuple(field.shape) == pixels.shape[:2]


@pytest.mark.parametrize("box", [(0, 0, 512, 40), (200, 0, 230, 512), (0, 0, 1, 1), (100, 100, 101, 350)])
def test_odd_aspects_and_tiny_crops(
    box: tuple[int, int, int, int], miniature: mx.Captioner, tmp_path
) -> None:
    left, top, right, bottom = box
    pixels = PHOTOS["astronaut"]()[top:bottom, left:right]
    path = tmp_path / "crop.jpg"
    Image.fromarray(pixels).save(path)
    if max(pixels.shape[:2]) > 50 * min(pixels.shape[:2]):
        with pytest.raises(mx.ImageError, match="crop"):
            miniature.caption(path)
        return
    found = mx.attribute(miniature, path, target=0, top=3)
    field = mx.receptive_field(miniature, path, found.neurons[0].neuron)
    assert tuple(field.shape) == pixels.shape[:2]


@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_turns_input_and_map_alike(orientation: int, miniature: mx.Captioner, tmp_path) -> None:
    stored = PHOTOS["chelsea"]()[:200, :300]
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(stored).save(path, exif=exif)
    upright = mx.open_image(path).image
    assert upright.size == ((200, 300) if orientation >= 5 else (300, 200))
    found, plain = (mx.attribute(miniature, source, target=0, top=3) for source in (path, upright))
    assert found.caption.text == plain.caption.text
    assert found.neurons == plain.neurons
    neuron = found.neurons[0].neuron
    assert mx.receptive_field(miniature, path, neuron).shape == (upright.height, upright.width)
