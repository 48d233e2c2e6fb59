"""What tests of the command line share: machines in folders, strict JSON, other processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from typer.testing import Result

import machines

Run = Callable[..., Result]
NOUN_IDS = [machines.WORDS.index(word) for word in (*machines.NOUNS, "picture", "running", "red", "blue")]


def write_machine(folder: Path) -> Path:
    machines.model().save_pretrained(folder)
    machines.processor().save_pretrained(folder)
    return folder


def edit_weights(source: Path, folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> Path:
    """A copy of a machine's folder with other weights."""
    folder.mkdir()
    for file in source.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def objects(result: Result) -> Any:
    """stdout as strict JSON: NaN and Infinity are errors."""
    return json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


def png(folder: Path, name: str, image: Image.Image) -> str:
    image.save(folder / name)
    return str(folder / name)


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=120, check=False)
