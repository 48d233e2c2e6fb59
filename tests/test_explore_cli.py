"""molyneux explore as users type it: an address, clear refusals, a clean end (F32)."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import looked
import machines
from molyneux.cli.live_parts import SHIPPED, Asked, opened
from molyneux.ground.assets import asset
from molyneux.ground.errors import AssetError, MolyneuxError
from molyneux.ground.manifest import read_manifest, write_manifest
from molyneux.ground.run import Run

RUN = [sys.executable, "-m", "molyneux", "explore"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return looked.run_of_looks(tmp_path_factory.mktemp("explored") / "run", images=2)


def typed(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"OMP_NUM_THREADS": "1"} | environ
    return subprocess.run([*RUN, *words], capture_output=True, text=True, env=env, check=False, timeout=120)


@contextmanager
def serving(*words: str, **environ: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    env = os.environ | {"OMP_NUM_THREADS": "1"} | environ
    pipe = subprocess.PIPE
    process = subprocess.Popen([*RUN, *words], stdout=pipe, stderr=pipe, text=True, env=env)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def fetched(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_it_serves_and_ends_with_ctrl_c(run: Run) -> None:
    with serving(str(run.folder), "--no-live", "--port", "0") as (process, url):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
        status, page = fetched(url)
        assert (status, 'molyneux-live"' in page) == (200, False)
        assert fetched(url.replace("127.0.0.1", "localhost"))[0] == 200
        port = url.rsplit(":", 1)[1].strip("/")
        taken = typed(str(run.folder), "--no-live", "--port", port)
        assert taken.returncode == 2
        assert f"--port {port}: expected a port that nobody uses" in taken.stderr
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert out == ""
        assert "Traceback" not in err


def test_a_run_of_another_model_is_shown_without_live_parts(run: Run) -> None:
    """The run was made by hand: no model has its weights."""
    with serving(str(run.folder), "--port", "0") as (process, url):
        assert 'molyneux-live"' not in fetched(url)[1]
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        assert "live parts are off" in err
        assert "weights" in err or "not shipped" in err


def test_a_model_that_was_named_and_does_not_fit_is_refused(run: Run) -> None:
    told = typed(str(run.folder), "--model", "miniature", "--port", "0")
    assert told.returncode in (2, 4)
    assert "weights" in told.stderr or "miniature" in told.stderr


def from_a_stranger(run: Run, folder: Path, *, model: str, data: Path) -> Path:
    """A run whose manifest names a model and a folder of images of the sender's choice."""
    shutil.copytree(run.folder, folder)
    told = read_manifest(folder)
    identity = replace(told.identity, settings=dict(told.identity.settings) | {"model": model})
    command = ("molyneux", "reproduce", "looks", "--data", str(data))
    write_manifest(folder, replace(told, identity=identity, command=command))
    return folder


@pytest.fixture
def touched() -> Iterator[list[str]]:
    """The paths that this process opens or lists."""
    found: list[str] = []
    watching = [True]

    def hook(event: str, args: tuple[object, ...]) -> None:
        if watching[0] and event in ("open", "os.listdir", "os.scandir") and isinstance(args[0], str | bytes):
            found.append(os.fsdecode(args[0]))

    sys.addaudithook(hook)
    yield found
    watching[0] = False


@pytest.mark.parametrize("model", ["a folder", SHIPPED])
def test_what_a_strangers_run_names_is_not_opened_unasked(
    run: Run, tmp_path: Path, touched: list[str], capsys: pytest.CaptureFixture[str], model: str
) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "config.json").write_text("{}")
    machines.images(1, width=64, height=64)[0].save(trap / "a.png")
    named = SHIPPED if model == SHIPPED else str(trap)
    folder = from_a_stranger(run, tmp_path / "sent", model=named, data=trap)
    touched.clear()
    made = opened([str(folder)], tmp_path / "scratch", Asked(True, None, None, 60.0, (None, None, None), "t"))
    made.close()
    assert made.live is None  # of the shipped model's name, but with other weights
    assert made.shelf.page("index.html") is not None
    assert [path for path in touched if path.startswith(str(trap))] == []
    told = capsys.readouterr().err
    assert "live parts are off" in told
    if model != SHIPPED:
        assert f"molyneux explore {folder} --model {trap} --data {trap}" in told.replace("'", "")


