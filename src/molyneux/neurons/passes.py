"""The forward passes that a backward pass can follow: alone, or the captioning prefill itself.

Both end in the logit of each row's target token at the position that generates it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from molyneux.data.gate import Picture
from molyneux.models.captioner import Captioner, Generation
from molyneux.models.faults import check_logits
from molyneux.models.hooks import before
from molyneux.neurons.stream import ScoreStream
from molyneux.neurons.target import Target

__all__ = ["Prefill", "caption_and_record", "last_logits", "target_logits", "with_prefix"]


def with_prefix(inputs: dict[str, Tensor], prefixes: Sequence[Sequence[int]]) -> dict[str, Tensor]:
    """Append each row's caption tokens to its prompt, padded on the left so that all rows end together."""
    longest = max(len(prefix) for prefix in prefixes)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    rows = []
    masks = []
    for row, prefix in enumerate(prefixes):
        gap = longest - len(prefix)
        rows.append(torch.cat([ids.new_zeros(gap), ids[row], ids.new_tensor(list(prefix))]))
        masks.append(torch.cat([mask.new_zeros(gap), mask[row], mask.new_ones(len(prefix))]))
    return dict(inputs, input_ids=torch.stack(rows), attention_mask=torch.stack(masks))


def last_logits(captioner: Captioner, inputs: dict[str, Tensor]) -> Float[Tensor, "batch token"]:
    """Logits of the real tokens at the last position only, from one forward pass.

    Raises:
        NonFiniteError: one of them is NaN or infinite.
    """
    output = captioner.model(**inputs, logits_to_keep=1, use_cache=False)
    logits: Tensor = output.logits[:, -1, : captioner.vocabulary]
    check_logits(logits.detach(), captioner.model)
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def target_logits(
    captioner: Captioner, inputs: dict[str, Tensor], targets: Sequence[Target], stream: ScoreStream
) -> Float[Tensor, " batch"]:
    """A forward pass of its own over prompt and prefix, recorded by ``stream``; y_c of each row."""
    whole = with_prefix(inputs, [target.prefix for target in targets])
    visual = captioner.visual(whole["input_ids"])
    with stream.listening(lambda: visual, final=True):
        logits = last_logits(captioner, whole)
    return _pick(logits, targets)


def _pick(logits: Float[Tensor, "batch token"], targets: Sequence[Target]) -> Float[Tensor, " batch"]:
    ids = torch.tensor([target.token_id for target in targets], device=logits.device)
    return logits.gather(1, ids[:, None])[:, 0]


class Prefill:
    """The first forward pass of ``generate`` with its graph: logits at its last position and its KV cache."""

    def __init__(self, captioner: Captioner, inputs: dict[str, Tensor], logits: Tensor, cache: Any) -> None:
        self.captioner, self.inputs, self.logits, self.cache = captioner, inputs, logits, cache

    @property
    def extendable(self) -> bool:
        """Whether caption tokens can run on a copy of its cache: a dynamic one, never written in place."""
        from transformers import DynamicCache

        return isinstance(self.cache, DynamicCache) and all(
            type(layer).__name__ == "DynamicLayer" for layer in self.cache.layers
        )

    def target_logits(self, targets: Sequence[Target]) -> Float[Tensor, " batch"]:
        """y_c of each row: from the prefill where c comes first, else after its prefix ran on the cache."""
        lengths = torch.tensor([len(target.prefix) for target in targets], device=self.logits.device)
        longest = int(lengths.max())
        first = self.logits[:, -1:]
        if longest:
            first = torch.cat([first, self._extend([target.prefix for target in targets], longest)], dim=1)
        rows = torch.arange(len(targets), device=first.device)
        return _pick(first[rows, lengths, : self.captioner.vocabulary], targets)

    def _extend(
        self, prefixes: Sequence[Sequence[int]], longest: int
    ) -> Float[Tensor, "batch position token"]:
        """Logits after each caption token; rows are padded on the right, where nothing looks back from."""
        mask = self.inputs["attention_mask"]
        ids = mask.new_tensor([[*prefix, *[0] * (longest - len(prefix))] for prefix in prefixes])
        real = mask.new_tensor([[1] * len(prefix) + [0] * (longest - len(prefix)) for prefix in prefixes])
        logits: Tensor = self.captioner.model(
            input_ids=ids,
            attention_mask=torch.cat([mask, real], dim=1),
            past_key_values=_shallow(self.cache),
            use_cache=True,
        ).logits
        return logits


def _shallow(cache: Any) -> Any:
    """A cache that shares the tensors, so that growing either leaves the other as it is."""
    twin = copy.copy(cache)
    twin.layers = [copy.copy(layer) for layer in cache.layers]
    return twin


class _Recorder:
    """Turns gradients on for the first forward pass inside ``generate`` and keeps what it left behind."""

    def __init__(self, captioner: Captioner, stream: ScoreStream) -> None:
        self.captioner, self.stream = captioner, stream
        self.logits: Tensor | None = None
        self.cache: Any = None
        self._open: ExitStack | None = None

    def look(self, keywords: dict[str, Any]) -> None:
        if self.logits is not None:
            return
        visual = self.captioner.visual(keywords["input_ids"])
        self._open = ExitStack()
        self._open.enter_context(torch.enable_grad())
        self._open.enter_context(self.stream.listening(lambda: visual))

    def after(self, output: Any) -> None:
        if self._open is not None:
            self.logits, self.cache = output.logits, _shallow(output.past_key_values)
            self.close()

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    @contextmanager
    def running(self) -> Iterator[None]:
        try:
            with before(self.captioner.model, self.look, after=self.after):
                yield
        finally:
            self.close()


def caption_and_record(
    captioner: Captioner, pictures: Sequence[Picture], stream: ScoreStream, *, max_new_tokens: int
) -> tuple[Generation, Prefill]:
    """Caption with transformers' ``generate``; its prefill is recorded by ``stream`` and keeps its graph."""
    recorder = _Recorder(captioner, stream)
    with recorder.running():
        made = captioner.generate(pictures, max_new_tokens=max_new_tokens)
    assert recorder.logits is not None
    return made, Prefill(captioner, made.inputs, recorder.logits, recorder.cache)
