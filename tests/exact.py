"""float64 all the way through: GPT-J's attention and LLaMA's norm compute in float32 whatever the dtype,
which hides errors below 1e-7; tests of exactness replace just these two by the same formula without casts."""

from __future__ import annotations

import pytest
import torch
from transformers.models.gptj.modeling_gptj import GPTJAttention
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm


def _attend(self, query, key, value, attention_mask=None):
    weights = query @ key.transpose(-1, -2) / self.scale_attn
    weights = (weights if attention_mask is None else weights + attention_mask).softmax(-1)
    return weights @ value, weights


def _norm(self, hidden):
    return self.weight * hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GPTJAttention, "_attn", _attend)
    monkeypatch.setattr(LlamaRMSNorm, "forward", _norm)
    monkeypatch.setattr(Qwen2RMSNorm, "forward", _norm)
