"""``molyneux convert``: a folder that transformers' own classes and pipelines open, and that loses nothing."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers
from transformers import AutoModelForImageTextToText, AutoProcessor, pipeline

import limber_parts
import machines
from molyneux import load
from molyneux.ground.errors import ModelError, NonFiniteError, SettingError
from molyneux.models import convert as module
from molyneux.models import memory
from molyneux.models.convert import convert
from molyneux.models.limber import LimberForConditionalGeneration, LimberProcessor
from shell import Run

pytest_plugins = ["command_line"]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return limber_parts.write_parts(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def folder(parts: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(parts["projection"], tmp_path_factory.mktemp("out") / "limber", **_rest(parts))


def _rest(parts: dict[str, str]) -> dict[str, str]:
    return {name: parts[name] for name in ("vision", "text")}


def test_the_pipeline_captions_as_the_preset_does(folder: Path, parts: dict[str, str]) -> None:
    pictures = machines.images(3)
    ours = load("limber-beit", device="cpu", **parts).caption(list(pictures), max_new_tokens=6)
    pipe = pipeline("image-text-to-text", model=str(folder), dtype=torch.float32)
    found = pipe(
        images=pictures,
        text=["A picture of"] * 3,
        generate_kwargs={"do_sample": False, "max_new_tokens": 6},
        return_full_text=False,
    )
    assert [row["generated_text"].split() for row in found] == [made.text.split() for made in ours]
    assert all(made.text for made in ours)


def test_a_pipeline_may_be_given_settings_of_generate_and_ignores_them_as_for_other_models(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    caplog.set_level(logging.WARNING, logger="transformers")  # the command line's tests may have silenced it
    transformers.utils.logging.warning_once.cache_clear()  # once a process
    pipe, picture = (
        pipeline("image-text-to-text", model=str(folder), dtype=torch.float32),
        machines.images()[0],
    )
    plain = pipe(images=picture, text="A picture of", max_new_tokens=5)
    said = pipe(images=picture, text="A picture of", max_new_tokens=5, do_sample=False, temperature=0.7)
    assert said == plain
    for name in ("do_sample", "temperature"):
        assert f"`{name}` is not a valid argument for this processor and will be ignored" in caplog.text


def test_a_processor_hands_on_what_its_image_processor_takes(folder: Path) -> None:
    make, picture = AutoProcessor.from_pretrained(folder), machines.images()[0]
    made = make(images=picture, return_tensors="pt", do_normalize=False, do_sample=False)["pixel_values"]
    named = make(images=picture, return_tensors="pt", images_kwargs={"do_normalize": False})["pixel_values"]
    assert torch.equal(
        made, make.image_processor(picture, do_normalize=False, return_tensors="pt")["pixel_values"]
    )
    assert torch.equal(made, named)
    assert not torch.equal(made, make(images=picture, return_tensors="pt")["pixel_values"])


def test_auto_classes_open_it_with_every_weight_as_it_was(folder: Path, parts: dict[str, str]) -> None:
    preset = load("limber-beit", device="cpu", **parts)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    assert isinstance(model, LimberForConditionalGeneration)
    again, before = model.state_dict(), preset.model.state_dict()
    assert again.keys() == before.keys()
    assert all(torch.equal(again[name], before[name]) for name in before)
    processor = AutoProcessor.from_pretrained(folder)
    assert isinstance(processor, LimberProcessor)
    assert processor.prefix == "A picture of"
    for path in folder.glob("*.json"):
        assert str(Path(parts["text"]).parent) not in path.read_text(), path.name


def test_the_folder_is_a_model_like_any_other(run: Run, folder: Path, photos: list[str]) -> None:
    result = run("neurons", photos[0], "--token", "0", "--json", model=folder)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["neurons"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_a_dtype_is_of_all_weights(parts: dict[str, str], tmp_path: Path, dtype: str) -> None:
    out = convert(parts["projection"], tmp_path / "out", dtype=dtype, **_rest(parts))
    model = AutoModelForImageTextToText.from_pretrained(out, dtype="auto")
    assert {str(weight.dtype) for weight in model.parameters()} == {f"torch.{dtype}"}


def test_large_models_come_in_shards(
    parts: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SHARD", "40KB")
    out = convert(parts["projection"], tmp_path / "out", **_rest(parts))
    assert len(list(out.glob("model-*.safetensors"))) > 2
    found = load(out, device="cpu").model.state_dict()
    wanted = load("limber-beit", device="cpu", **parts).model.state_dict()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_the_verb(run: Run, parts: dict[str, str], tmp_path: Path, photos: list[str]) -> None:
    out = tmp_path / "made" / "limber"
    words = ["--vision", parts["vision"], "--text", parts["text"]]
    result = run("convert", parts["projection"], str(out), *words, model=None)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    assert "projection is sound" in result.stderr
    assert [path.name for path in out.parent.iterdir()] == ["limber"]  # nothing is left beside it
    again = run("convert", parts["projection"], str(out), *words, model=None)
    assert again.exit_code == 2
    assert "not there yet, or empty" in again.stderr
    assert run("caption", photos[0], model=out).exit_code == 0
    unknown = run("convert", parts["projection"], str(tmp_path / "x"), *words, model=Path("limber"))
    assert unknown.exit_code == 2
    assert "limber-beit" in unknown.stderr


@pytest.mark.parametrize("fault", ["nan", "shape", "keys", "code"])
def test_a_wrong_projection_is_told_before_any_model_loads_and_writes_nothing(
    parts: dict[str, str], tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = limber_parts.projection()
    if fault == "nan":
        state["weight"][0, 0] = float("nan")
    elif fault == "shape":
        state = {"weight": torch.ones(8, 4), "bias": torch.ones(8)}
    elif fault == "keys":
        state["extra"] = torch.ones(1)
    elif fault == "code":
        state["extra"] = module.convert  # a function: pickled as a global to call
    torch.save(state, tmp_path / "bad.ckpt")
    monkeypatch.setattr(
        "transformers.PreTrainedModel.from_pretrained", lambda *_, **__: pytest.fail("loaded")
    )
    with pytest.raises(NonFiniteError if fault == "nan" else ModelError):
        convert(tmp_path / "bad.ckpt", tmp_path / "new" / "out", **_rest(parts))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.ckpt"]


def test_an_interrupted_conversion_leaves_nothing(
    parts: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LimberProcessor, "save_pretrained", fall)  # when the weights are written already
    with pytest.raises(KeyboardInterrupt):
        convert(parts["projection"], tmp_path / "out", **_rest(parts))
    assert list(tmp_path.iterdir()) == []


def test_too_small_a_disk_or_memory_is_told_first(
    parts: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "transformers.PreTrainedModel.from_pretrained", lambda *_, **__: pytest.fail("loaded")
    )
    free = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    with pytest.raises(OSError, match="GB are needed") as caught:
        convert(parts["projection"], tmp_path / "out", **_rest(parts))
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.setattr("shutil.disk_usage", lambda _: free._replace(free=10**15))
    monkeypatch.setattr(memory, "_free_on_cpu", lambda: 10)
    with pytest.raises(ModelError, match="memory for limber-beit"):
        convert(parts["projection"], tmp_path / "out", **_rest(parts))


def test_a_folder_that_holds_something_is_left_alone(parts: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("mine")
    with pytest.raises(SettingError, match="nothing is written over"):
        convert(parts["projection"], tmp_path, **_rest(parts))
    assert [path.name for path in tmp_path.iterdir()] == ["own.txt"]


_CONVERT = """
import sys, time
from molyneux.models import convert as module
from molyneux.models.limber import LimberProcessor
projection, vision, text, out, limit = sys.argv[1:]
def wait(*_, **__):  # the weights are written by now
    print("written", flush=True)
    time.sleep(60)
