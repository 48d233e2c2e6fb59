"""``molyneux reproduce`` killed, stopped, starved of disk, contended for and run by two ranks: real processes.

What happens to a run is in test_run_faults; here it happens to the paper's experiments on the miniature.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forked import start, typed
from molyneux.ground.manifest import read_manifest
from molyneux.ground.run import open_run
from molyneux.ground.verify import verify
from runs import wait_until

SMALL = ["--images", "8", "--batch-size", "2", "--counts", "0,1,40", "--no-report", "--json"]
STAGES = ["interpretable", "captions", "ablation"]


def words(out: Path, *more: str) -> list[str]:
    return ["reproduce", "ablation", "layers", "--out", str(out), *SMALL, *more]


def parts(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.glob("*/part-*.parquet"))}


def tables(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run / "tables").glob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    code, said = typed(folder / "log", *words(folder / "run"))
    assert code == 0, said
    made = parts(folder / "run")
    assert [sum(name.startswith(stage) for name in made) for stage in STAGES] == [8, 4, 4]
    return folder / "run"


def same(run: Path, whole: Path) -> None:
    assert parts(run) == parts(whole)
    assert tables(run) == tables(whole)
    assert verify(run).damaged == ()
    assert read_manifest(run).status == "finished"


def resumed(run: Path, whole: Path) -> None:
    code, said = typed(run.parent / "again.log", *words(run))
    assert code == 0, said
    same(run, whole)


# F1: killed.


@pytest.mark.parametrize("seed", range(20))
def test_killed_in_mid_sweep_and_resumed_gives_the_same_results(
    tmp_path: Path, whole: Path, seed: int
) -> None:
    run, chance = tmp_path / "run", random.Random(seed)
    process = start(tmp_path / "log", *words(run))
    least = chance.randrange(14)
    wait_until(lambda: len(parts(run)) >= least or process.exitcode is not None)
    time.sleep(chance.random() * 0.15)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, "it was done before it was killed"
    before = {path: path.stat().st_mtime_ns for path in run.glob("*/part-*.parquet")}
    assert parts(run).items() <= parts(whole).items()
    resumed(run, whole)
    assert {path: path.stat().st_mtime_ns for path in before} == before, "a part that was there was redone"


# F2, F7: parts that are torn or changed.


@pytest.mark.parametrize("stage", STAGES)
def test_a_damaged_part_is_said_and_made_again(tmp_path: Path, whole: Path, stage: str) -> None:
    run = tmp_path / "run"
    subprocess.run(["cp", "-r", str(whole), str(run)], check=True)
    part = run / stage / "part-00001.parquet"
    content = part.read_bytes()
    part.write_bytes(content[:200] if stage == "captions" else content[:80] + b"\0" + content[81:])
    code, said = typed(tmp_path / "verify.log", "verify", str(run))
    assert code == 4
    assert f"{stage}/part-00001.parquet" in said.replace("\n", "")
    code, said = typed(tmp_path / "log", *words(run))
    assert code == 0
    assert "part-00001.parquet" in said
    part.with_name("part-00001.parquet.damaged").unlink()
    same(run, whole)


# F3: no room.


def test_a_full_disk_ends_with_a_code_the_path_and_the_bytes_and_is_resumed(
    tmp_path: Path, whole: Path
) -> None:
    run = tmp_path / "run"
    sizes = {name: len(content) for name, content in parts(whole).items()}
    limit = max(size for name, size in sizes.items() if name.startswith("interpretable")) + 1
    assert limit < min(size for name, size in sizes.items() if name.startswith("captions"))
    code, said = typed(tmp_path / "log", *words(run), file_size=max(limit, 8192))
    assert code == 4, said
    assert "captions/part-0000" in said.replace("\n", "")
    assert "bytes" in said
    assert {name.split("/")[0] for name in parts(run)} == {"interpretable"}
    assert parts(run).items() <= parts(whole).items()
    assert not list(run.rglob("*.tmp*"))
    resumed(run, whole)


def test_results_that_cannot_be_printed_are_an_error(whole: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "molyneux", "verify", str(whole), "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 4
    assert "No space left" in done.stderr


# F4: two writers. F8: asked to stop.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_writer_is_refused_and_the_first_stopped_and_resumed(
    tmp_path: Path, whole: Path, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    process = start(tmp_path / "log", *words(run))
    wait_until(lambda: len(parts(run)) >= 2)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)  # it holds the run, and has all the time
    code, said = typed(tmp_path / "second", *words(run))
    assert code == 4
    assert f"process {process.pid}" in " ".join(said.split())
    os.kill(process.pid, number)
    os.kill(process.pid, signal.SIGCONT)
    process.join(60)
    assert process.exitcode == 130
    said = " ".join((tmp_path / "log").read_text().split())
    assert f"molyneux reproduce ablation layers --out {run}" in said
    assert read_manifest(run).status == "interrupted"
    assert open_run(run).writers() == []
    assert parts(run).items() <= parts(whole).items()
    resumed(run, whole)


# F5, F36: another run, another schema.


@pytest.mark.parametrize(
    ("other", "field"),
    [
        (["--seed", "1"], "seed"),
        (["--batch-size", "4"], "settings.batch_size"),
        (["--counts", "0,2,40"], "settings.counts"),
        (["--images", "7"], "data."),
        (["--dtype", "float64"], "settings.dtype"),
    ],
    ids=str,
)
def test_a_run_of_another_kind_is_refused_with_what_differs(
    tmp_path: Path, whole: Path, other: list[str], field: str
) -> None:
    before = parts(whole)
    code, said = typed(tmp_path / "log", *words(whole), *other)
    assert code == 2, said
    assert field in said
    assert parts(whole) == before


def test_a_run_of_a_newer_schema_is_refused(tmp_path: Path, whole: Path) -> None:
    from molyneux.ground import manifest

    run = tmp_path / "run"
    subprocess.run(["cp", "-r", str(whole), str(run)], check=True)
    told = read_manifest(run)
    manifest.write_manifest(run, manifest.replace(told, schema=99))
    for verb in (words(run), ["verify", str(run)]):
        code, said = typed(tmp_path / "log", *verb)
        assert code in (2, 4)
        assert "99" in said
        assert "schema" in said


# Ranks.


def test_two_ranks_of_torchrun_write_what_one_process_writes(tmp_path: Path, whole: Path) -> None:
    run = tmp_path / "run"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "molyneux"]
    environ = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launcher, *words(run)], capture_output=True, text=True, env=environ, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    same(run, whole)
