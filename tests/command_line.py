"""Fixtures: the command line on a tiny random machine and a few photos."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import machines
from molyneux.cli.main import app
from shell import Run, write_machine


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_machine(tmp_path_factory.mktemp("machine") / "tiny")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("photos")
    made = machines.images(3, width=64, height=48)
    for number, image in enumerate(made):
        image.save(folder / f"{number}.png")
    return [str(folder / f"{number}.png") for number in range(len(made))]


@pytest.fixture
def run(machine: Path) -> Run:
    def invoke(verb: str, *words: str, model: Path | None = machine, **environment: str) -> Result:
        options = [] if model is None else ["--model", str(model)]
        return CliRunner(env=environment).invoke(app, [verb, *words, *options])

    return invoke