if limit == "0":
    LimberProcessor.save_pretrained = wait
else:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
from molyneux.cli.main import main
sys.argv = ["molyneux", "convert", projection, out, "--vision", vision, "--text", text]
main()
"""


def _started(parts: dict[str, str], out: Path, limit: int = 0) -> subprocess.Popen[str]:
    words = [parts["projection"], parts["vision"], parts["text"], str(out), str(limit)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", _CONVERT, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_leave_nothing(parts: dict[str, str], tmp_path: Path, number: signal.Signals) -> None:
    running = _started(parts, tmp_path / "made" / "out")
    assert running.stdout is not None
    assert running.stdout.readline() == "written\n"
    assert len(list((tmp_path / "made").iterdir())) == 1  # the half folder
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_leaves_nothing(parts: dict[str, str], tmp_path: Path) -> None:
    running = _started(parts, tmp_path / "out", limit=20_000)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 4, said
    assert "Traceback" not in said
    assert "out" in said
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_an_empty_folder_is_followed_and_stays(parts: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "disk" / "real").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "real")
    (tmp_path / "dangling").symlink_to(tmp_path / "disk" / "new")
    for name, real in (("link", "real"), ("dangling", "new")):
        found = convert(parts["projection"], tmp_path / name, **_rest(parts))
        assert found == tmp_path / name
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "disk" / real / "config.json").is_file()
    assert sorted(path.name for path in (tmp_path / "disk").iterdir()) == ["new", "real"]


def test_places_that_cannot_be_written_are_told_before_any_model_loads(
    parts: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "transformers.PreTrainedModel.from_pretrained", lambda *_, **__: pytest.fail("loaded")
    )
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="file"):
        convert(parts["projection"], tmp_path / "file" / "out", **_rest(parts))
    if Path("/proc/self").is_dir():
        with pytest.raises(OSError, match="/proc"):
            convert(parts["projection"], "/proc/self/out", **_rest(parts))
    (tmp_path / "mounted").mkdir()
    monkeypatch.setattr("os.path.ismount", lambda path: Path(path).name == "mounted")
    with pytest.raises(SettingError, match="Name a folder inside it"):
        convert(parts["projection"], tmp_path / "mounted", **_rest(parts))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "mounted"]
