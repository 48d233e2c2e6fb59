"""What a run of experiments is: hashes of the weights as they were loaded, of the data, and the settings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from molyneux.data.fingerprint import fingerprint
from molyneux.data.sources import DataSet, Source
from molyneux.ground.manifest import Identity
from molyneux.ground.plain import Json
from molyneux.models.captioner import Captioner
from molyneux.models.placement import weight_of
from molyneux.neurons.story import is_miniature

__all__ = ["identity_of", "is_papers", "weights_hash"]


def weights_hash(model: nn.Module) -> str:
    """SHA-256 over every parameter and buffer of a state: name, type, shape and bytes, in order of name.

    Weights that are put away are read one at a time, so that the hash is that of the same model in memory.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        there: torch.Tensor = _read(model, name) if tensor.is_meta else tensor
        value = there.detach().contiguous().cpu()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _read(model: nn.Module, name: str) -> torch.Tensor:
    path, _, leaf = name.rpartition(".")
    found = weight_of(model.get_submodule(path), leaf)
    assert found is not None  # the state names it
    return found


def identity_of(
    captioner: Captioner,
    data: DataSet,
    sources: Sequence[Source],
    *,
    classes: tuple[DataSet, ...] = (),
    seed: int = 0,
    settings: dict[str, Json] | None = None,
) -> Identity:
    """The identity of a run: anything else that is resumed in its folder is refused.

    Args:
        sources: the images of ``data`` that are used.
        classes: class folders beside them.
        settings: batch size and whatever else all stages have in common.
    """
    parameter = next(captioner.model.parameters())
    # A folder may lie elsewhere tomorrow: its weights' hash says which model it holds.
    named = Path(captioner.name).name if Path(captioner.name).is_dir() else captioner.name
    told: dict[str, Json] = {
        "model": named,
        "prompt": captioner.prompt,
        "dtype": str(parameter.dtype).removeprefix("torch."),
        "device": captioner.device.type,
        "layers": captioner.layout.layers,
        "units": captioner.layout.units,
        "miniature": is_miniature(captioner),
    }
    hashes = fingerprint(data, sources)
    for place, one in enumerate(classes):
        hashes |= {f"classes{place}.{key}": value for key, value in fingerprint(one, one.sources).items()}
    return Identity(
        settings=told | (settings or {}),
        weights={"model": weights_hash(captioner.model)},
        data=hashes,
        seed=seed,
    )


def is_papers(captioner: Captioner, data: DataSet, sources: Sequence[Source], *, own_parts: bool) -> bool:
    """Whether model and data are the paper's: LiMBeR-BEIT as published, all of COCO 2017's validation images.

    Args:
        own_parts: another encoder or language model was put in.
    """
    whole = {path.name for path in data.files} == {"captions_val2017.json", "instances_val2017.json"}
    return (
        captioner.name == "limber-beit"
        and not own_parts
        and whole
        and len(sources) == data.report.given == 5000
    )
