"""``doctor --paper`` reads a few tensors, one after another: its memory does not grow with the checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import printed
from shell import python

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="Linux tells the peak")

#: Bytes of a layer's other weights, which no decoding needs. The file is sparse: it takes no room on the disk.
REST = 16_000_000
MEASURE = """
import sys, torch
from safetensors import safe_open
from molyneux.experiments.oracle import ask_paper
from molyneux.models.limber import LimberConfig, LimberProcessor  # what asking imports
from pathlib import Path
torch.ones(64, 64) @ torch.ones(64, 64)

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

before = peak()
if sys.argv[2] == "lazy":
    report = ask_paper(sys.argv[1])
    assert report.agreements[0].ordered.count == 27
else:
    held = []
    for file in sorted(Path(sys.argv[1]).glob("*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            held += [opened.get_tensor(name).clone() for name in opened.keys()]
print(peak() - before)
"""


def _add_the_rest(folder: Path) -> int:
    """The other weights of every layer, in a shard of their own, all 0."""
    header, start = {}, 0
    for layer in range(printed.LAYERS):
        spot = {"dtype": "F16", "shape": [REST // 2], "data_offsets": [start, start + REST]}
        header[f"transformer.h.{layer}.mlp.fc_in.weight"] = spot
        start += REST
    told = json.dumps(header).encode()
    path = folder / "model-rest.safetensors"
    path.write_bytes(len(told).to_bytes(8, "little") + told)
    with path.open("r+b") as file:
        file.truncate(8 + len(told) + start)
    index = folder / "model.safetensors.index.json"
    said = json.loads(index.read_text())
    said["weight_map"] |= dict.fromkeys(header, path.name)
    index.write_text(json.dumps(said))
    return start


def test_peak_memory_is_that_of_a_part(tmp_path: Path) -> None:
    folder = printed.plant(tmp_path / "gptj").folder
    size = _add_the_rest(folder) + sum(file.stat().st_size for file in folder.glob("model-0*"))
    grown = {}
    for way in ("lazy", "eager"):
        done = python("-c", MEASURE, str(folder), way)
        assert done.returncode == 0, done.stderr
        grown[way] = int(done.stdout)
    assert grown["eager"] > 0.9 * size > 300_000_000  # the measure sees what is read
    assert grown["lazy"] < size / 4  # 35 MB were seen
