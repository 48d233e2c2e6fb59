"""What ``doctor`` looks at. Every check computes something that can come out wrong."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from molyneux.data.gate import Picture
    from molyneux.models.captioner import Captioner

__all__ = ["Check", "examine"]

_LIBRARIES = ("molyneux", "torch", "transformers", "safetensors", "pillow", "numpy", "matplotlib", "HanTa")
_PEERS = ("captum", "nnsight", "transformer-lens")
#: Largest relative difference between two ways to the same logit that float32 excuses.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: str
    """"ok", "note" (for information) or "problem"."""
    detail: str


def examine(model: str, device: str | None, dtype: str | None) -> list[Check]:
    """All checks, in order; none raises."""
    checks = [Check("versions", "note", _versions()), Check("machine", "note", _machine())]
    checks.append(Check("peers", "note", _peers()))
    checks.append(_try("device", lambda: _device(device)))
    checks.append(_try("torchvision", _torchvision))
    checks.append(_try("dictionary", _dictionary))
    checks.append(_try("noun tagger", _tagger))
    checks.append(_try("figures", _figures))
    return checks + _model_checks(model, device, dtype)


def _try(name: str, look: Callable[[], str]) -> Check:
    """A check passes if it returns; what it raises is the problem."""
    try:
        return Check(name, "ok", look())
    except Exception as error:  # whatever a broken installation raises is what is to be reported
        return Check(name, "problem", f"{type(error).__name__}: {error}")


def _installed(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} not installed"


def _versions() -> str:
    return ", ".join([f"Python {platform.python_version()}", *map(_installed, _LIBRARIES)])


def _peers() -> str:
    return ", ".join(map(_installed, _PEERS)) + " (optional)"


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    said = f"{platform.system()} {platform.machine()}, {cores} cores"
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        return f"{said}, {memory:.0f} GiB memory"
    except (AttributeError, ValueError, OSError):
        return said


def _device(device: str | None) -> str:
    import torch

    from molyneux.models.load import choose_device

    chosen = choose_device(device)
    ones = torch.ones(8, 8, device=chosen)
    total = float((ones @ ones).sum())
    if total != 512:
        raise ArithmeticError(f"a product of ones on {chosen} gave {total}, expected 512")
    return f"{chosen}, {torch.get_num_threads()} threads"


def _torchvision() -> str:
    """transformers uses torchvision if it is there, and fails in odd places if it is there and broken."""
    if find_spec("torchvision") is None:
        return "not installed, not needed"
    try:
        import_module("torchvision")
    except Exception as error:
        raise RuntimeError(f"installed but broken ({error}); uninstall it, or match it to torch") from error
    return f"{version('torchvision')}, works"


def _dictionary() -> str:
    from molyneux.data.dictionary import is_word

    if not is_word(" horse") or is_word(" hrsqe"):
        raise RuntimeError("it does not tell 'horse' from 'hrsqe': reinstall molyneux")
    return "tells words from others"


def _tagger() -> str:
    from molyneux.data.nouns import first_noun

    found = first_noun("a brown horse on a beach")
    if found is None or found.word != "horse":
        raise RuntimeError(
            f"the first noun of 'a brown horse on a beach' came out as {found}: reinstall HanTa"
        )
    return "finds the first noun"


def _figures() -> str:
    from io import BytesIO

    from matplotlib.figure import Figure

    file = BytesIO()
    Figure(figsize=(1, 1)).savefig(file, format="png")
    return f"matplotlib writes {len(file.getvalue())} bytes of PNG"


def _model_checks(model: str, device: str | None, dtype: str | None) -> list[Check]:
    from molyneux.cli.options import open_captioner

    try:
        captioner = open_captioner(model, device, dtype)
    except Exception as error:  # as above: reported, not raised
        return [Check(f"model {model}", "problem", f"{type(error).__name__}: {error}")]
    picture = _pattern()
    layout = captioner.layout
    return [
        Check(f"model {model}", "ok", f"{layout.layers} layers x {layout.units} units on {captioner.device}"),
        _try("same caption", lambda: _same_caption(captioner, picture)),
        _try("same logits", lambda: _same_logits(captioner, picture)),
    ]


def _pattern() -> Picture:
    """An image that needs no file: a colour at every place, different along both sides."""
    import numpy as np
    from PIL import Image

    from molyneux.data.gate import open_image

    y, x = np.mgrid[0:160, 0:200]
    pixels = np.stack([x * 255 // 199, y * 255 // 159, (x * y) % 256], axis=-1).astype(np.uint8)
    return open_image(Image.fromarray(pixels))


def _same_caption(captioner: Captioner, picture: Picture) -> str:
    """Our caption against ``generate`` called by hand on the plain objects."""
    from molyneux.models.captioner import GREEDY

    made = captioner.caption(picture)
    inputs = captioner.prepare([picture])
    plain = captioner.model.generate(**inputs, **GREEDY, max_new_tokens=24)
    ids = plain[0, inputs["input_ids"].shape[1] :].tolist()
    if tuple(ids[: len(made.token_ids)]) != made.token_ids:
        raise ArithmeticError(f"ours {list(made.token_ids)}, transformers' {ids}")
    return f"{len(made.token_ids)} tokens equal to transformers' generate"


def _same_logits(captioner: Captioner, picture: Picture) -> str:
    """The plain model's logits before and after attribution, and attribution's own against them."""
    import torch

    from molyneux.neurons.attribute import attribute

    inputs = captioner.prepare([picture])

    def plain() -> torch.Tensor:
        with torch.no_grad():
            logits: torch.Tensor = captioner.model(**inputs).logits[0, -1].float()
        return logits

    before = plain()
    found = attribute(captioner, picture, target=0)
    if not torch.equal(before, plain()):
        raise ArithmeticError("the model's logits changed after an attribution: a hook was left behind")
    expected = float(before[found.target.token_id])
    off = abs(found.logit - expected) / max(1.0, abs(expected))
    if off > TOLERANCE and captioner.model.dtype == torch.float32:
        raise ArithmeticError(f"attribution's logit {found.logit:.6f}, the plain model's {expected:.6f}")
    return f"unchanged by attribution; its own differ by {off:.1e}"
