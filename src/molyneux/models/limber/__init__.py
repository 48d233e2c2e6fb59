"""LiMBeR for transformers: importing this registers it with ``AutoConfig`` and its relatives."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from molyneux.models.limber.assembly import assemble
from molyneux.models.limber.configuration import LimberConfig
from molyneux.models.limber.modeling import LimberForConditionalGeneration
from molyneux.models.limber.processing import LimberProcessor

__all__ = ["LimberConfig", "LimberForConditionalGeneration", "LimberProcessor", "assemble", "register"]


def register() -> None:
    """Make ``Auto`` classes and pipelines of transformers know LiMBeR; harmless when repeated."""
    AutoConfig.register(LimberConfig.model_type, LimberConfig, exist_ok=True)
    AutoModelForImageTextToText.register(LimberConfig, LimberForConditionalGeneration, exist_ok=True)
    AutoProcessor.register(LimberConfig, LimberProcessor, exist_ok=True)


register()
