"""F6: an interrupted atlas build leaves the old atlas, and goes on where it stopped."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from machines import captioner
from molyneux.experiments import atlas_place
from molyneux.experiments.atlas import Atlas, AtlasSettings, build_atlas, build_from_weights
from molyneux.experiments.atlas_place import aside_of
from molyneux.experiments.atlas_read import open_atlas
from molyneux.experiments.atlas_rows import NEURONS
from molyneux.experiments.atlas_search import search
from molyneux.experiments.atlas_weights import LoadedWeights
from molyneux.ground.errors import MolyneuxError
from molyneux.ground.run_errors import DamagedError, RunError, RunLockedError, RunMismatchError, Stopped
from molyneux.ground.verify import verify
from molyneux.ground.work import Progress
from runs import wait_until

OLD, NEW = AtlasSettings(k=3), AtlasSettings(k=5)


def contents(folder: Path) -> dict[str, bytes]:
    """What an atlas says: everything but the times and jobs in its manifest."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }


def beside(out: Path) -> list[str]:
    return sorted(path.name for path in out.parent.iterdir() if path != out)


class Interrupted(Exception):
    """What these tests stop a build with."""


def stop_in(stage: str) -> Callable[[Progress], None]:
    def tell(state: Progress) -> None:
        if state.stage == stage:
            raise Interrupted

    return tell


@pytest.mark.parametrize("stage", ["tokens", "neurons", "words"])
def test_an_interrupted_build_leaves_the_old_atlas_and_goes_on(stage: str, tmp_path: Path) -> None:
    machine, out = captioner(), tmp_path / "atlas"
    build_atlas(machine, out, settings=OLD)
    old = contents(out)
    with pytest.raises(Interrupted):
        build_atlas(machine, out, settings=NEW, replace=True, progress=stop_in(stage))
    assert contents(out) == old
    assert open_atlas(out).settings == OLD
    assert build_atlas(machine, out, settings=NEW, replace=True).settings == NEW
    assert beside(out) == []
    build_atlas(machine, tmp_path / "straight", settings=NEW)
    assert contents(out) == contents(tmp_path / "straight")


def test_parts_that_are_there_are_not_computed_again(tmp_path: Path) -> None:
    machine, out, asked = captioner(), tmp_path / "atlas", []
    weights = LoadedWeights(machine)
    with pytest.raises(Interrupted):
        build_from_weights(weights, out, name="tiny", progress=stop_in("words"))
    part = aside_of(out) / NEURONS / "part-00000.parquet"
    stamp = part.stat().st_mtime_ns

    class Watched(LoadedWeights):
        def vectors(self, layer: int, units: list[int], *, final_norm: bool) -> torch.Tensor:
            asked.append(layer)
            return super().vectors(layer, units, final_norm=final_norm)

    build_from_weights(Watched(machine), out, name="tiny")
    assert asked == []
    assert (out / NEURONS / part.name).stat().st_mtime_ns == stamp


_BUILDER = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from machines import captioner
from molyneux.experiments import atlas, atlas_rows
from molyneux.experiments.atlas_search import search
from molyneux.experiments.atlas_weights import LoadedWeights
atlas.PART = 8
def tell(state):
    print(state.stage, state.done, flush=True)
    time.sleep({pause})
