"""The benchmark at the paper's size still runs, on a toy, and tells what it says it tells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "bench" / "models.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_every_row_has_seconds_memory_and_its_floor(tmp_path: Path) -> None:
    words = [
        "--quick",
        "--threads",
        "1",
        "--images",
        "3",
        "--batch-size",
        "2",
        "--json",
        str(tmp_path / "out"),
    ]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        capture_output=True,
        text=True,
        env=dict(os.environ, HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1"),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out").read_text())
    rows = {row["work"]: row for row in found["rows"]}
    assert {row["to"] for row in rows.values() if "to" in row} == {
        "bare forward",
        "bare forward and backward",
    }
    for name, row in rows.items():
        assert f"| {name} | " in done.stdout
        assert len(row["seconds"]) == 1
        assert row["seconds"][0] > 0
        assert row["peak_bytes"] < row["in_all"]
    assert rows["caption"]["time_ratio"] > 1  # ten tokens, against one pass
    assert found["throughput"]["images"] == 3
    assert done.stdout.count("(bar 1.") == 2
