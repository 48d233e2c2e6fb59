"""``molyneux`` as users type it, in processes of their own, forked from one that has imported everything.

They are real processes with real signals and limits; only the seconds of importing torch are saved.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

_HOME = multiprocessing.get_context("forkserver")
_HOME.set_forkserver_preload(
    [
        "pandas",  # which Arrow imports where it is installed
        "molyneux.experiments.suite",
        "molyneux.models.load",
        "molyneux.cli.reproduce",
        "transformers.models.beit.modeling_beit",
        "transformers.models.clip.modeling_clip",
        "transformers.models.gptj.modeling_gptj",
        "transformers.models.bert.modeling_bert",
    ]
)


def start(log: Path, *words: str, file_size: int | None = None, **environ: str) -> BaseProcess:
    """``molyneux WORDS`` in a process of its own; what it prints goes to ``log``.

    Args:
        file_size: the largest file that it may write, in bytes, as on a disk that is full.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before the server starts and imports torch
    process = _HOME.Process(target=_typed, args=(log, words, file_size, environ))
    process.start()
    return process


def typed(log: Path, *words: str, file_size: int | None = None, **environ: str) -> tuple[int | None, str]:
    """The same, waited for: exit code and everything it printed."""
    process = start(log, *words, file_size=file_size, **environ)
    process.join(300)
    assert process.exitcode is not None, f"still at it: {log.read_text()}"
    return process.exitcode, log.read_text(encoding="utf-8")


def _typed(log: Path, words: tuple[str, ...], file_size: int | None, environ: dict[str, str]) -> None:
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environ)
    if file_size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    sys.argv = ["molyneux", *words]
    from molyneux.cli.main import main

    main()
