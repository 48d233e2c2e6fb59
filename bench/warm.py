"""Imported by the process that memory measurements are forked from: imports all there is, runs a toy once.

On one thread, because a pool of threads does not survive a fork.
"""

from __future__ import annotations

import contextlib
import multiprocessing

import torch
from measure import CONTENDERS
from peers import PEERS, installed
from random_limber import QUICK, Case

if multiprocessing.parent_process() is None and __name__ == "warm":  # the fork server, no child of it
    torch.set_num_threads(1)
    for name in CONTENDERS:
        if name not in PEERS or installed(name):
            with contextlib.suppress(ImportError):
                CONTENDERS[name](Case(QUICK[0]), "pre")
    assert Case(QUICK[0]).caption.tokens
