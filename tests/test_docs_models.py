"""docs/models.md lists exactly the families and text decoders that the tests build."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import machines
from families import ALL, captioner
from molyneux.models.geometry import FAMILIES

PAGE = (Path(__file__).parents[1] / "docs" / "models.md").read_text()
#: Where the page's first cell is not the name that the tests use.
NAMES = {"gpt2": "GPT-2", "gptj": "GPT-J", "gptneo": "GPT-Neo", "neox": "GPT-NeoX"}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_family_has_its_row() -> None:
    listed = {row[1].strip("`") for row in rows("Vision-language and audio families")}
    assert listed == {captioner(family).model.config.model_type for family in ALL} | {"limber"}
    assert {name for name in listed if "audio" not in name and name != "voxtral"} <= FAMILIES.keys()


def test_every_decoder_has_its_row() -> None:
    listed = {row[0].casefold() for row in rows("Text decoders")}
    assert listed == {NAMES.get(name, name).casefold() for name in machines.TEXT}


@pytest.mark.parametrize("name", sorted(machines.TEXT))
def test_the_output_matrix_is_where_the_page_says(name: str) -> None:
    (row,) = [row for row in rows("Text decoders") if row[0].casefold() == NAMES.get(name, name).casefold()]
    path = re.match(r"`([\w.]+)`", row[1]).group(1)
    machine = machines.captioner(name)
    (found,) = [
        module for module in machine.model.get_decoder().modules() if module is machine.layout.mlps[1].out
    ]
    names = {module: where for where, module in machine.model.named_modules()}
    assert names[found].endswith(f".1.{path}")
