"""The paper's own machine with random weights: seconds and peak memory of captioning, attribution and decoding.

    python bench/models.py                                   4 layers of GPT-J 6B in float32
    python bench/models.py --layers 28 --dtype bfloat16      all of it: 12 GiB of weights, 14 GB at peak
    python bench/models.py --layers 28 --dtype bfloat16 --device cuda --images 64

Each is told as a multiple of the bare transformers passes on the same inputs, timed in turn with them in the
same process. With --images, also images a second for caption + attribution + decoding of the hundred best.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from statistics import median
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from contenders import bare
from full_size import PAPER, SMALL, full_case
from measure import interleaved, ratio
from memory import Meter
from PIL import Image
from random_limber import TOKENS, Case

from molyneux.data.gate import open_image
from molyneux.models.captioner import GREEDY
from molyneux.neurons.attribute import AttributionSettings, attribute_batch
from molyneux.neurons.decode import decode

Work = Callable[[], Any]

FORWARD, BOTH, GENERATE = "bare forward", "bare forward and backward", "bare generate"
CAPTION, ATTRIBUTION, DECODING = "caption", "attribution", "decoding of 100 neurons"
WHOLE = "caption + attribution"
FLOORS = {GENERATE: FORWARD, CAPTION: FORWARD, ATTRIBUTION: BOTH, DECODING: FORWARD, WHOLE: BOTH}
"""What a row's seconds and memory are told in multiples of."""
TIME_BAR, MEMORY_BAR = 1.15, 1.25
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def works_of(case: Case) -> dict[str, Work]:
    """What is timed, by its name; each begins with the image and ends with numbers or text."""
    captioner, model = case.captioner, case.captioner.model
    settings = AttributionSettings(top=100)

    @torch.no_grad()
    def forward() -> Any:
        return model(**case.inputs(), logits_to_keep=1, use_cache=False).logits

    def generate() -> Any:
        return model.generate(**captioner.prepare([case.picture]), **GREEDY, max_new_tokens=TOKENS)

    def attribution() -> Any:
        (found,) = attribute_batch(
            captioner, [case.picture], targets=[case.target], captions=[case.caption], settings=settings
        )
        return found.neurons, found.pairs

    def whole() -> Any:
        (found,) = attribute_batch(
            captioner, [case.picture], wanted=2, max_new_tokens=TOKENS, settings=settings
        )
        return found.neurons, found.pairs

    best = [score.neuron for score in attribution()[0]]
    return {
        FORWARD: forward,
        BOTH: bare(case, "pre"),
        GENERATE: generate,
        CAPTION: lambda: captioner.caption(case.picture, max_new_tokens=TOKENS),
        ATTRIBUTION: attribution,
        DECODING: lambda: decode(captioner, best),
        WHOLE: whole,
    }


def measured(case: Case, options: argparse.Namespace, meter: Meter) -> list[dict[str, Any]]:
    """A row for each work: seconds of every round, and bytes at peak above the loaded model and in all."""
    works = works_of(case)
    timed = {name: meter.finished(work) for name, work in works.items()}
    seconds = interleaved(timed, options.rounds, clock=CLOCKS[options.clock])
    peaks = {name: meter.peak(work) for name, work in works.items()}
    rows: list[dict[str, Any]] = []
    for name, (above, whole) in peaks.items():
        row: dict[str, Any] = {"work": name, "seconds": seconds[name], "peak_bytes": above, "in_all": whole}
        if name in FLOORS:
            row |= {
                "to": FLOORS[name],
                "time_ratio": ratio(seconds[name], seconds[FLOORS[name]]),
                "memory_ratio": above / max(peaks[FLOORS[name]][0], 1),
            }
        rows.append(row)
    return rows