def test_what_is_named_on_the_command_line_is_opened(run: Run, tmp_path: Path, touched: list[str]) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "config.json").write_text("{}")
    folder = from_a_stranger(run, tmp_path / "sent", model=str(trap), data=trap)
    touched.clear()
    with pytest.raises(MolyneuxError, match="trap"):
        opened([str(folder)], tmp_path, Asked(True, trap, None, 60.0, (str(trap), None, None), "t"))
    assert str(trap) in touched  # the images
    assert str(trap / "config.json") in touched


def test_on_loopback_a_password_that_is_set_is_asked_for(run: Run) -> None:
    """Other users of this machine reach loopback too."""
    some = (str(run.folder), "--no-live", "--port", "0")
    with serving(*some, MOLYNEUX_PASSWORD="a long password") as (process, url):
        assert fetched(url)[0] == 401
        assert fetched(f"{url}data/run.js")[0] == 401
        opener = urllib.request.build_opener()
        opener.addheaders = [("Authorization", "Basic dXM6YSBsb25nIHBhc3N3b3Jk")]
        with opener.open(url, timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert "the password in MOLYNEUX_PASSWORD" in err
        assert "a long password" not in err
    assert typed(*some, MOLYNEUX_PASSWORD="short").returncode == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_addresses_that_others_reach_are_refused_without_the_flag(run: Run, host: str) -> None:
    told = typed(str(run.folder), "--no-live", "--host", host, "--port", "0")
    assert told.returncode == 2
    assert "only this machine reaches" in told.stderr
    assert "--remote" in told.stderr
    assert told.stdout == ""


def test_a_remote_server_warns_and_asks_for_a_password(run: Run) -> None:
    some = ("--no-live", "--host", "0.0.0.0", "--remote", "--port", "0")
    with serving(str(run.folder), *some, MOLYNEUX_PASSWORD="a long password") as (process, url):
        assert fetched(url)[0] == 401
        opener = urllib.request.build_opener()
        opener.addheaders = [("Authorization", "Basic dXM6YSBsb25nIHBhc3N3b3Jk")]
        with opener.open(url, timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert "warning: other machines can reach 0.0.0.0" in err
        assert "a long password" not in err
    told = typed(str(run.folder), *some, MOLYNEUX_PASSWORD="short")
    assert told.returncode == 2
    assert "at least 12 characters" in told.stderr


def test_what_is_no_run_and_no_image_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.png").write_text("no image")
    for words, said in (
        ([str(tmp_path / "empty")], "run"),
        ([str(tmp_path / "a.png")], "a.png"),
        ([str(tmp_path / "nothing.png")], "an existing file"),
        ([str(run.folder), str(tmp_path / "a.png")], "a run's folder alone"),
        (["https://example.org/x.png"], "no connection is opened"),
    ):
        told = typed(*words, "--port", "0")
        assert told.returncode == 2, told.stderr
        assert said in told.stderr
        assert "Traceback" not in told.stderr


def test_without_the_extra_it_says_how_to_get_it(run: Run, tmp_path: Path) -> None:
    code = (
        "import sys, importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name in ('fastapi', 'uvicorn') else real(name, *rest)\n"
        "from molyneux.cli.main import main; sys.argv[1:] = ['explore', 'x']; main()"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.returncode == 4
    assert "pip install 'molyneux[explore]'" in told.stderr


def test_images_are_looked_at_first(tmp_path: Path) -> None:
    try:
        asset("miniature/model/config.json")
    except AssetError:
        pytest.skip("the miniature is not shipped here")
    image = tmp_path / "my \u202eimage.png"
    machines.images(1, width=64, height=64)[0].save(image)
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    with serving(str(image), str(bad), "--port", "0") as (process, url):
        assert "image.html#image=" in url
        base = url.partition("image.html")[0]
        assert 'name="molyneux-live"' in fetched(base)[1]
        assert fetched(f"{base}data/images/{url.partition('image=')[2]}.js")[0] == 200
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert "skipped: not-an-image" in err
        assert "bad.png" in err
