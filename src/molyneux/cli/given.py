"""What ``explore`` and ``export`` are given, a run or images; and what to type where a run has no images to show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from molyneux.ground.errors import SettingError
from molyneux.ground.manifest import MANIFEST

if TYPE_CHECKING:
    from molyneux.ground.manifest import Manifest

__all__ = ["no_looks", "run_given"]

_FLAGS = ("--lenient", "--report", "--no-report", "--dry-run", "--json")


def run_given(verb: str, what: Sequence[str]) -> Path | None:
    """The folder of the run that was named; None where images were.

    Raises:
        SettingError: a folder that is no run, a folder among other things, or nothing of that name at all.
    """
    for one in what:
        path = Path(one)
        if path.is_dir() and (len(what) > 1 or not (path / MANIFEST).exists()):
            raise SettingError(
                verb,
                value=one,
                expected=f"a run's folder alone (with {MANIFEST}), or image files",
                fix="" if (path / MANIFEST).exists() else f"Images in a folder: {path}/*.jpg.",
            )
        if "://" not in one and not path.exists() and len(what) == 1:
            raise SettingError(
                verb, value=one, expected="a run's folder, or an existing file that is an image"
            )
    return Path(what[0]) if Path(what[0]).is_dir() else None


def no_looks(folder: Path, manifest: Manifest) -> str:
    """What to type for a run without images to look at: the run's own command, with the experiment ``looks``."""
    from molyneux.ground.run import shell_command

    command = shell_command(_with_looks(folder, list(manifest.command)))
    return f"no images to look at; this computes them, and then the same again: {command}"


def _with_looks(folder: Path, words: list[str]) -> list[str]:
    if words[1:2] != ["reproduce"]:
        return ["molyneux", "reproduce", "looks", "--out", str(folder)]
    kept: list[str] = []
    rest = iter(words[2:])
    for word in rest:
        if word == "--out":
            next(rest, None)  # it may have been typed in another folder
        elif word.startswith("--") and "=" not in word and word not in _FLAGS:
            kept += [word, *([value] if (value := next(rest, None)) is not None else [])]
        elif word.startswith("-") and not word.startswith("--out="):
            kept.append(word)  # other words are the experiments that it was made with
    return ["molyneux", "reproduce", "looks", "--out", str(folder), *kept]
