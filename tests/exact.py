"""float64 all the way through: some attentions and most RMS norms compute in float32 whatever the dtype,
which hides errors below 1e-7; tests of exactness replace just these by the same formula without casts."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional
from transformers.models.bloom import modeling_bloom
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.gpt_neo.modeling_gpt_neo import GPTNeoSelfAttention
from transformers.models.gptj.modeling_gptj import GPTJAttention
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.mistral.modeling_mistral import MistralRMSNorm
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm


def _attend(self, query, key, value, attention_mask=None):
    weights = query @ key.transpose(-1, -2) / self.scale_attn
    weights = (weights if attention_mask is None else weights + attention_mask).softmax(-1)
    return weights @ value, weights


def _norm(self, hidden):
    return self.weight * hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


def _gemma_norm(self, x):
    return self._norm(x) * (1.0 + self.weight)


def _attend_near(self, query, key, value, attention_mask=None):
    asked, known = query.shape[-2], key.shape[-2]
    allowed = self.bias[:, :, known - asked : known, :known]
    weights = (query @ key.transpose(-1, -2)).masked_fill(~allowed, torch.finfo(query.dtype).min)
    weights = (weights if attention_mask is None else weights + attention_mask).softmax(-1)
    return weights @ value, weights


class _Uncast:
    """torch.nn.functional, but a softmax keeps the dtype it is given."""

    def __getattr__(self, name):
        return getattr(functional, name)

    def softmax(self, values, dim, dtype=None):
        return functional.softmax(values, dim=dim)


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GPTJAttention, "_attn", _attend)
    monkeypatch.setattr(GPTNeoSelfAttention, "_attn", _attend_near)
    monkeypatch.setattr(modeling_bloom, "F", _Uncast())
    monkeypatch.setattr(GemmaRMSNorm, "forward", _gemma_norm)
    monkeypatch.setattr(LlamaRMSNorm, "forward", _norm)
    monkeypatch.setattr(MistralRMSNorm, "forward", _norm)
    monkeypatch.setattr(Qwen2RMSNorm, "forward", _norm)
