"""Whether a model fits before it is loaded, and the smaller plan where it does not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from molyneux.ground.errors import ModelError

__all__ = ["Need", "Place", "Plan", "need_of", "need_of_model", "places", "plan", "weightless"]

#: What the interpreter, kernels and the largest temporary take beside weights and activations, in bytes.
_BESIDE = 300_000_000
#: Values that an attribution keeps, a position and layer: multiples of the MLP's units and of the residual width;
#: with eager attention also of heads x positions. Counted with ``saved_tensors_hooks``; see tests/test_memory.py.
_PER_UNIT, _PER_WIDTH, _PER_LINK = 4, 9, 2
#: Positions of a prompt and caption beside the visual ones.
_WORDS = 32
#: Visual positions where a configuration does not say.
_PATCHES = 1024


@dataclass(frozen=True)
class Need:
    """What a model holds, in numbers, not bytes: dtype and batch are still open."""

    weights: int
    """Weights, shared ones once."""
    kept: int
    """Activations that the attribution of one image keeps until its backward pass."""

    def bytes(self, dtype: torch.dtype, batch: int = 1) -> int:
        """Memory for the attribution of ``batch`` images at once, in bytes."""
        return (self.weights + batch * self.kept) * dtype.itemsize + _BESIDE


@dataclass(frozen=True)
class Place:
    """A device, or all of a kind together, and the bytes that are free there."""

    name: str
    """"cpu", "cuda:0", "mps", or "cuda" for all GPUs together (accelerate's ``device_map``)."""
    free: int

    @property
    def slow(self) -> bool:
        """The CPU comes after every accelerator."""
        return self.name == "cpu"

    @property
    def spread(self) -> bool:
        """Whether the model is laid over several devices."""
        return self.name == "cuda"


@dataclass(frozen=True)
class Plan:
    """Where and how a model is loaded."""

    place: Place
    dtype: torch.dtype
    batch: int
    needed: int
    """Bytes."""
    note: str
    """What is smaller than asked for, and why; empty if nothing is."""


def plan(
    need: Need,
    there: Sequence[Place],
    *,
    dtype: torch.dtype | None = None,
    batch: int = 1,
    what: str = "the model",
) -> Plan:
    """The first way to hold a model that fits: accelerators before the CPU, wide before narrow, large batches first.

    Args:
        there: places in order of preference.
        dtype: None: float32, and bfloat16 if nothing is wide enough for it; a given one is never changed.
        batch: images at once; halved as long as that alone makes it fit.

    Raises:
        ModelError: nothing fits; names the memory needed and there, in GB.
    """
    dtypes = [torch.float32, torch.bfloat16] if dtype is None else [dtype]
    fast = [place for place in there if not place.slow]
    slow = [place for place in there if place.slow]
    for kind in (fast, slow):
        for wide in dtypes:
            for place in kind:
                rows = batch
                while rows > 1 and need.bytes(wide, rows) > place.free:
                    rows //= 2
                if need.bytes(wide, rows) <= place.free:
                    made = Plan(place, wide, rows, need.bytes(wide, rows), "")
                    return _noted(made, need, there[0], dtypes[0], batch)
    raise _too_large(need, there, dtypes, what)


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def _noted(made: Plan, need: Need, first: Place, wide: torch.dtype, batch: int) -> Plan:
    changes = []
    if made.dtype != wide:
        changes.append("bfloat16")
    if made.place != first:
        changes.append("all GPUs together" if made.place.spread else f"the {made.place.name}")
    if made.batch != batch:
        changes.append(f"batches of {made.batch}")
    if not changes:
        return made
    name = str(wide).removeprefix("torch.")
    note = (
        f"{name} with batches of {batch} would take {_gb(need.bytes(wide, batch))} and {first.name} has "
        f"{_gb(first.free)} free: taking {', '.join(changes)} ({_gb(made.needed)})"
    )
    return Plan(made.place, made.dtype, made.batch, made.needed, note)


def _too_large(need: Need, there: Sequence[Place], dtypes: Sequence[torch.dtype], what: str) -> ModelError:
    least = min(dtypes, key=lambda one: one.itemsize)
    name = str(least).removeprefix("torch.")
    free = ", ".join(f"{_gb(place.free)} on {place.name}" for place in there)
    narrower = "ask for --dtype bfloat16, or " if least.itemsize > 2 else ""
    return ModelError(
        f"memory for {what}",
        value=f"{free} free",
        expected=f"{_gb(need.bytes(least))} for {name}: weights and the attribution of one image",
        fix=f"Close other programs, {narrower}take a machine with more memory; or MOLYNEUX_MEMORY=ignore to try.",
    )


def need_of(kind: Any, config: Any) -> Need | None:
    """What a model needs, from its configuration alone: it is built without memory for its weights.

    Args:
        kind: its class.

    Returns:
        None where the class cannot be built that way: then nothing is known, and nothing refused.
    """
    model = weightless(kind, config)
    return None if model is None else need_of_model(model)


def weightless(kind: Any, config: Any) -> Any:
    """The model that a configuration describes, without memory for its weights; None if that cannot be built."""
    try:
        with torch.device("meta"):
            return kind(config)
    except Exception:  # whatever a class does when it is built: its real loading will tell what is wrong
        return None


def need_of_model(model: Any) -> Need:
    """What a model needs that is built, with or without its weights."""
    config = model.config
    weights = sum(weight.numel() for weight in model.parameters())
    return Need(weights, _kept(config.get_text_config(decoder=True), _visual(config) + _WORDS))


def _kept(text: Any, positions: int) -> int:
    """Numbers that one forward of a language model over some positions keeps for its backward pass."""
    layers, width, heads = (
        int(getattr(text, name, 0) or 0)
        for name in ("num_hidden_layers", "hidden_size", "num_attention_heads")
    )
    eager = getattr(text, "_attn_implementation", None) == "eager"
    links = _PER_LINK * heads * positions if eager else 0
    return layers * positions * (_PER_UNIT * _units(text, width) + _PER_WIDTH * width + links)


def _units(text: Any, width: int) -> int:
    for name in ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size"):
        units = getattr(text, name, None)
        if isinstance(units, int):
            return units
    return 4 * width


def _visual(config: Any) -> int:
    """Visual positions of one image, as far as a configuration says."""
    for name in ("num_image_tokens", "image_seq_length", "mm_tokens_per_image", "num_query_tokens"):
        told = getattr(config, name, None)
        if isinstance(told, int) and told > 0:
            return told
    return _PATCHES


def places(device: torch.device, *, chosen: bool) -> list[Place]:
    """Where a model may go, with the memory that is free there now.

    Args:
        device: the device asked for, or the best one.
        chosen: whether the user asked for it; then it is the only one.
    """
    if device.type == "cpu":
        return [Place("cpu", _free_on_cpu())]
    if device.type == "cuda":
        count = torch.cuda.device_count()
        free = [torch.cuda.mem_get_info(index)[0] for index in range(count)]
        index = device.index or 0
        found = [Place(f"cuda:{index}", free[index])]
        if not chosen and count > 1:
            found.append(Place("cuda", sum(free)))
    elif device.type != "mps":
        found = [Place(device.type, sys.maxsize)]  # what is free there is not known
    else:
        limit, taken = torch.mps.recommended_max_memory(), torch.mps.driver_allocated_memory()
        found = [Place(device.type, max(0, limit - taken))]
    return found if chosen else [*found, Place("cpu", _free_on_cpu())]


def _free_on_cpu() -> int:
    """The machine's available memory, or what a container's limit leaves of it."""
    import psutil  # type: ignore[import-untyped]

    free = int(psutil.virtual_memory().available)
    left = _free_in_container()
    return free if left is None else min(free, left)


def _free_in_container(root: str = "/sys/fs/cgroup") -> int | None:
    """What a control group (version 2) may still take; file pages that can be dropped count as free."""
    from pathlib import Path

    folder = Path(root)
    try:
        limit = (folder / "memory.max").read_text().strip()
        if limit == "max":
            return None
        used = int((folder / "memory.current").read_text())
        lines = (folder / "memory.stat").read_text().splitlines()
        stat = dict(line.split() for line in lines)
        return max(0, int(limit) - used + int(stat.get("inactive_file", 0)) + int(stat.get("active_file", 0)))
    except (OSError, ValueError):
        return None