atlas.build_atlas(captioner(), Path({out!r}), settings=atlas.AtlasSettings(k=5), replace=True, progress=tell)
print("built", flush=True)
"""


def builder(out: Path, pause: float = 0.3) -> subprocess.Popen[str]:
    code = _BUILDER.format(tests=str(Path(__file__).parent), out=str(out), pause=pause)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def read_until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    assert any(text in line for line in process.stdout), process.stderr and process.stderr.read()


def test_kill_9_and_a_second_builder(tmp_path: Path) -> None:
    machine, out = captioner(), tmp_path / "atlas"
    build_atlas(machine, out, settings=OLD)
    old = contents(out)
    process = builder(out)
    read_until(process, "neurons 24")
    with pytest.raises(RunLockedError, match=str(process.pid)):
        build_atlas(machine, out, settings=AtlasSettings(k=6), replace=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert contents(out) == old
    done = len(list((aside_of(out) / NEURONS).glob("*.parquet")))
    assert 3 <= done < 15
    second = builder(out, pause=0)
    output, errors = second.communicate(timeout=120)
    assert "built" in output, errors
    assert f"neurons {done * 8}\n" in output.splitlines(keepends=True)
    assert open_atlas(out).settings == NEW
    assert verify(out).damaged == ()
    small = open_atlas(out)  # of parts of 8 rows
    build_atlas(machine, tmp_path / "large", settings=NEW)
    large = open_atlas(tmp_path / "large")
    assert [small.entry(large.neuron(n)) for n in range(120)] == [
        large.entry(large.neuron(n)) for n in range(120)
    ]
    assert search(small, "dog").hits == search(large, "dog").hits != ()


def test_a_stop_is_a_stop_and_leaves_the_old(tmp_path: Path) -> None:
    machine, out = captioner(), tmp_path / "atlas"
    build_atlas(machine, out, settings=OLD)
    old = contents(out)

    def stop(state: Progress) -> None:
        if state.stage == "neurons":
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped):
        build_atlas(machine, out, settings=NEW, replace=True, progress=stop)
    assert contents(out) == old


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_death_between_the_renames_loses_neither(
    renames: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, out = captioner(), tmp_path / "atlas"
    build_atlas(machine, out, settings=OLD)
    real, done = atlas_place.os.rename, []

    def rename(*names: Any) -> None:
        if len(done) == renames:
            raise Interrupted
        done.append(names)
        real(*names)

    monkeypatch.setattr(atlas_place.os, "rename", rename)
    with pytest.raises(Interrupted):
        build_atlas(machine, out, settings=NEW, replace=True)
    monkeypatch.undo()
    assert open_atlas(out).settings == (NEW if renames == 2 else OLD)
    assert isinstance(open_atlas(out).entry("L0.u0").interpretable, bool)  # type: ignore[union-attr]
    assert build_atlas(machine, out, settings=NEW, replace=True).settings == NEW
    assert [name for name in beside(out) if not name.endswith(".lock")] == []


def test_the_same_atlas_is_recognised_and_a_damaged_one_made_again(tmp_path: Path) -> None:
    machine, out, told = captioner(), tmp_path / "atlas", []
    build_atlas(machine, out)
    before = contents(out)
    build_atlas(machine, out, progress=told.append)
    assert told == []
    part = out / NEURONS / "part-00000.parquet"
    damaged = bytearray(part.read_bytes())
    damaged[100] ^= 1
    part.write_bytes(damaged)
    with pytest.raises(DamagedError, match="part-00000"):
        open_atlas(out).entry("L0.u0")
    build_atlas(machine, out)
    assert contents(out) == before


def test_another_model_or_other_options_are_refused_with_the_fields(tmp_path: Path) -> None:
    out = tmp_path / "atlas"
    build_atlas(captioner(), out, settings=OLD)
    old = contents(out)
    with pytest.raises(RunMismatchError, match=r"settings\.k: 3 in the run, 5 now"):
        build_atlas(captioner(), out, settings=NEW)
    with pytest.raises(RunMismatchError, match=r"weights\.unembedding"):
        build_atlas(captioner(seed=1), out, settings=OLD)
    with pytest.raises(Interrupted):
        build_atlas(captioner(), out, settings=NEW, replace=True, progress=stop_in("neurons"))
    assert contents(out) == old
    # An unfinished build of something else gives way, too.
    build_atlas(captioner(seed=1), out, settings=OLD, replace=True)
    assert contents(out) != old
    assert beside(out) == []


def test_an_unfinished_build_of_something_else_is_not_dropped_unasked(tmp_path: Path) -> None:
    out = tmp_path / "atlas"
    with pytest.raises(Interrupted):
        build_atlas(captioner(), out, settings=OLD, progress=stop_in("words"))
    with pytest.raises(RunError, match="goes on"):
        open_atlas(out)
    with pytest.raises(RunMismatchError):
        build_atlas(captioner(), out, settings=NEW)
    build_atlas(captioner(), out, settings=OLD)


def test_folders_with_other_things_are_left_alone(tmp_path: Path) -> None:
    full = tmp_path / "photos"
    full.mkdir()
    (full / "photo.jpg").write_bytes(b"mine")
    (tmp_path / "file").write_text("mine")
    for out in (full, tmp_path / "file"):
        with pytest.raises(RunError, match="an atlas, or nothing yet"):
            build_atlas(captioner(), out, replace=True)
        with pytest.raises(MolyneuxError, match="molyneux atlas build"):
            open_atlas(out)
    assert (full / "photo.jpg").read_bytes() == b"mine"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert isinstance(build_atlas(captioner(), empty), Atlas)


def test_a_part_that_is_damaged_before_the_rename_keeps_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, out = captioner(), tmp_path / "atlas"
    build_atlas(machine, out, settings=OLD)
    old = contents(out)
    put = atlas_place.put_in_place

    def damage(place: Path) -> None:
        (aside_of(place) / NEURONS / "part-00000.parquet").write_bytes(b"torn")
        put(place)

    monkeypatch.setattr("molyneux.experiments.atlas.put_in_place", damage)
    with pytest.raises(DamagedError, match="part-00000"):
        build_atlas(machine, out, settings=NEW, replace=True)
    monkeypatch.undo()
    assert contents(out) == old
    build_atlas(machine, out, settings=NEW, replace=True)
    assert open_atlas(out).settings == NEW


def test_two_ranks_of_a_job_build_one_atlas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, one = tmp_path / "two", tmp_path / "one"
    monkeypatch.setenv("MOLYNEUX_JOB", "together")
    monkeypatch.setenv("WORLD_SIZE", "2")
    processes = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        processes.append(builder(out, pause=0.01))
    for process in processes:
        output, errors = process.communicate(timeout=120)
        assert "built" in output, errors
    for name in ("MOLYNEUX_JOB", "WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name)
    output, _ = builder(one, pause=0).communicate(timeout=120)
    assert "built" in output
    assert contents(out) == contents(one)
    assert beside(out) == ["one"]
    wait_until(lambda: not aside_of(out).exists(), 1)
    shutil.rmtree(out)
