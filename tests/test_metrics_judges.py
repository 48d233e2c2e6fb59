"""Where judges are found, what is said of them, and how a judge is held against printed scores."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from transformers import BertModel, GPT2Config, GPT2LMHeadModel

from judges import bert_folder, clip_folder, pictures
from machines import tokenizer
from molyneux.data.paper import caption_pairs
from molyneux.ground import assets
from molyneux.ground.errors import AssetError, ModelError, SettingError
from molyneux.metrics import judge as finding
from molyneux.metrics.bert import BERT_PICKS, BertJudge
from molyneux.metrics.bertscore import bert_score
from molyneux.metrics.clip import CLIP_PICKS, ClipJudge, clip_score
from molyneux.metrics.judge import JudgeCard, hash_weights
from molyneux.metrics.printed import PrintedMatch, match_layers, match_printed


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("judges")
    clip_folder(root / "clip")
    bert_folder(root / "bert")
    return root


@pytest.fixture
def own(folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny judges in the place of the miniature's."""
    shutil.copytree(folders, tmp_path / "own")
    monkeypatch.setattr(finding, "asset", lambda name: tmp_path / "own" / Path(name).name)
    return tmp_path / "own"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network: whoever opens a connection fails the test."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tmp_path / "hub"


def put(cache: Path, folder: Path, name: str) -> Path:
    """A model in the cache, as a download leaves it."""
    home = cache / f"models--{name.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("0123abcd")
    shutil.copytree(folder, home / "snapshots" / "0123abcd")
    return home / "snapshots" / "0123abcd"


@pytest.mark.parametrize("kind", [ClipJudge, BertJudge])
def test_without_the_default_the_miniatures_own_scores_and_says_so(
    own: Path, cache: Path, kind: type, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "molyneux"):
        card = kind.load(device="cpu").card
    wanted = CLIP_PICKS[0] if kind is ClipJudge else BERT_PICKS[0]
    assert card.name == "miniature"
    assert not card.default
    assert f"{wanted} is not in the hub's cache" in card.note
    assert f"hf download {wanted}" in card.note
    assert card.note in str(card)
    assert card.note in caplog.text


def test_asked_for_by_name_the_miniatures_own_need_no_note(own: Path, cache: Path) -> None:
    card = BertJudge.load("miniature", device="cpu").card
    assert (card.name, card.note, card.default) == ("miniature", "", False)


@pytest.mark.parametrize("pick", BERT_PICKS)
def test_the_default_is_taken_from_the_cache(own: Path, folders: Path, cache: Path, pick: str) -> None:
    put(cache, folders / "bert", pick)
    judge = BertJudge.load(layer=2, device="cpu")
    assert (judge.card.name, judge.card.note) == (pick, "")
    assert not judge.card.default  # another layer than the paper's scale is
    assert bert_score(judge, ["a dog"], ["a dog"]).values == pytest.approx([1], abs=1e-5)


def test_the_default_clip_is_taken_from_the_cache(own: Path, folders: Path, cache: Path) -> None:
    put(cache, folders / "clip", CLIP_PICKS[0])
    assert ClipJudge.load(device="cpu").card.default
    assert not ClipJudge.load(prefix="a photo of ", device="cpu").card.default
    assert ClipJudge.load(CLIP_PICKS[0], device="cpu").card.default
    own_card = ClipJudge.load("miniature", device="cpu").card
    assert not own_card.default


