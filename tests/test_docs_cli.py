"""docs/cli.md names every verb and option, and every command line in it parses."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from molyneux.cli.main import app

PAGE = (Path(__file__).parents[1] / "docs" / "cli.md").read_text(encoding="utf-8")
LINES = [line[2:] for line in PAGE.splitlines() if line.startswith("$ molyneux")]
SHARED = {"--model", "--device", "--dtype", "--json"}


def commands(group: Any = None, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Full name -> command, for every verb down to the last."""
    found: dict[str, Any] = {}
    for name, command in (group or get_command(app)).commands.items():
        here = (*path, name)
        found |= commands(command, here) if hasattr(command, "commands") else {" ".join(here): command}
    return found


COMMANDS = commands()


def section(name: str) -> str:
    return PAGE.split(f"\n## molyneux {name}\n")[1].split("\n## ")[0]


def test_there_are_verbs_and_examples() -> None:
    assert set(COMMANDS) >= {"demo", "caption", "neurons", "decode", "ablate", "doctor", "miniature build"}
    assert len(LINES) >= len(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_verb_and_option_is_documented(name: str) -> None:
    said = section(name)
    assert f"$ molyneux {name}" in said
    assert f"(#molyneux-{name.replace(' ', '-')})" in PAGE
    options = {
        option for parameter in COMMANDS[name].params for option in parameter.opts if option.startswith("-")
    }
    for option in options - {"--help", "-h"}:
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", said), option


@pytest.mark.parametrize("name", COMMANDS)
def test_no_option_is_documented_that_is_not_there(name: str) -> None:
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    rows = [line for line in section(name).splitlines() if line.startswith("| `-")]
    for row in rows:
        for option in re.findall(r"--?[a-z][a-z-]*", row.split("|")[1]):
            assert option in options


@pytest.mark.parametrize("line", LINES)
def test_every_documented_line_parses(line: str) -> None:
    words = shlex.split(line)[1:]
    name = next(
        name for name in sorted(COMMANDS, key=len, reverse=True) if words[: len(name.split())] == name.split()
    )
    context = COMMANDS[name].make_context(name, words[len(name.split()) :])  # raises where it does not parse
    assert context.params


def test_every_verb_says_how_it_is_used() -> None:
    for name, command in COMMANDS.items():
        assert f"Example: molyneux {name}" in (command.help or ""), name
