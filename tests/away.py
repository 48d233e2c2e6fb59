"""Models whose weights accelerate has put away until their modules run."""

from __future__ import annotations

from pathlib import Path

import torch
from accelerate import cpu_offload, dispatch_model

from molyneux.models.captioner import Captioner

__all__ = ["put_away"]


def put_away(machine: Captioner, where: str, folder: Path) -> Captioner:
    """The same model, its weights in memory or on disk, none of them in its modules."""
    if where == "memory":
        cpu_offload(machine.model, execution_device=torch.device("cpu"))
    else:
        parts = {name: "disk" for name, _ in machine.model.named_children()}
        dispatch_model(machine.model, device_map=parts, main_device="cpu", offload_dir=str(folder))
    assert all(weight.is_meta for weight in machine.model.parameters())
    return Captioner(machine.model, machine.processor)
