"""Reading checkpoints with transformers: the class that a folder names, all its weights, and clear refusals."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from logging import getLogger
from typing import Any

import transformers
from safetensors import SafetensorError
from transformers import AutoConfig, GenerationMixin
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    MODEL_FOR_MULTIMODAL_LM_MAPPING,
)

from molyneux.ground.errors import AssetError, ModelError, MolyneuxError
from molyneux.models.presence import Kinds, lacking, missing_files
from molyneux.models.source import Source

__all__ = ["check_weights", "model_class", "read_config", "reading"]

_LOG = getLogger(__name__)
#: Libraries that transformers asks for, as its messages name them.
_LIBRARIES = ("torchvision", "timm", "torchaudio", "mistral_common", "num2words")
#: Code from a checkpoint is never run, and nobody is asked whether it may.
SAFE: dict[str, Any] = {"trust_remote_code": False}


def read_config(source: Source) -> Any:
    """A checkpoint's configuration.

    Raises:
        ModelError: it cannot be read, or is written for code of its own.
    """
    with reading(source):
        return AutoConfig.from_pretrained(source.where, revision=source.revision, **SAFE)


def model_class(config: Any, where: str) -> Any:
    """The class to load: the one that the configuration names, else transformers' for its type.

    Raises:
        ModelError: the model sees and hears nothing: it takes text only.
    """
    told = config.architectures
    names = [name for name in told if isinstance(name, str)] if isinstance(told, list) else []
    for name in names:
        named = getattr(transformers, name, None)
        if _perceives(named, config):
            return named
    for mapping in (MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING, MODEL_FOR_MULTIMODAL_LM_MAPPING):
        if type(config) in mapping:
            return mapping[type(config)]
    kind = [*names, config.model_type][0]
    raise ModelError(
        f"model {where} has no visual input",
        value=kind,
        expected="a model that takes images (or audio) with text and writes text",
        fix="Join a text-only model to an encoder with molyneux.models.limber.assemble(vision, text), and give "
        "load(model, processor=processor).",
    )


def _perceives(named: Any, config: Any) -> bool:
    """Whether a class generates text from more than text, with this very configuration."""
    if not isinstance(named, type) or not issubclass(named, GenerationMixin):
        return False
    joint = any(getattr(config, part, None) is not None for part in ("vision_config", "audio_config"))
    known = type(config) in MODEL_FOR_MULTIMODAL_LM_MAPPING
    return getattr(named, "config_class", None) is type(config) and (joint or known)


@contextmanager
def reading(source: Source, needed: Kinds | None = None) -> Iterator[None]:
    """Whatever transformers raises inside becomes one clear error.

    Args:
        needed: files that must be there besides configuration and weights; None: not told.

    Raises:
        ModelError: the checkpoint cannot be read.
        AssetError: a library that it needs is missing or broken.
    """
    try:
        yield
    except MolyneuxError:
        raise
    except ImportError as error:
        raise _library(source, error) from error
    except Exception as error:  # of any kind: damaged files end in whatever first stumbles over them
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            raise
        raise _refusal(source, error, needed) from error


def _reason(error: Exception) -> str:
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    told = isinstance(error, OSError | ValueError | RuntimeError | ImportError | SafetensorError)
    return said if told else f"{type(error).__name__}: {said}"


def _library(source: Source, error: ImportError) -> AssetError:
    said = str(error).lower()
    name = next(
        (one for one in _LIBRARIES if one in said),
        None,
    )
    installed = {"timm": "pip install 'molyneux[timm]'", "torchvision": "pip install 'molyneux[video]'"}
    fix = installed.get(name or "", f"pip install {name}" if name else _reason(error))
    if name in ("torchvision", "timm"):
        fix += ", with a torchvision built for your torch (see pytorch.org; `molyneux doctor` tells a broken one)"
    return AssetError(
        f"model {source}",
        expected=f"the library {name or error.name or 'that transformers asks for'}, which it needs",
        fix=f"{fix}. Or load model and processor yourself: load(model, processor=...).",
    )


def _refusal(source: Source, error: Exception, needed: Kinds | None) -> ModelError:
    said = str(error)
    if "trust_remote_code" in said:
        return ModelError(
            "model",
            value=str(source),
            expected="an architecture that transformers has: this one brings code of its own, which is never run",
            fix="If you trust it, load it yourself with transformers and give load(model, processor=...).",
        )
    if isinstance(error, OSError) and not source.local and needed is not None:
        missing = missing_files(source, needed)
        if missing:
            return lacking(source, missing)
    return ModelError(
        "model",
        value=str(source),
        expected="'miniature', or a folder or hub id of a vision-language model with its processor",
        fix=f"transformers says: {_reason(error)}",
    )


def _numbered(name: str) -> str:
    return re.sub(r"(?<=\.)\d+(?=\.)", "#", name)


def _further_layers(model: Any, extra: list[str]) -> list[str]:
    """Those weights that have the name of one of the model's, but another layer's number."""
    known = {_numbered(name) for name in model.state_dict()}
    prefix = f"{model.base_model_prefix}."
    return [
        name for name in extra if _numbered(name).removeprefix(prefix) in known or _numbered(name) in known
    ]


def check_weights(model: Any, loaded: dict[str, Any], source: Source, *, part: bool = False) -> None:
    """Refuse what transformers would fill with random numbers, and what it would silently leave out.

    Args:
        model: the loaded one.
        loaded: ``output_loading_info`` of ``from_pretrained``.
        part: one of LiMBeR's two models, whose checkpoint may hold more (heads, the other half of CLIP) and whose
            pooler is not used: only further layers of a kind that the model has are refused.

    Raises:
        ModelError: names how many weights are wrong and the first of them.
    """
    wrong = sorted([*loaded["missing_keys"], *(key for key, *_ in loaded["mismatched_keys"])])
    wrong = [key for key in wrong if not (part and "pooler" in key)]
    if wrong:
        raise ModelError(
            "checkpoint",
            value=str(source),
            expected=f"every weight in it; {len(wrong)} are missing or of another shape, such as {wrong[0]}",
            fix="transformers would fill them with random numbers: fetch the checkpoint again.",
        )
    extra = sorted(loaded["unexpected_keys"])
    if part:
        extra = _further_layers(model, extra)
    if extra:
        raise ModelError(
            "checkpoint",
            value=str(source),
            expected=f"no weights that its config.json has no place for; it holds {len(extra)}, such as {extra[0]}",
            fix="The model would run without them: correct config.json, or fetch the checkpoint again.",
        )
