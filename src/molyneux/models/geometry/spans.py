"""From visual positions to seconds, where a model hears instead of seeing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from molyneux.ground.errors import ModelError

__all__ = ["TimeSpans", "spans_of"]


@dataclass(frozen=True)
class TimeSpans:
    """Positions of a sound, one after the other, each ``step`` seconds long."""

    positions: int
    step: float
    """Seconds between one position's start and the next one's."""

    @property
    def seconds(self) -> float:
        """Length of what all positions cover; up to a step less or more than the sound."""
        return self.positions * self.step

    def span(self, position: int) -> tuple[float, float]:
        """Start and end of one position, in seconds from the start of the sound.

        Raises:
            ModelError: there is no such position.
        """
        if not 0 <= position < self.positions:
            raise ModelError("position", value=position, expected=f"0..{self.positions - 1} of this sound")
        return position * self.step, (position + 1) * self.step


#: ``model_type`` -> frames of the spectrogram a position: a convolution of stride 2, then pooling by 2
#: (Qwen2-Audio), or as many vectors side by side as the projector takes (Voxtral).
FRAMES: dict[str, Callable[[Any], int]] = {
    "qwen2_audio": lambda audio: 4,
    "voxtral": lambda audio: 2 * (audio.intermediate_size // audio.hidden_size),
}


def spans_of(model: Any, processor: Any, positions: int) -> TimeSpans | None:
    """The seconds that each position of one sound covers, or None where a model hears nothing.

    Args:
        processor: its ``feature_extractor`` says how far apart frames are; Whisper's 160 samples of
            1/16,000 s where there is none.
        positions: number of positions that the prompt holds for this sound.
    """
    frames = FRAMES.get(model.config.model_type)
    if frames is None:
        return None
    extractor = getattr(processor, "feature_extractor", None)
    hop, rate = getattr(extractor, "hop_length", 160), getattr(extractor, "sampling_rate", 16000)
    return TimeSpans(positions, frames(model.config.audio_config) * hop / rate)
