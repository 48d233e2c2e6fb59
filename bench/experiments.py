"""What the experiments cost: the ablation sweep, captions with scores, the atlas, and taking up a finished run.

    python bench/experiments.py                    ratios within one run; seconds of the processor
    python bench/experiments.py --clock wall       seconds on the clock, for a machine that does nothing else

The sweep's numbers are compared with those of the plain one, and the script fails if they differ.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from measure import interleaved, ratio
from plain_ablation import plain_sweep
from random_limber import Size, build

from molyneux.data.folders import open_data
from molyneux.data.gate import open_image
from molyneux.data.sources import Source
from molyneux.experiments.ablation import AblationSettings, ablate_image, plan
from molyneux.experiments.atlas import build_from_weights
from molyneux.experiments.atlas_weights import LoadedWeights
from molyneux.experiments.bench import BatchSize, Bench, sampled
from molyneux.experiments.captions import Captioned, caption_stage, target_of
from molyneux.experiments.layers import LayersSettings, summarise
from molyneux.experiments.suite import suite_for
from molyneux.ground.assets import asset
from molyneux.ground.manifest import Identity
from molyneux.ground.neuron import NeuronId
from molyneux.ground.run import writing
from molyneux.ground.work import work
from molyneux.models.captioner import Captioner
from molyneux.models.load import load
from molyneux.neurons.attribute import AttributionSettings, attribute_batch

CLOCKS = {"cpu": time.process_time, "wall": time.perf_counter}
NINE = (0, 1, 2, 4, 9, 18, 36, 71, 143)
"""The paper's nine levels as shares of the miniature's units."""
TOLERANCE = 1e-5
BARS = {"sweep": 3.0, "resume": 2.0}
IDENTITY = Identity(settings={"bench": True}, weights={}, data={})
Row = dict[str, Any]


def _shared(captioner: Captioner, images: int, folder: Path) -> tuple[Bench, list[Any]]:
    """A bench, and its images with what the captions stage says of them."""
    sources = sampled(0, open_data(asset("miniature")).usable(), images, purpose="images")
    suite = suite_for(captioner.layout.layers, captioner.layout.units)
    with writing(folder, IDENTITY) as run:
        bench = Bench(run, captioner, sources, judge="miniature")
        rows = caption_stage(bench, suite.captions).rows_of(sources)
    kept = [
        (s, open_image(s.path), r)
        for s, r in zip(sources, rows, strict=True)
        if isinstance(r, Captioned) and r.noun
    ]
    return bench, kept


def sweep(captioner: Captioner, options: argparse.Namespace, folder: Path) -> Row:
    """Nine levels, three arms, p(c) and new captions: in rows of a batch, and a level at a time."""
    bench, kept = _shared(captioner, options.images, folder / "sweep")
    shared = suite_for(captioner.layout.layers, captioner.layout.units).captions
    settings = AblationSettings(counts=NINE)
    units = captioner.layout.units

    def ours() -> list[list[tuple[float, str | None]]]:
        made = [ablate_image(bench, settings, shared, one, size=BatchSize(settings.edits)) for one in kept]
        return [
            [(row.probability, row.caption), *((e.probability, e.caption) for e in row.edits)] for row in made
        ]

    def plain() -> list[list[tuple[float, str]]]:
        found = []
        for source, picture, row in kept:
            edits: list[list[NeuronId]] = [
                [],
                *(one[3] for one in plan(row, settings, item=source.id, units=units, seed=0)),
            ]
            inputs = captioner.prepare([picture])
            found.append(
                plain_sweep(
                    captioner, inputs, target_of(row), edits=edits, max_new_tokens=shared.max_new_tokens
                )
            )
        return found

    furthest = same_numbers(ours(), plain())
    seconds = interleaved({"ours": ours, "plain": plain}, options.rounds, clock=CLOCKS[options.clock])
    return {
        "work": f"ablation sweep, {len(NINE)} levels x 3 arms, {len(kept)} images of the miniature",
        "ours": seconds["ours"],
        "to": "a level at a time, plain hooks",
        "theirs": seconds["plain"],
        "ratio": ratio(seconds["plain"], seconds["ours"]),
        "differs": furthest,
    }


def same_numbers(ours: list[Any], plain: list[Any]) -> float:
    """The largest difference of a probability.

    Raises:
        SystemExit: it exceeds the tolerance, or a caption differs.
    """
    pairs = [pair for one, other in zip(ours, plain, strict=True) for pair in zip(one, other, strict=True)]
    captions = [(mine[1], its[1]) for mine, its in pairs if mine[1] != its[1]]
    furthest = max(abs(mine[0] - its[0]) for mine, its in pairs)
    if captions or furthest > TOLERANCE:
        raise SystemExit(
            f"the sweeps differ: {furthest:.2e}, {len(captions)} captions, such as {captions[:1]}"
        )
    return furthest


def scores(captioner: Captioner, options: argparse.Namespace, folder: Path) -> Row:
    """A batch's captions with the scores of all units and the best hundred, against its captions."""
    sources = sampled(1, open_data(asset("miniature")).usable(), 16, purpose="images")
    pictures = [open_image(source.path) for source in sources]
    settings = AttributionSettings(top=100)
    seconds = interleaved(
        {
            "ours": lambda: [one.neurons for one in attribute_batch(captioner, pictures, settings=settings)],
            "captions": lambda: captioner.generate(pictures),
        },
        options.rounds,
        clock=CLOCKS[options.clock],
    )
    return {
        "work": f"caption + attribution + top 100, a batch of {len(pictures)}",
        "ours": seconds["ours"],
        "to": "captions alone",
        "theirs": seconds["captions"],
        "ratio": ratio(seconds["ours"], seconds["captions"]),
    }


