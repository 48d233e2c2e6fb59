"""What happens to a run when processes, disks and files fail. Real signals, real limits, real processes."""

from __future__ import annotations

import os
import random
import resource
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from unittest.mock import patch

import pytest

from molyneux.ground.files import TEMPORARY, write_whole
from molyneux.ground.lock import Place, holders, job_here, locked, place_here
from molyneux.ground.parts import part_name
from molyneux.ground.run import open_run, writing
from molyneux.ground.run_errors import DamagedError, RunLockedError, Stopped, StorageError
from molyneux.ground.verify import verify
from molyneux.ground.work import Progress, each, work
from runs import Found, found, identity, parts, things, wait_until, writer

COUNT = 20


def work_off(folder: Path, count: int = COUNT, **options) -> Progress:
    with writing(folder, identity(), command=["molyneux", "go"]) as run:
        return work(run.stage("found", things(count), row=Found, part_size=2), each(found), **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    """The parts of a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    work_off(folder)
    return parts(folder)


# F1: killed.


@pytest.mark.parametrize("seed", range(20))
def test_killed_anywhere_and_resumed_gives_the_same_rows(tmp_path: Path, whole, seed: int) -> None:
    folder, chance = tmp_path / "run", random.Random(seed)
    process = writer(folder, count=COUNT, pause=0.02)
    wait_until(lambda: len(parts(folder)) > chance.randrange(8) or process.poll() is not None)
    time.sleep(chance.random() * 0.04)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    before = parts(folder)
    assert 0 < len(before) < COUNT // 2, "killed too early or too late to show anything"
    assert open_run(folder).status() == "interrupted"
    done = work_off(folder)
    assert parts(folder) == whole
    assert before.items() <= whole.items()
    assert (done.done, done.used, done.notes) == (COUNT, 16, ())
    assert verify(folder).damaged == ()


def test_what_a_killed_process_left_half_written_is_no_part(tmp_path: Path, whole) -> None:
    work_off(tmp_path / "run")
    stage = tmp_path / "run" / "found"
    (stage / part_name(3)).rename(stage / f"{TEMPORARY}0123456789abcdef")
    (tmp_path / "run" / "tables").mkdir()
    (tmp_path / "run" / "tables" / f"{TEMPORARY}{'1' * 16}").write_bytes(b"half")
    (tmp_path / "run" / "tables" / f"{TEMPORARY}notes").write_bytes(b"somebody's")
    work_off(tmp_path / "run")
    assert parts(tmp_path / "run") == whole
    assert [path.name for path in (tmp_path / "run").rglob(f"{TEMPORARY}*")] == [f"{TEMPORARY}notes"]


# F2: torn.


@pytest.mark.parametrize("torn", [b"", b"PAR1", None], ids=["empty", "head", "half"])
def test_a_torn_part_is_said_put_aside_and_redone(tmp_path: Path, whole, torn, caplog) -> None:
    work_off(tmp_path / "run")
    last = tmp_path / "run" / "found" / part_name(9)
    last.write_bytes(last.read_bytes()[:700] if torn is None else torn)
    with pytest.raises(DamagedError, match=last.name):
        open_run(tmp_path / "run").results("found")
    said: list[Progress] = []
    done = work_off(tmp_path / "run", progress=said.append)
    assert said[0].done == COUNT - 2
    assert len(done.notes) == 1
    assert last.name in done.notes[0]
    assert "2 items" in done.notes[0]
    assert done.notes[0] in caplog.text
    assert parts(tmp_path / "run") == whole
    assert last.with_name(f"{last.name}.damaged").exists()


# F3: no room.


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, whole) -> None:
    folder = tmp_path / "run"
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))\n"
    full = max(len(content) for content in whole.values())
    assert full > 1500, "the limit would never be met"
    process = writer(folder, count=COUNT, before=limit)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    last = errors.strip().splitlines()[-1]
    assert "StorageError" in last
    assert str(folder / "found" / "part-0000") in last
    assert "bytes" in last
    assert parts(folder).items() <= whole.items()
    assert not list(folder.rglob(f"{TEMPORARY}*"))
    work_off(folder)
    assert parts(folder) == whole


def test_an_old_file_survives_a_write_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    write_whole(path, b"old")
    code = f"""
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        from pathlib import Path
        from molyneux.ground.files import write_whole
        try:
            write_whole(Path({str(path)!r}), b"n" * 1234)
        except OSError as error:
            print(type(error).__name__, error.exit_code, error.size, error)
    """
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    ).stdout
    assert told.startswith("StorageError 4 1234 ")
    assert str(path) in told
    assert "1,234 bytes" in told
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["kept.json"]


def test_no_access_is_said_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="5 bytes") as caught:
        write_whole(tmp_path / "file" / "below", b"12345")
    assert caught.value.exit_code == 4


# F4: two writers.


def test_a_second_writer_is_turned_away_by_name_and_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = writer(folder, pause=5)
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    second = writer(folder)
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 1
    assert "RunLockedError" in errors
    assert f"process {process.pid} on {socket.gethostname()} since 20" in errors
    with pytest.raises(RunLockedError) as caught, writing(folder, identity()):
        pytest.fail("went in")
    assert caught.value.exit_code == 4
    assert [holder.pid for holder in open_run(folder).writers()] == [process.pid]
    assert open_run(folder).status() == "running"
    process.kill()
    process.wait()
    assert open_run(folder).writers() == []
    with writing(folder, identity()):
        pass


def test_a_lock_whose_holder_cannot_be_read_holds_all_the_same(tmp_path: Path) -> None:
    with locked(tmp_path):
        (name,) = (tmp_path / ".locks").glob("*.json")
        name.write_text("{")
        with pytest.raises(RunLockedError, match="another process"), locked(tmp_path):
            pytest.fail("went in")


def test_processes_of_one_job_share_the_lock(tmp_path: Path) -> None:
    with locked(tmp_path, job="ours"), locked(tmp_path, job="ours"):
        assert len(holders(tmp_path)) == 2
        with pytest.raises(RunLockedError), locked(tmp_path, job="theirs"):
            pytest.fail("went in")
    assert holders(tmp_path) == []
    assert [path.name for path in (tmp_path / ".locks").iterdir()] == ["guard"]


def test_who_is_one_job() -> None:
    rank = {"RANK": "1", "WORLD_SIZE": "4", "TORCHELASTIC_RUN_ID": "none", "MASTER_PORT": "29500"}
    assert place_here(rank) == Place(1, 4)
    assert (
        place_here({}) == place_here({"RANK": "4", "WORLD_SIZE": "4"}) == place_here({"RANK": "1"}) == Place()
    )
    assert job_here(rank) == job_here(rank | {"RANK": "2"})
    assert job_here(rank) != job_here(rank | {"TORCHELASTIC_RUN_ID": "other"})
    assert job_here({}) != job_here({})
    assert (
        job_here({"MOLYNEUX_JOB": "a"}) == job_here({"MOLYNEUX_JOB": "a"}) != job_here({"MOLYNEUX_JOB": "b"})
    )


@pytest.mark.parametrize("dies", [False, True], ids=["both live", "one dies"])
def test_two_ranks_write_what_one_process_writes(tmp_path: Path, whole, dies: bool) -> None:
    folder = tmp_path / "run"
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "x", "MASTER_PORT": "1"}
    ranks = [writer(folder, count=COUNT, pause=0.05, RANK=str(rank), **shared) for rank in range(2)]
    if dies:
        wait_until(lambda: len(parts(folder)) >= 2)
        ranks[1].kill()
        ranks[1].communicate()
    told = [rank.communicate(timeout=120) for rank in ranks[: 1 if dies else 2]]
    for said, errors in told:
        assert said.splitlines()[-1] == f"used 16 of {COUNT}", errors
    assert parts(folder) == whole
    assert open_run(folder).status() == "finished"


def test_any_order_of_parts_gives_the_same_rows(tmp_path: Path, whole) -> None:
    work_off(tmp_path / "run", place=Place(3, 7))
    assert parts(tmp_path / "run") == whole


# F7: a flipped byte.


def test_a_flipped_byte_anywhere_is_named_and_refused(tmp_path: Path) -> None:
    work_off(tmp_path / "run")
    run, chance = open_run(tmp_path / "run"), random.Random(0)
    assert verify(run.folder).damaged == ()
    for path in sorted((run.folder / "found").iterdir()):
        content = path.read_bytes()
        at = chance.randrange(min(64, len(content)))  # of a .sha256: within the hash
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        report = verify(run.folder)
        assert [path.name.removesuffix(".sha256")] == [damage.path.name for damage in report.damaged]
        with pytest.raises(DamagedError, match=path.name.removesuffix(".sha256")):
            run.results("found")
        path.write_bytes(content)
    assert verify(run.folder).damaged == ()


def test_verify_names_what_is_missing_and_what_nobody_wrote(tmp_path: Path) -> None:
    work_off(tmp_path / "run")
    stage = tmp_path / "run" / "found"
    (stage / part_name(2)).unlink()
    (stage / f"{part_name(4)}.sha256").unlink()
    (stage / "part-00099.parquet").write_bytes(b"")
    report = verify(tmp_path / "run")
    assert {damage.path.name for damage in report.damaged} == {
        part_name(4),
        part_name(2),
        "part-00099.parquet",
    }
    assert report.missing == {"found": 1}
    (tmp_path / "run" / "manifest.json").write_text("{}")
    assert "manifest.json" in {damage.path.name for damage in verify(tmp_path / "run").damaged}


# F8: asked to stop.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_work_cleanly(tmp_path: Path, whole, number: signal.Signals) -> None:
    folder = tmp_path / "run"
    process = writer(folder, count=COUNT, pause=0.1)
    wait_until(lambda: len(parts(folder)) >= 2)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert f"Stopped: stopped by {number.name}" in errors
    run = open_run(folder)
    assert run.manifest.status == "interrupted"
    assert run.resume_command() == "molyneux go"
    assert 2 <= len(parts(folder)) < COUNT // 2
    assert list((folder / ".locks").glob("*.lock")) == []
    assert verify(folder).damaged == ()
    work_off(folder)
    assert parts(folder) == whole


def test_a_stop_waits_for_a_commit(tmp_path: Path) -> None:
    sync, sent = os.fsync, []

    def stopping(handle: int) -> None:
        if not sent:
            sent.append(signal.raise_signal(signal.SIGTERM))
        sync(handle)

    def stopped_while_committing() -> None:
        with writing(tmp_path / "run", identity()) as run:
            stage = run.stage("found", things(4), row=Found, part_size=2)
            with patch("os.fsync", stopping):
                work(stage, each(found))

    with pytest.raises(Stopped):
        stopped_while_committing()
    assert list(parts(tmp_path / "run")) == [part_name(0)]
    assert verify(tmp_path / "run").damaged == ()


def test_a_stop_drops_what_is_computed_and_handlers_come_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    stage_ids = things(4)

    def stopping(items):
        rows = [found(item) for item in items]
        if items[0].id == "image 2":
            signal.raise_signal(signal.SIGTERM)
        return rows

    with pytest.raises(Stopped) as caught, writing(tmp_path / "run", identity()) as run:
        work(run.stage("found", stage_ids, row=Found, part_size=2), stopping)
    assert caught.value.exit_code == 130
    assert list(parts(tmp_path / "run")) == [part_name(0)]
    assert signal.getsignal(signal.SIGTERM) is before


def test_limits_of_this_process_are_untouched() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
