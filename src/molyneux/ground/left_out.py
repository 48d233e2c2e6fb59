"""Which experiments a run could not do, and why: kept with it, so that whoever looks at it need not guess."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from molyneux.ground.files import keep, kept, side_of
from molyneux.ground.lock import guarded
from molyneux.ground.plain import from_json, to_json
from molyneux.ground.run_errors import DamagedError

__all__ = ["LEFT_OUT", "keep_left_out", "left_out_of"]

LEFT_OUT = "left_out.json"


def keep_left_out(folder: Path, reasons: Mapping[str, str], *, possible: Iterable[str] = ()) -> None:
    """Write down why experiments are left out; what an earlier command wrote of others stays.

    One process at a time, whatever joined them: to be asked outside ``guarded``.

    Args:
        reasons: experiment -> why these data and this model do not allow it.
        possible: experiments that they do allow, of which nothing is kept.

    Raises:
        RunError: the folder of the run's lock files is a link.
        StorageError: it cannot be written.
    """
    with guarded(folder):
        there = (folder / LEFT_OUT).exists() or side_of(folder / LEFT_OUT).exists()
        before = _read(folder) if there else {}
        told = {name: why for name, why in (before or {}).items() if name not in set(possible)} | dict(
            reasons
        )
        if told != before and (told or there):
            keep(folder / LEFT_OUT, to_json(dict(sorted(told.items()))).encode())


def left_out_of(folder: Path) -> dict[str, str]:
    """Experiment -> why a run leaves it out; empty where nothing was left out.

    Raises:
        DamagedError: the file is not what was written.
    """
    if not (folder / LEFT_OUT).exists() and not side_of(folder / LEFT_OUT).exists():
        return {}
    told = _read(folder)
    if told is None:
        raise DamagedError(folder / LEFT_OUT, "it is not what was written")
    return told


def _read(folder: Path) -> dict[str, str] | None:
    """What the file says; None where it is damaged, so that it is written anew."""
    try:
        told = from_json(kept(folder / LEFT_OUT))
    except (DamagedError, ValueError):
        return None
    if not isinstance(told, dict) or not all(isinstance(why, str) for why in told.values()):
        return None
    return {name: str(why) for name, why in told.items()}