def atlas(options: argparse.Namespace, folder: Path) -> Row:
    """An atlas from weights in memory, whole, against the products of its matrices alone."""
    size = Size(2, 128, 16, 2000) if options.quick else Size(4, 1024, 16, 50_257)
    weights = LoadedWeights(build(size))
    number = iter(range(10_000))
    head = weights.captioner.model.get_output_embeddings().weight.detach()
    outs = [mlp.out.weight.detach() for mlp in weights.captioner.layout.mlps]

    def ours() -> None:
        build_from_weights(weights, folder / f"atlas{next(number)}", name="random")

    def products() -> None:
        for out in outs:
            for start in range(0, out.shape[1], 1024):
                head @ out[:, start : start + 1024]

    seconds = interleaved({"ours": ours, "products": products}, options.rounds, clock=CLOCKS[options.clock])
    return {
        "work": f"atlas of {size}: {size.layers * 4 * size.width:,} neurons",
        "ours": seconds["ours"],
        "to": "its matrix products alone",
        "theirs": seconds["products"],
        "ratio": ratio(seconds["ours"], seconds["products"]),
    }


def resume(captioner: Captioner, options: argparse.Namespace, folder: Path) -> Row:
    """A finished captions stage of 5,000 images, each with 6,400 units in order twice, is taken up."""
    count = 50 if options.quick else 5000
    _, kept = _shared(captioner, 8, folder / "few")
    rng = np.random.default_rng(0)

    def row(place: int) -> Captioned:
        order = [rng.permutation(28 * 16_384)[:6400].astype("<i4").tobytes() for _ in range(2)]
        return replace(kept[place % len(kept)][2], ranked=order[0], ranked_interpretable=order[1])

    items = [Source(f"val2017/{n:012d}.jpg", Path("unused"), f"{n}") for n in range(count)]

    def taken_up(make_rows: Callable[[Any], Any]) -> None:
        with writing(folder / "resume", IDENTITY) as run:
            work(run.stage("captions", items, row=Captioned, part_size=16), make_rows)

    taken_up(lambda some: [row(int(item.label or 0)) for item in some])
    seconds = interleaved(
        {"ours": lambda: taken_up(lambda some: [])}, max(3, options.rounds), clock=CLOCKS[options.clock]
    )
    with writing(folder / "resume", IDENTITY) as run:
        start = CLOCKS[options.clock]()
        context = Bench(run, captioner, ()).context
        summarise(run.results("captions", Captioned), LayersSettings(), context)
        tables = CLOCKS[options.clock]() - start
    size = sum(path.stat().st_size for path in (folder / "resume").rglob("part-*.parquet"))
    return {
        "work": f"a finished run of {count:,} images recognised, {size / 1e6:.0f} MB re-hashed",
        "ours": seconds["ours"],
        "tables": tables,
    }


def told(row: Row) -> str:
    """A row of the Markdown table."""
    took = row["ours"]
    words = f"{median(took):.2f} ({min(took):.2f} to {max(took):.2f})"
    if "theirs" not in row:
        return f"| {row['work']} | {words} | | its rows read and one table made: {row['tables']:.1f} s |"
    faster = "differs" in row
    words_to = f"{row['ratio']:.1f} times as fast as" if faster else f"{row['ratio']:.2f} x"
    more = f"; largest difference {row['differs']:.1e}, same captions" if faster else ""
    return f"| {row['work']} | {words} | {median(row['theirs']):.2f} | {words_to} {row['to']}{more} |"


def main() -> None:
    """Measure, print a table and the bars."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=8, help="of the sweep")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="cpu")
    parser.add_argument("--quick", action="store_true", help="a toy, to see that it runs")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    miniature = load("miniature", device="cpu")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = {
            "sweep": sweep(miniature, options, folder),
            "scores": scores(miniature, options, folder),
            "atlas": atlas(options, folder),
            "resume": resume(miniature, options, folder),
        }
    print("| | seconds: median (min to max) | the other's | |\n|---|---|---|---|")
    for row in rows.values():
        print(told(row))
    kept = rows["sweep"]["ratio"] >= BARS["sweep"]
    print(
        f"\n- sweep: {rows['sweep']['ratio']:.1f} times as fast (bar {BARS['sweep']}): {'kept' if kept else 'MISSED'}"
    )
    took = median(rows["resume"]["ours"])
    print(f"- resume: {took:.2f} s (bar {BARS['resume']}): {'kept' if took < BARS['resume'] else 'MISSED'}")
    if options.json:
        options.json.write_text(json.dumps({"options": vars(options) | {"json": None}, "rows": rows}))


if __name__ == "__main__":
    main()
