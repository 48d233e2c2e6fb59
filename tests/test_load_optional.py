"""Optional files of a hub model that are not in the cache, where nobody can be asked: a warning names them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from families import captioner
from molyneux.models.optional import unknown_files
from molyneux.models.source import Source

REVISION = "0" * 40
FILES = ("generation_config.json", "chat_template.jinja")


def cache(home: Path, name: str, *, without: tuple[str, ...] = (), absent: tuple[str, ...] = ()) -> None:
    """A LLaVA with a chat template in a hub cache; ``absent``: known not to be on the hub."""
    repository = home / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / REVISION
    machine = captioner("llava")
    machine.model.save_pretrained(snapshot)
    machine.processor.save_pretrained(snapshot)
    for file in (*without, *absent):
        (snapshot / file).unlink()
    for file in absent:
        marker = repository / ".no_exist" / REVISION / file
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(REVISION)


_LOAD = """
import json, socket, sys, warnings
def refuse(*_): raise SystemExit("a socket was opened")
socket.socket.connect = socket.getaddrinfo = refuse
import molyneux
for name in sys.argv[1:]:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        made = molyneux.load(name, device="cpu")
    said = [str(one.message) for one in seen if "molyneux" in one.filename]
    print(json.dumps([bool(made.processor.chat_template), said]))
"""


def test_offline_an_unknown_optional_file_is_warned_of_and_a_known_absence_is_not(tmp_path: Path) -> None:
    cache(tmp_path, "owner/whole")
    cache(tmp_path, "owner/without", without=FILES)
    cache(tmp_path, "owner/never", absent=FILES)
    cache(tmp_path, "owner/template", without=FILES[1:])
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    names = ["owner/whole", "owner/without", "owner/never", "owner/template@main"]
    words = [sys.executable, "-c", _LOAD, *names]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    whole, without, never, template = map(json.loads, done.stdout.splitlines())
    assert whole == [True, []]
    assert never == [False, []]
    assert not without[0]
    for said, file, change in zip(without[1], FILES, ("end elsewhere", "captions are others"), strict=True):
        assert said.startswith(f"{file} of owner/without is not in the hub's cache")
        assert change in said
        assert f"hf download owner/without {file} --revision main" in said
    (said,) = template[1]
    assert said.startswith("chat_template.jinja of owner/template")


@pytest.fixture
def hub() -> Iterator[str]:
    """A hub that answers every question for a file with: there is none. Returns its address."""

    class Absent(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Absent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


_UNKNOWN = """
from molyneux.models.optional import unknown_files
from molyneux.models.source import Source
print(unknown_files(Source("owner/without")))
"""


def asked(endpoint: str, home: Path) -> str:
    changes = {
        "HF_ENDPOINT": endpoint,
        "HF_HUB_CACHE": str(home),
        "HF_HUB_OFFLINE": "0",
        "NO_PROXY": "127.0.0.1",
    }
    words = [sys.executable, "-c", _UNKNOWN]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **changes}, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_hub_that_says_no_is_believed_and_one_that_cannot_be_reached_leaves_it_open(
    hub: str, tmp_path: Path
) -> None:
    assert asked(hub, tmp_path) == "[]"
    assert asked("http://127.0.0.1:9", tmp_path) == str(list(FILES))  # the port of "discard": nobody listens


def test_what_is_not_in_a_folder_does_not_belong_to_the_model(tmp_path: Path) -> None:
    assert unknown_files(Source(str(tmp_path))) == []
