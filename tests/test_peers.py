"""Our scores against captum, nnsight and transformer-lens on a tiny GPT-J, and the benchmark's own health.

The peers' side is the benchmark's: what is timed there is what is compared here. Scripts run in processes of
their own, because peers change torch for everybody when they are imported (nnsight: Tensor.backward).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"
PEERS = {"captum": "captum", "captum, a call a layer": "captum", "nnsight": "nnsight"}
PEERS |= {"transformer-lens": "transformer_lens"}

COMPARE = """
import json, sys
sys.path[:0] = sys.argv[1:]
import torch
from machines import PATCHES, captioner, images
from molyneux.data.gate import open_image
from contenders import OURS
from peers import PEERS, installed
from random_limber import Case, Size

machine = captioner()
machine.model.requires_grad_(False)
case = Case(Size(3, 32, PATCHES), captioner=machine, picture=open_image(images()[0]))
assert len(case.target.prefix) == 2
found = {}
for site in ("pre", "post"):
    ours = torch.stack(OURS["molyneux, dense"](case, site)())
    assert ours.shape == (3, PATCHES, 40) and ours[0].norm() > 0 and ours[1].norm() > 0
    for name in filter(installed, PEERS):
        theirs = torch.stack(PEERS[name](case, site)())
        assert ours.shape == theirs.shape
        found[name + site] = [float((a - b).norm() / (b.norm() or 1)) for a, b in zip(ours, theirs)]
print("found " + json.dumps(found))
"""


def run(*arguments: str) -> str:
    environment = dict(os.environ, HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1", WANDB_MODE="disabled")
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def errors() -> dict[str, list[float]]:
    """Relative difference, a layer each, of every installed peer's scores, by its name and the site."""
    said = run("-c", COMPARE, str(BENCH), str(Path(__file__).parent))
    return json.loads(said.split("found ")[-1])


@pytest.mark.peers
@pytest.mark.parametrize("site", ["pre", "post"])
@pytest.mark.parametrize("name", PEERS)
def test_scores_of_every_layer_patch_and_unit_equal_a_peers(
    name: str, site: str, request: pytest.FixtureRequest
) -> None:
    if find_spec(PEERS[name]) is None:
        pytest.skip(f"{name} is not installed: pip install -e .[peers] -c constraints.txt")
    by_layer = request.getfixturevalue("errors")[name + site]
    assert len(by_layer) == 3
    assert max(by_layer) < 1e-5


@pytest.mark.slow
def test_the_benchmark_runs_and_its_contenders_agree(tmp_path: Path) -> None:
    said = run(
        str(BENCH / "attribution.py"), "--quick", "--threads", "1", "--json", str(tmp_path / "out.json")
    )
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    names = [row["contender"] for row in rows]
    assert len(rows) == 2 * len(set(names))
    wanted = {
        "molyneux",
        "bare passes",
        "caption + bare passes",
        "caption + scores, 2nd token (molyneux)",
        *PEERS,
    }
    assert wanted <= set(names)
    for row in rows:
        assert f"| {row['contender']} | " in said
        if row["contender"] in PEERS and row["installed"]:
            assert row["error"] < 1e-5
        if row["installed"]:
            assert row["seconds"]
            assert row["ratio"] > 0
        else:
            assert f"| {row['contender']} | not installed |" in said
    assert "bar 1.15" in said
