"""Draw docs/images/world.png: one scene a category from development seeds, and what the model sees of it.

python scripts/contact_sheet.py OUT.png
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from molyneux.miniature.dataset import DEVELOPMENT, scene_of
from molyneux.miniature.scene import CATEGORIES
from molyneux.miniature.world import render

SIDE, GAP, COLUMNS, EYE = 240, 8, 6, 64


def scenes_of_every_category(each: int) -> list[int]:
    """The first ``each`` development seeds of every category, categories in turn."""
    found: dict[str, list[int]] = {name: [] for name in CATEGORIES}
    for seed in DEVELOPMENT:
        name = scene_of(seed).things[0].category
        if len(found[name]) < each:
            found[name].append(seed)
        if all(len(seeds) == each for seeds in found.values()):
            break
    return [seeds[turn] for turn in range(each) for seeds in found.values()]


def sheet(seeds: list[int]) -> Image.Image:
    """Pictures in rows; below, the first ones again at the size that the encoder gets."""
    rows = -(-len(seeds) // COLUMNS)
    step = SIDE + GAP
    page = Image.new("RGB", (COLUMNS * step - GAP, rows * step - GAP + EYE + GAP), "white")
    for place, seed in enumerate(seeds):
        picture = render(scene_of(seed), side=256).image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        page.paste(picture, ((place % COLUMNS) * step, (place // COLUMNS) * step))
    across = (page.width + GAP) // (EYE + GAP)
    for place, seed in enumerate(seeds[:across]):
        small = render(scene_of(seed), side=256).image.resize((EYE, EYE), Image.Resampling.BILINEAR)
        page.paste(small, (place * (EYE + GAP), rows * step))
    return page


if __name__ == "__main__":
    sheet(scenes_of_every_category(2)[:24]).save(Path(sys.argv[1]), optimize=True)
