"""Real photographs in odd shapes, sizes and orientations."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from shell import Run, objects

pytest_plugins = ["command_line"]


def photographs() -> dict[str, Image.Image]:
    """Those that scikit-image and scikit-learn carry, cropped to odd aspects, one at a phone camera's size."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    cat = Image.fromarray(data.chelsea())
    return {
        "cat": cat,
        "astronaut": Image.fromarray(data.astronaut()).crop((0, 40, 511, 170)),
        "coffee": Image.fromarray(data.coffee()).crop((300, 0, 341, 400)),
        "temple": Image.fromarray(load_sample_image("china.jpg")),
        "flower": Image.fromarray(load_sample_image("flower.jpg")).resize((4032, 3024)),
    }


def test_photographs_in_odd_shapes_and_sizes(run: Run, tmp_path: Path) -> None:
    paths = []
    for name, image in photographs().items():
        image.save(tmp_path / f"{name}.jpg")
        paths.append(str(tmp_path / f"{name}.jpg"))
    result = run("neurons", *paths, "--json", "--top", "3")
    assert result.exit_code == 0, result.output
    assert [len(one["neurons"]) for one in objects(result)] == [3] * len(paths)
    for path in paths[2:3] + paths[4:]:  # the tallest and the largest
        saved = run("ablate", path, "--counts", "0,5", "--draws", "2", "--save", str(tmp_path / "figures"))
        assert saved.exit_code == 0, saved.output
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "coffee-neurons.png",
        "flower-neurons.png",
    ]


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_turned_photograph_is_the_upright_one(run: Run, tmp_path: Path, orientation: int) -> None:
    upright = photographs()["cat"].crop((20, 10, 351, 240))
    back = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright.save(tmp_path / "upright.png")
    upright.transpose(back[orientation]).save(tmp_path / "turned.png", exif=exif)
    one, two = (
        objects(run("neurons", str(tmp_path / name), "--json")) for name in ("upright.png", "turned.png")
    )
    assert one["caption"] == two["caption"]
    assert one["neurons"] == two["neurons"]
