"""molyneux: which neurons put each word of a caption there.

The public names are loaded when they are first used, so that ``import molyneux`` imports no torch::

    import molyneux as mx

    captioner = mx.load("miniature")
    found = mx.attribute(captioner, "photo.jpg")
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what type checkers and editors see; the table below says the same at run time
    from molyneux.data.gate import Picture, open_image
    from molyneux.ground.errors import (
        AssetError,
        ImageError,
        ModelError,
        MolyneuxError,
        NeuronNameError,
        NonFiniteError,
        NoNounError,
        SettingError,
        TargetError,
    )
    from molyneux.ground.neuron import NeuronId
    from molyneux.models.caption import Caption
    from molyneux.models.captioner import Captioner
    from molyneux.models.load import load
    from molyneux.neurons.ablate import Ablation, ablate
    from molyneux.neurons.attribute import Attribution, attribute
    from molyneux.neurons.compare import Comparison, compare
    from molyneux.neurons.decode import Decoding, Decodings, decode
    from molyneux.neurons.edit import edit
    from molyneux.neurons.fields import ReceptiveField, receptive_field

__version__ = _version("molyneux")

__all__ = [
    "Ablation",
    "AssetError",
    "Attribution",
    "Caption",
    "Captioner",
    "Comparison",
    "Decoding",
    "Decodings",
    "ImageError",
    "ModelError",
    "MolyneuxError",
    "NeuronId",
    "NeuronNameError",
    "NoNounError",
    "NonFiniteError",
    "Picture",
    "ReceptiveField",
    "SettingError",
    "TargetError",
    "__version__",
    "ablate",
    "attribute",
    "compare",
    "decode",
    "edit",
    "load",
    "open_image",
    "receptive_field",
]

_HOMES = {
    "data.gate": ("Picture", "open_image"),
    "ground.errors": (
        *("AssetError", "ImageError", "ModelError", "MolyneuxError", "NeuronNameError"),
        *("NoNounError", "NonFiniteError", "SettingError", "TargetError"),
    ),
    "ground.neuron": ("NeuronId",),
    "models.caption": ("Caption",),
    "models.captioner": ("Captioner",),
    "models.load": ("load",),
    "neurons.ablate": ("Ablation", "ablate"),
    "neurons.attribute": ("Attribution", "attribute"),
    "neurons.compare": ("Comparison", "compare"),
    "neurons.decode": ("Decoding", "Decodings", "decode"),
    "neurons.edit": ("edit",),
    "neurons.fields": ("ReceptiveField", "receptive_field"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # to a type checker, a module with __getattr__ has every attribute

    def __getattr__(name: str) -> object:
        """Import a public name from its module the first time it is asked for (PEP 562)."""
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