def test_what_is_asked_for_and_not_there_is_refused(own: Path, folders: Path, cache: Path) -> None:
    with pytest.raises(
        ModelError, match=r"config.json.*unless you ask.*hf download FacebookAI/roberta-large"
    ):
        BertJudge.load("FacebookAI/roberta-large")
    half = put(cache, folders / "clip", CLIP_PICKS[0])
    (half / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model.safetensors \(weights\)"):
        ClipJudge.load(CLIP_PICKS[0])
    assert ClipJudge.load(device="cpu").card.name == "miniature"  # half a default is none
    with pytest.raises(ModelError, match="existing folder"):
        BertJudge.load("no such folder")
    (folders / "empty").mkdir()
    with pytest.raises(ModelError, match=r"config.json"):
        BertJudge.load(folders / "empty")


def elsewhere(code: str, endpoint: str, cache: Path) -> list[str]:
    """Lines that a process prints whose hub is another one: its address is read when its library is imported."""
    environment = dict(os.environ, HF_ENDPOINT=endpoint, HF_HUB_CACHE=str(cache), HF_HUB_OFFLINE="0")
    environment["NO_PROXY"] = "127.0.0.1"
    code = f"from pathlib import Path\nfrom molyneux.models.presence import TEXT\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", f"from molyneux.metrics import judge\n{code}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_download_without_a_connection_falls_back(tmp_path: Path) -> None:
    """The hub's own client, sent to a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    code = """
judge.asset = Path
found = judge.find_judge(None, ["owner/model"], part="bert", needed=TEXT, download=True)
print(found.name, found.folder, found.note, sep=chr(10))
try:
    judge.find_judge("owner/model", [], part="bert", needed=TEXT, download=True)
except judge.ModelError as error:
    print(error)
"""
    name, folder, note, error = elsewhere(code, nobody, tmp_path)
    assert (name, folder) == ("miniature", "miniature/judges/bert")
    assert "owner/model could not be downloaded" in note
    assert "without a connection" in error


class Hub(BaseHTTPRequestHandler):
    """The hub's three questions, answered from a folder: which revision, which files, and the files themselves."""

    folder: Path
    asked: list[str]

    def do_GET(self) -> None:
        files = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        told = [
            {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
            for name, data in files.items()
        ]
        path = self.path.split("?")[0]
        if "/revision/" in path:
            siblings = [{"rfilename": name} for name in files]
            self.answer(json.dumps({"id": "owner/model", "sha": SHA, "siblings": siblings}).encode(), "")
        elif "/tree/" in path:
            self.answer(json.dumps(told).encode(), "")
        elif "/resolve/" in path and (name := path.split("/")[-1]) in files:
            self.asked.append(name)
            self.answer(files[name], hashlib.sha1(files[name]).hexdigest())
        else:
            self.send_error(404)

    do_HEAD = do_GET

    def answer(self, body: bytes, etag: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", SHA)
        self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("pickled", [False, True])
def test_a_download_takes_no_pickles_where_there_are_others(
    folders: Path, tmp_path: Path, pickled: bool
) -> None:
    """The hub's own client against a small server."""
    shutil.copytree(folders / "bert", tmp_path / "there")
    (tmp_path / "there" / "tf_model.h5").write_bytes(b"never asked for")
    (tmp_path / "there" / "pytorch_model.bin").write_bytes(b"pickle")
    if pickled:
        model = BertModel.from_pretrained(folders / "bert")
        torch.save(model.state_dict(), tmp_path / "there" / "pytorch_model.bin")
        (tmp_path / "there" / "model.safetensors").unlink()
    kind = type("Serving", (Hub,), {"folder": tmp_path / "there", "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    code = 'print(judge.find_judge("owner/model", [], part="", needed=TEXT, download=True).folder)'
    try:
        (folder,) = elsewhere(code, f"http://127.0.0.1:{server.server_port}", tmp_path / "hub")
    finally:
        server.shutdown()
        server.server_close()
    weights = {name for name in kind.asked if name.endswith((".bin", ".safetensors", ".h5"))}
    assert weights == ({"pytorch_model.bin"} if pickled else {"model.safetensors"})
    fetched, plain = (BertJudge.load(at, layer=2, device="cpu") for at in (folder, folders / "bert"))
    texts = ["a dog with a cat", "the jungle"], ["a lion", "a man in the jungle"]
    assert bert_score(fetched, *texts).values == pytest.approx(bert_score(plain, *texts).values, abs=1e-6)


def test_without_shipped_judges_the_installation_is_incomplete(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "files", lambda _: tmp_path)
    with pytest.raises(AssetError, match="Reinstall"):
        BertJudge.load()
    with pytest.raises(AssetError, match="Reinstall"):
        ClipJudge.load("miniature")


def test_other_models_are_no_judges(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "bert", tmp_path / "bert")
    (tmp_path / "bert" / "preprocessor_config.json").write_text("{}")
    with pytest.raises(ModelError, match="a CLIP, but its type is bert"):
        ClipJudge.load(tmp_path / "bert")
    GPT2LMHeadModel(GPT2Config(vocab_size=24, n_embd=8, n_layer=1, n_head=2)).save_pretrained(
        tmp_path / "gpt"
    )
    tokenizer().save_pretrained(tmp_path / "gpt")
    with pytest.raises(ModelError, match="tokens for both ends"):
        BertJudge.load(tmp_path / "gpt")


def test_missing_weights_are_not_made_up(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "bert", tmp_path / "deep")
    config = json.loads((tmp_path / "deep" / "config.json").read_text())
    (tmp_path / "deep" / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 4}))
    with pytest.raises(ModelError, match="are missing"):
        BertJudge.load(tmp_path / "deep")


def test_layers(folders: Path, own: Path, cache: Path) -> None:
    assert BertJudge.load(folders / "bert", device="cpu").layer == 2  # three quarters of 3
    story = {"checks": {"layer_0": {"share": 0.7}, "layer_1": {"share": 0.9}, "layer_2": {"share": 0.8}}}
    (own / "bert" / "making.json").write_text(json.dumps(story))
    assert BertJudge.load("miniature", device="cpu").card.options == "layer 1"
    with pytest.raises(SettingError, match="to 3 of"):
        BertJudge.load(folders / "bert", layer=9)


def test_hash_is_that_of_the_weights(folders: Path, tmp_path: Path) -> None:
    data = (folders / "bert" / "model.safetensors").read_bytes()
    assert hash_weights(folders / "bert") == hashlib.sha256(data).hexdigest()[:16]
    assert BertJudge.load(folders / "bert", device="cpu").card.weights == hash_weights(folders / "bert")
    for n, part in enumerate((data[:100], data[100:]), start=1):
        (tmp_path / f"model-0000{n}-of-00002.safetensors").write_bytes(part)
    assert hash_weights(tmp_path) == hash_weights(folders / "bert")
    (tmp_path / "model-00002-of-00002.safetensors").write_bytes(data[100:-1] + bytes([data[-1] ^ 1]))
    assert hash_weights(tmp_path) != hash_weights(folders / "bert")
    with pytest.raises(SettingError, match="weights in it"):
        hash_weights(folders)


def test_scores_carry_their_judge(folders: Path) -> None:
    bert = BertJudge.load(folders / "bert", layer=1, device="cpu")
    said = str(bert_score(bert, ["a dog"], ["a cat"]).judge)
    assert said == f"BERTScore F1: {folders / 'bert'}, layer 1, weights {bert.card.weights}"
    clip = ClipJudge.load(folders / "clip", device="cpu")
    assert str(clip_score(clip, pictures(1), ["a dog"]).judge).startswith("CLIPScore: ")


# Printed scores

PAIRS = [
    ("a dog with a cat", "a dog and a cat", 0.83),
    ("a dog with a cat", "a lion and a zebra", 0.71),
    ("a man surfing on a wave", "a red wave", 0.6),
    ("a man surfing on a wave", "the jungle", 0.5),
]


def test_a_judge_matches_what_it_printed_itself(folders: Path) -> None:
    judge = BertJudge.load(folders / "bert", layer=2, device="cpu")
    own = bert_score(judge, [b for _, b, _ in PAIRS], [a for a, _, _ in PAIRS]).values
    printed = [(a, b, round(float(f1), 2)) for (a, b, _), f1 in zip(PAIRS, own, strict=True)]
    best = match_printed(judge, printed)
    assert (best.exact, best.count) == (4, 4)
    assert best.error <= 0.005
    assert best.pearson > 0.99
    assert best.judge == judge.card
    layers = match_layers(judge, printed)
    assert layers[0].judge.options == "layer 2"
    assert sorted(match.judge.options for match in layers) == [f"layer {n}" for n in range(4)]
    assert [match.error for match in layers] == sorted(match.error for match in layers)
    assert layers[-1].exact < 4
    assert [match.judge.options for match in match_layers(judge, printed, [3])] == ["layer 3"]


def test_figures_of_a_match_by_hand() -> None:
    card = JudgeCard("BERTScore F1", "x", "0" * 16)
    match = PrintedMatch(card, np.array([0.5, 0.7, 0.904]), np.array([0.4, 0.7, 0.9]))
    assert match.error == pytest.approx(0.104 / 3)
    assert match.offset == pytest.approx(0.104 / 3)
    assert match.exact == 2
    wanted = np.cov(match.ours, match.printed)[0, 1] / (match.ours.std(ddof=1) * match.printed.std(ddof=1))
    assert match.pearson == pytest.approx(wanted)
    assert "2 of 3 as printed. BERTScore F1: x" in str(match)
    assert np.isnan(PrintedMatch(card, np.full(3, 0.5), match.printed).pearson)


def test_printed_pairs_refuse(folders: Path) -> None:
    judge = BertJudge.load(folders / "bert", device="cpu")
    with pytest.raises(SettingError, match="at least one"):
        match_printed(judge, [])
    with pytest.raises(SettingError, match="from 0 to 1"):
        match_printed(judge, [("a", "a", 83.0)])


def test_the_papers_own_pairs_can_be_scored(folders: Path) -> None:
    """Random weights: nothing is known of how well they match, except that it is not exactly."""
    judge = BertJudge.load(folders / "bert", device="cpu")
    pairs = [(pair.original, pair.ablated, pair.bertscore_f1) for pair in caption_pairs()]
    match = match_printed(judge, pairs)
    assert match.count == len(pairs) >= 40
    assert match.exact < match.count
