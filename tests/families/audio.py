"""Tiny audio-language models: positions are time spans, and inputs are raw tensors."""

from __future__ import annotations

from typing import Any

import transformers as hf

from families.common import FIRST, TEXT
from families.words import chat, tokenizer

MELS, FRAMES = 8, 64
ENCODER = {"num_mel_bins": MELS, "max_source_positions": FRAMES // 2}


def qwen2_audio() -> tuple[Any, Any]:
    words = tokenizer(named={"audio_token": "<|AUDIO|>"})
    config = hf.Qwen2AudioConfig(
        audio_config={
            "model_type": "qwen2_audio_encoder",
            "encoder_layers": 2,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 24,
            "d_model": 16,
            **ENCODER,
        },
        text_config={"model_type": "qwen2", "vocab_size": len(words), **TEXT},
        audio_token_index=FIRST,
    )
    heard = hf.WhisperFeatureExtractor(feature_size=MELS, hop_length=16, n_fft=64, sampling_rate=1024)
    heard.chunk_length, heard.n_samples, heard.nb_max_frames = 1, 1024, FRAMES
    made = hf.Qwen2AudioProcessor(heard, words, chat_template=chat("<|AUDIO|>"))
    return hf.Qwen2AudioForConditionalGeneration(config), made


class Spoken:
    """A tokenizer where Voxtral has Mistral's own package: its inputs are made as tensors in the tests."""

    def __init__(self, words: Any) -> None:
        self.tokenizer, self.chat_template = words, None


def voxtral() -> tuple[Any, Any]:
    words = tokenizer(named={"audio_token": "[AUDIO]"})
    config = hf.VoxtralConfig(
        audio_config={
            "hidden_size": 16,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            **ENCODER,
        },
        text_config={"model_type": "llama", "vocab_size": len(words), "head_dim": 16, **TEXT},
        audio_token_id=FIRST,
    )
    return hf.VoxtralForConditionalGeneration(config), Spoken(words)


AUDIO = {build.__name__: build for build in (qwen2_audio, voxtral)}
