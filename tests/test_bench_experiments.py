"""The benchmark of the experiments still runs, on a few images, and compares its numbers before it times them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "bench" / "experiments.py"


@pytest.mark.slow
def test_every_row_is_told_and_the_sweeps_agree(tmp_path: Path) -> None:
    words = ["--quick", "--images", "2", "--rounds", "1", "--json", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        capture_output=True,
        text=True,
        env=dict(os.environ, HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1"),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "out").read_text())["rows"]
    assert list(rows) == ["sweep", "scores", "atlas", "resume"]
    assert 0 <= rows["sweep"]["differs"] <= 1e-5
    assert rows["sweep"]["ratio"] > 1.5, "a sweep in rows of a batch is no faster than one edit at a time"
    assert rows["resume"]["ours"][0] < 2
    for row in rows.values():
        assert f"| {row['work']} | " in done.stdout
    assert done.stdout.count("(bar ") == 2


def test_sweeps_that_differ_end_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    from experiments import same_numbers

    assert same_numbers([[(0.5, "a dog")]], [[(0.5 + 1e-6, "a dog")]]) == pytest.approx(1e-6)
    for other in ((0.5 + 1e-4, "a dog"), (0.5, "a cat")):
        with pytest.raises(SystemExit, match="differ"):
            same_numbers([[(0.5, "a dog")]], [[other]])
