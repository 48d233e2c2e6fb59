"""The doctor finds what is wrong; the frame around the verbs turns errors into messages and codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import molyneux as mx
from shell import Run, objects, python

pytest_plugins = ["command_line"]


def test_doctor_finds_nothing_on_a_sound_machine(run: Run) -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert result.stdout.rstrip().endswith("OK")
    said = objects(run("doctor", "--json"))
    assert said["ok"] is True
    names = [check["name"] for check in said["checks"] if check["status"] == "ok"]
    assert {"device", "dictionary", "noun tagger", "figures", "same caption", "same logits"} <= set(names)


def test_doctor_tells_a_broken_torchvision(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text("raise RuntimeError('operator nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    result = run("doctor", "--json")
    assert result.exit_code == 4
    (problem,) = [check for check in objects(result)["checks"] if check["status"] == "problem"]
    assert problem["name"] == "torchvision"
    assert "installed but broken (operator nms does not exist)" in problem["detail"]


def test_doctor_notices_a_model_that_an_attribution_changed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import molyneux.neurons.attribute as home

    sound = home.attribute

    def leaky(captioner: Any, *words: Any, **settings: Any) -> Any:
        found = sound(captioner, *words, **settings)
        captioner.layout.mlps[0].out.register_forward_hook(lambda _m, _i, output: output * 1.01)
        return found

    monkeypatch.setattr(home, "attribute", leaky)
    said = objects(run("doctor", "--json"))
    assert [check["name"] for check in said["checks"] if check["status"] == "problem"] == ["same logits"]


def test_doctor_without_a_model_says_so(run: Run, tmp_path: Path) -> None:
    result = run("doctor", model=tmp_path)
    assert result.exit_code == 4
    assert "1 problem" in result.stdout


def test_interrupts_and_full_memory_have_their_codes(
    run: Run, photos: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, code in (
        (KeyboardInterrupt(), 130),
        (MemoryError(), 4),
        (torch.OutOfMemoryError("CUDA out of memory"), 4),
        (OSError(28, "No space left on device", "figure.png"), 4),
        (ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib"), 4),
    ):

        def fall(*_words: Any, error: BaseException = error, **_options: Any) -> None:
            raise error

        monkeypatch.setattr("molyneux.cli.caption.lazy_captioner", fall)
        result = run("caption", photos[0])
        assert result.exit_code == code
        assert "Traceback" not in result.output
        assert result.stdout == ""


def test_debugging_shows_what_was_raised(
    run: Run, photos: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOLYNEUX_DEBUG", "1")
    assert isinstance(run("caption", photos[0], model=Path("nowhere")).exception, mx.ModelError)


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, resource\n"
        "from molyneux.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'transformers', 'matplotlib', 'pyarrow', 'HanTa'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_utime, file=sys.stderr)\n"
    )
    runs = [python("-c", code, "--help") for _ in range(3)]
    for done in runs:
        assert done.returncode == 0, done.stderr
        assert "neurons" in done.stdout
    assert min(float(done.stderr) for done in runs) < 0.5


def test_the_module_runs_as_a_program(machine: Path, photos: list[str]) -> None:
    done = python("-m", "molyneux", "neurons", photos[0], "--top", "2", "--json", "--model", str(machine))
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["neurons"]) == 2
    assert done.stderr == ""  # nothing to say: no bars, no warnings
    assert python("-m", "molyneux", "--version").stdout == f"molyneux {mx.__version__}\n"
