"""Time and memory of attribution against the bare passes and against captum, nnsight and transformer-lens.

    python bench/attribution.py [--rounds 7] [--json FILE] [--quick]

Every contender starts from the same image and scores every layer's units at every patch for the same token.
Peers come with `pip install -e .[peers] -c constraints.txt`; one that is missing is printed as such.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import version
from itertools import pairwise
from statistics import median
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from contenders import CAPTIONING
from measure import CONTENDERS, interleaved, peak_memory, ratio
from peers import PEERS, installed
from random_limber import QUICK, SIZES, Case, Size

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
BARS = {
    "molyneux": 1.15,
    "caption + scores, 2nd token (molyneux)": 1.15,
    "caption + scores, 3rd token (molyneux)": 1.15,
}


def error(work: Callable[[], list[torch.Tensor]], wanted: list[torch.Tensor]) -> float:
    """Relative difference of two lists of scores, a tensor a layer."""
    found, right = torch.stack(work()).double(), torch.stack(wanted).double()
    return float((found - right).norm() / right.norm())


def measure_size(size: Size, options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each contender at one size."""
    case = Case(size)
    names = [name for name in CONTENDERS if name not in PEERS or installed(name)]
    works = {name: CONTENDERS[name](case, options.site) for name in names}
    dense = works["molyneux, dense"]()
    errors = {name: error(works[name], dense) for name in names if name in PEERS}
    seconds = interleaved(works, options.rounds, clock=CLOCKS[options.clock])
    weighed = options.memory and not (options.quick and size != QUICK[0])
    rows: list[dict[str, Any]] = []
    for name in CONTENDERS:
        row: dict[str, Any] = {"size": str(size), "contender": name, "installed": name in works}
        if name in works:
            floor = "caption + bare backward" if name in CAPTIONING else "bare passes"
            row |= {
                "seconds": seconds[name],
                "ratio": ratio(seconds[name], seconds[floor]),
                "to": floor,
                "peak_bytes": peak_memory(size, name, options.site, options.threads) if weighed else None,
                "error": errors.get(name),
            }
        rows.append(row)
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of one size as a Markdown table."""
    lines = [
        f"**{rows[0]['size']}**\n",
        "| | seconds: median (min to max) | times the bare passes | peak memory, MB | differs from ours by |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        if not row["installed"]:
            lines.append(f"| {row['contender']} | not installed | | | |")
            continue
        took = row["seconds"]
        peak = "not measured" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 1e6:.0f}"
        differs = "" if row["error"] is None else f"{row['error']:.1e}"
        plus = " (with caption)" if row["to"].startswith("caption") else ""
        lines.append(
            f"| {row['contender']} | {median(took):.3f} ({min(took):.3f} to {max(took):.3f}) "
            f"| {row['ratio']:.2f}{plus} | {peak} | {differs} |"
        )
    return "\n".join(lines) + "\n"


def growth(rows: Sequence[dict[str, Any]]) -> str:
    """How median seconds and peak memory grow from each size to the next."""
    lines = ["**Growth from size to size: seconds; peak memory**\n", "| | |", "|---|---|"]
    for name in CONTENDERS:
        mine = [row for row in rows if row["contender"] == name and row["installed"]]
        if len(mine) < 2:
            continue
        times = [median(row["seconds"]) for row in mine]
        peaks = [row["peak_bytes"] for row in mine]
        steps = ", ".join(f"x {b / a:.1f}" for a, b in pairwise(times))
        if None not in peaks:
            steps += "; " + ", ".join(f"x {b / max(a, 1):.1f}" for a, b in pairwise(peaks))
        lines.append(f"| {name} | {steps} |")
    return "\n".join(lines) + "\n"


def verdicts(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A line a bar and size: kept or missed, with the number."""
    said = []
    for size in dict.fromkeys(row["size"] for row in rows):
        here = {row["contender"]: row for row in rows if row["size"] == size and row["installed"]}
        for name, bar in BARS.items():
            kept = "kept" if here[name]["ratio"] <= bar else "MISSED"
            said.append(f"{size}: {name}: {here[name]['ratio']:.2f} x {here[name]['to']} (bar {bar}): {kept}")
        for peer in PEERS:
            if peer in here:
                gain = ratio(here[peer]["seconds"], here["molyneux"]["seconds"])
                kept = "kept" if gain > 1 else "MISSED"
                said.append(f"{size}: {peer}: {gain:.2f} x ours (bar: more than 1): {kept}")
    return said


def surroundings(options: argparse.Namespace) -> dict[str, Any]:
    """Date, machine and versions that the numbers hold for."""
    names = ["torch", "transformers", *(n for n in ("captum", "nnsight", "transformer-lens") if installed(n))]
    return {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {options.threads} threads",
        "versions": {name: version(name) for name in names},
        "site": options.site,
        "rounds": options.rounds,
        "clock": options.clock,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7, help="repetitions of every contender, interleaved")
    parser.add_argument("--site", choices=["pre", "post"], default="pre")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--size", type=int, choices=range(len(SIZES)), help="only this one, counted from 0")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall", help="cpu: on a busy machine")
    parser.add_argument("--no-memory", dest="memory", action="store_false", help="leave peak memory out")
    parser.add_argument("--quick", action="store_true", help="toy sizes, one round: does all still run?")
    parser.add_argument("--json", metavar="FILE", help="write every number to a file as well")
    options = parser.parse_args(arguments)
    sizes = QUICK if options.quick else SIZES if options.size is None else (SIZES[options.size],)
    options.rounds = 1 if options.quick else options.rounds
    torch.set_num_threads(options.threads)
    about = surroundings(options)
    print(json.dumps(about))
    rows: list[dict[str, Any]] = []
    for size in sizes:
        rows += measure_size(size, options)
        print("\n" + table([row for row in rows if row["size"] == str(size)]), flush=True)
    if len(sizes) > 1:
        print(growth(rows))
    print("\n".join(verdicts(rows)))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(about | {"rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