def throughput(case: Case, options: argparse.Namespace, meter: Meter) -> dict[str, float]:
    """Images a second over ``options.images`` images, batched, after one batch that does not count."""
    random = np.random.default_rng(1)
    shape = (case.size.side, case.size.side, 3)
    noise = random.integers(0, 255, (options.images, *shape), dtype=np.uint8)
    pictures = [open_image(Image.fromarray(one)) for one in noise]
    settings = AttributionSettings(top=100)

    def run(some: Sequence[Any]) -> None:
        found = attribute_batch(case.captioner, some, wanted=2, max_new_tokens=TOKENS, settings=settings)
        for one in found:
            decode(case.captioner, [score.neuron for score in one.neurons])

    def all_of_them() -> None:
        for start in range(0, len(pictures), options.batch_size):
            run(pictures[start : start + options.batch_size])

    run(pictures[: options.batch_size])
    start = time.perf_counter()
    above, whole = meter.peak(all_of_them)
    seconds = time.perf_counter() - start
    return {"images": len(pictures), "seconds": seconds, "peak_bytes": above, "in_all": whole}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a Markdown table."""
    lines = [
        "| | seconds: median (min to max) | times | peak above the model, MB | times | peak in all, GB |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        took = row["seconds"]
        time_ratio, memory_ratio = (
            f"{row[key]:.2f} x {row['to']}" if "to" in row else "" for key in ("time_ratio", "memory_ratio")
        )
        lines.append(
            f"| {row['work']} | {median(took):.2f} ({min(took):.2f} to {max(took):.2f}) | {time_ratio} "
            f"| {row['peak_bytes'] / 1e6:.0f} | {memory_ratio} | {row['in_all'] / 1e9:.2f} |"
        )
    return "\n".join(lines)


def verdicts(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A line a bar: kept or missed, with the number; then ours against the same bare calls, added up."""
    by_name = {row["work"]: row for row in rows}
    seconds = {name: row["seconds"] for name, row in by_name.items()}
    ours = by_name[ATTRIBUTION]
    bars = (("seconds", "time_ratio", TIME_BAR), ("peak memory above the model", "memory_ratio", MEMORY_BAR))
    said = [
        f"{ATTRIBUTION}, {what}: {ours[key]:.2f} x {BOTH} (bar {bar}): {'kept' if ours[key] <= bar else 'MISSED'}"
        for what, key, bar in bars
    ]
    one_by_one = [sum(turn) for turn in zip(seconds[GENERATE], seconds[BOTH], strict=True)]
    said.append(f"{CAPTION}, seconds: {ratio(seconds[CAPTION], seconds[GENERATE]):.2f} x {GENERATE}")
    said.append(f"{WHOLE}, seconds: {ratio(seconds[WHOLE], one_by_one):.2f} x ({GENERATE}, then {BOTH})")
    return said


def surroundings(options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Date, machine and versions that the numbers hold for."""
    chip = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "date": date.today().isoformat(),
        "machine": f"{chip}, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        "load": os.getloadavg()[0],
        "versions": {name: version(name) for name in ("torch", "transformers")},
        "layers": options.layers,
        "dtype": options.dtype,
        "rounds": options.rounds,
        "clock": options.clock,
    }


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layers", type=int, default=4, help="of GPT-J's 28")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5, help="repetitions of every row, interleaved")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall", help="cpu: on a busy machine")
    parser.add_argument("--images", type=int, default=0, help="also images a second over so many")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--quick", action="store_true", help="a toy model, one round: does all still run?")
    parser.add_argument("--json", metavar="FILE", help="write every number to a file as well")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the model, measure, print."""
    options = _options(arguments)
    if options.quick:
        options.layers, options.rounds = SMALL.layers, 1
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    about, meter = surroundings(options, device), Meter(device)
    print(json.dumps(about), flush=True)
    start = time.perf_counter()
    size = SMALL if options.quick else replace(PAPER, layers=options.layers)
    case = full_case(size, dtype=getattr(torch, options.dtype), device=device)
    weights = sum(p.numel() * p.element_size() for p in case.captioner.model.parameters())
    made = {"seconds": time.perf_counter() - start, "bytes": weights, "peak": meter.highest()}
    print(
        f"{weights / 2**30:.2f} GiB of weights in {made['seconds']:.0f} s, {made['peak'] / 1e9:.2f} GB at peak"
    )
    rows = measured(case, options, meter)
    print(table(rows), "\n".join(verdicts(rows)), sep="\n\n", flush=True)
    results = about | {"weights": made, "rows": rows, "load_after": os.getloadavg()[0]}
    if options.images:
        results["throughput"] = rate = throughput(case, options, meter)
        print(
            f"\n{rate['images']} images, caption + attribution + decoding: {rate['seconds']:.1f} s, "
            f"{rate['images'] / rate['seconds']:.2f} images a second, {rate['in_all'] / 1e9:.2f} GB at peak"
        )
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
