"""``molyneux atlas``: screens, JSON, refusals."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

import molyneux.experiments.atlas as building
from molyneux.cli.main import app
from molyneux.experiments.atlas_read import Entry, open_atlas
from molyneux.ground.run_errors import Stopped
from molyneux.ground.work import Progress
from shell import edit_weights, objects, write_machine


def atlas(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "110"}).invoke(app, ["atlas", *map(str, words)])


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_machine(tmp_path_factory.mktemp("machine") / "tiny")


@pytest.fixture(scope="module")
def built(machine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("atlas") / "tiny atlas"
    result = atlas("build", machine, out, "--k", "6", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "120 neurons, 20 tokens, 6 tokens a side" in result.stdout
    assert "of ten random tokens it would be" in result.stdout
    return out


def test_build_json_is_the_overview(machine: Path, built: Path) -> None:
    told = objects(atlas("build", machine, built, "--k", "6", "--json"))
    assert told == objects(atlas("show", built, "--json"))
    assert (told["layers"], told["units"], told["tokens"], told["k"]) == (3, 40, 20, 6)
    words = [
        sum(entry.interpretable for n in range(40) if isinstance(entry := reader.entry(f"L{m}.u{n}"), Entry))
        for m in range(3)
        for reader in [open_atlas(built)]
    ]
    assert [one["interpretable"] for one in told["by_layer"]] == words


def test_search_and_show_tell_the_same(built: Path) -> None:
    told = objects(atlas("search", built, " DOG", "--top", 4, "--json"))
    assert told["tokens"] == [{"token_id": 10, "token": "dog"}]
    assert len(told["neurons"]) == 4 <= told["total"]
    logits = [one["logit"] for one in told["neurons"]]
    assert logits == sorted(logits, reverse=True)
    first = told["neurons"][0]
    shown = objects(atlas("show", built, first["neuron"], "--json"))
    assert shown["boosted"]["tokens"] == first["tokens"]
    assert shown["boosted"]["logits"][first["rank"] - 1] == first["logit"]
    assert sum(shown["boosted"]["probabilities"]) < 1
    several = objects(atlas("show", built, first["neuron"], "L0.u0", "--json"))
    assert [one["neuron"] for one in several] == [first["neuron"], "L0.u0"]
    lower = objects(atlas("search", built, "dog", "--suppressed", "--json"))["neurons"]
    assert all(one["logit"] < 0 for one in lower)


def test_screens(built: Path) -> None:
    found = atlas("search", built, "dog", "--layer", 1, "--interpretable")
    assert found.exit_code == 0
    assert "neurons raise it among their 6 most" in found.stdout
    assert "neurons lower it" in atlas("search", built, "dog", "--suppressed").stdout
    assert "tokens: dog" in atlas("search", built, "do", "--prefix").stdout
    shown = atlas("show", built, "L1.u3").stdout
    assert "raises" in shown
    assert "lowers" in shown
    nothing = atlas("search", built, "dogg")
    assert nothing.exit_code == 0
    assert "no token of this vocabulary is dogg" in nothing.stdout
    assert "close to it: dog" in nothing.stdout
    assert objects(atlas("search", built, "dogg", "--json"))["near"][0] == "dog"


def test_what_cannot_be_is_said_in_a_message(machine: Path, built: Path, tmp_path: Path) -> None:
    for words, said in (
        (("show", built, "L9.u0"), "layer 0..2"),
        (("show", built, "horse"), "L<layer>.u<unit>"),
        (("show", tmp_path / "nowhere"), "molyneux atlas build"),
        (("search", built, " "), "a letter or more"),
        (("search", built, "dog", "--layer", 7), "0..2"),
        (("build", machine, built, "--k", 7), "settings.k: 6 in the run, 7 now"),
        (("build", machine, tmp_path, "--k", 7), "an atlas, or nothing yet"),
        (("build", tmp_path / "nowhere", tmp_path / "a"), "an existing folder"),
        (("build", machine, tmp_path / "a", "--text", "other"), "presets"),
    ):
        (tmp_path / "file").touch()
        result = atlas(*words)
        assert result.exit_code == 2, result.output
        assert said in result.stderr.replace("\n", " ")
        assert "Traceback" not in result.output
    assert "--replace" in atlas("build", machine, built, "--k", 7).stderr


def test_a_stop_prints_the_command_that_goes_on(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = building.work

    def stopped(stage: object, rows: object, *, progress: object) -> Progress:
        if getattr(stage, "name", "") == "words":
            raise Stopped("SIGINT")
        return real(stage, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(building, "work", stopped)
    out = tmp_path / "an atlas"
    result = atlas("build", machine, out, "--bias", "--device", "cpu")
    assert result.exit_code == 130
    line = next(line for line in result.stderr.splitlines() if line.startswith("Go on with: "))
    assert line == f"Go on with: molyneux atlas build {machine} '{out}' --k 20 --bias --device cpu"
    monkeypatch.undo()
    assert atlas("build", machine, out, "--bias", "--device", "cpu").exit_code == 0


def test_neurons_without_a_decoding_are_said_and_counted(machine: Path, tmp_path: Path) -> None:
    name = "language_model.transformer.h.1.mlp.fc_out.weight"

    def damage(weights: dict) -> None:  # type: ignore[type-arg]
        weights[name][0, 4] = float("nan")

    out = tmp_path / "atlas"
    broken = edit_weights(machine, tmp_path / "broken", damage)
    result = atlas("build", broken, out, "--device", "cpu")
    assert "1 without a decoding: non-finite" in result.stdout
    shown = atlas("show", out, "L1.u4", "L1.u5")
    assert shown.exit_code == 3
    assert "non-finite at layer 1" in shown.stdout
    told = objects(atlas("show", out, "L1.u4", "--json"))
    assert (told["neuron"], told["skipped"]) == ("L1.u4", "non-finite")


def test_hostile_tokens_are_inert(machine: Path, tmp_path: Path) -> None:
    folder = edit_weights(machine, tmp_path / "hostile", lambda weights: None)
    words = (folder / "tokenizer.json").read_text(encoding="utf-8")
    assert '"dog"' in words
    (folder / "tokenizer.json").write_text(
        words.replace('"dog"', '"d\\u001b[31m\\u202eog"'), encoding="utf-8"
    )
    out = tmp_path / "atlas"
    assert atlas("build", folder, out, "--device", "cpu").exit_code == 0
    found = atlas("search", out, "d\x1b", "--prefix")
    assert "\\x1b" in found.stdout
    assert "\x1b[31m" not in found.stdout
    assert "\u202e" not in found.stdout


def test_a_presets_neurons_are_its_language_models_and_need_no_projection(
    machine: Path, tmp_path: Path
) -> None:
    from molyneux.experiments.atlas import AtlasSettings, open_weights

    weights = open_weights("limber-beit", AtlasSettings(), device="cpu", text=str(machine))
    plain = open_weights(machine, AtlasSettings(), device="cpu")
    one, other = (which.vectors(1, [0, 5], final_norm=False) for which in (weights, plain))
    assert torch.equal(one, other.bfloat16().float())
    assert not torch.equal(one, other)
    result = atlas("build", "limber-beit", tmp_path / "a", "--text", machine, "--device", "cpu")
    assert result.exit_code == 0, result.output


def test_the_page_runs(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "atlas.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "neurons; L" in done.stdout
    assert "'wool'" in done.stdout
    lines = [line[2:] for line in page.splitlines() if line.startswith("$ molyneux")]
    assert len(lines) == 3
    for line in lines[1:]:
        result = CliRunner().invoke(app, _inside(tmp_path, shlex.split(line)[1:]))
        assert result.exit_code == 0, result.output


def _inside(folder: Path, words: list[str]) -> list[str]:
    return [str(folder / word) if word == "miniature-atlas" else word for word in words]
