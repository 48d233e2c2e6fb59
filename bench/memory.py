"""Peak memory of one work inside the running process: resident memory, or a GPU's own count."""

from __future__ import annotations

import ctypes
import gc
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

__all__ = ["Meter"]

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h


class Meter:
    """Bytes in use on a device, and how high they rose. On the CPU it needs Linux.

    Args:
        device: the CPU or a CUDA device.

    Raises:
        RuntimeError: this system does not tell a process's peak memory.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.cuda = device, device.type == "cuda"
        if self.cuda:
            return
        if sys.platform != "linux" or not Path("/proc/self/clear_refs").exists():
            raise RuntimeError("peak memory of the CPU: needs Linux with /proc/self/clear_refs")
        self._libc = ctypes.CDLL("libc.so.6")
        self._libc.mallopt(_MMAP_THRESHOLD, 65536)  # so that a freed tensor leaves the process

    def finished(self, work: Callable[[], Any]) -> Callable[[], None]:
        """The work, which ends only when the device has done it."""

        def whole() -> None:
            work()
            if self.cuda:
                torch.cuda.synchronize(self.device)

        return whole

    def highest(self) -> int:
        """Bytes at the highest so far, since the process began or ``peak`` last set out."""
        return torch.cuda.max_memory_allocated(self.device) if self.cuda else _status("VmHWM")

    def peak(self, work: Callable[[], Any]) -> tuple[int, int]:
        """Bytes by which the work's peak exceeds what was held before it, and the peak in all.

        To be called after a warm-up: what a first call caches would count.
        """
        gc.collect()
        if self.cuda:
            torch.cuda.synchronize(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            before = torch.cuda.memory_allocated(self.device)
        else:
            self._libc.malloc_trim(0)
            Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
            before = _status("VmRSS")
        self.finished(work)()
        highest = self.highest()
        return highest - before, highest


def _status(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024
