"""Draw docs/images/world.png: a scene of every category, and below the same ones at the size that the encoder gets.

    python scripts/contact_sheet.py OUT.png

The scenes are the first of every category among development seeds; nothing is picked by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from molyneux.miniature.dataset import DEVELOPMENT, scene_of
from molyneux.miniature.scene import CATEGORIES
from molyneux.miniature.world import render

SIDE, GAP, COLUMNS, EYE = 256, 8, 4, 64


def first_of_every_category() -> list[int]:
    """The first development seed of every category, in the order of the categories."""
    found: dict[str, int] = {}
    for seed in DEVELOPMENT:
        found.setdefault(scene_of(seed).things[0].category, seed)
        if len(found) == len(CATEGORIES):
            break
    return [found[name] for name in CATEGORIES]


def sheet(seeds: list[int]) -> Image.Image:
    """Pictures in rows as they are rendered; below, one row of all of them at 64 pixels."""
    step, rows = SIDE + GAP, -(-len(seeds) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * step - GAP, rows * step + EYE), "white")
    for place, seed in enumerate(seeds):
        picture = render(scene_of(seed), side=SIDE).image
        page.paste(picture, ((place % COLUMNS) * step, (place // COLUMNS) * step))
        small = picture.resize((EYE, EYE), Image.Resampling.BILINEAR)
        page.paste(small, (round(place * (page.width - EYE) / (len(seeds) - 1)), rows * step))
    return page


if __name__ == "__main__":
    sheet(first_of_every_category()).save(Path(sys.argv[1]), optimize=True)
