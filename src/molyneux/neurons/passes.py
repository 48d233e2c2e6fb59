"""The forward passes that a backward pass can follow: alone, or the captioning prefill itself.

Both end in the logit of each row's target token at the position that generates it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from molyneux.data.gate import Picture
from molyneux.models.captioner import Captioner, Generation
from molyneux.models.faults import check_logits
from molyneux.models.hooks import before
from molyneux.models.prompts import Inputs, extendable, longer, with_prefix
from molyneux.neurons.stream import ScoreStream
from molyneux.neurons.target import Target

__all__ = [
    "Recording",
    "after_prefill",
    "caption_and_record",
    "grows",
    "last_logits",
    "shallow",
    "target_logits",
    "with_prefix",
]

#: Passes after the prefill that keep their graph: first nouns hardly come later, and each keeps a copy of the
#: KV cache alive.
GRAPH_STEPS = 3


def last_logits(captioner: Captioner, inputs: dict[str, Tensor]) -> Float[Tensor, "batch token"]:
    """Logits of the real tokens at the last position only, from one forward pass.

    Raises:
        NonFiniteError: one of them is NaN or infinite.
    """
    logits: Tensor = captioner.forward(inputs).logits[:, -1, : captioner.vocabulary]
    check_logits(logits.detach(), captioner.model)
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def target_logits(
    captioner: Captioner, inputs: dict[str, Tensor], targets: Sequence[Target], stream: ScoreStream
) -> Float[Tensor, " batch"]:
    """A forward pass of its own over prompt and prefix, recorded by ``stream``; y_c of each row."""
    prefixes = [target.prefix for target in targets]
    whole = captioner.extend(inputs, prefixes)
    visual = captioner.visual(inputs["input_ids"], inputs["attention_mask"])
    visual = longer(visual, [len(prefix) for prefix in prefixes], 0)
    with stream.listening(lambda: visual, final=True):
        logits = last_logits(captioner, whole)
    return _pick(logits, targets)


def _pick(logits: Float[Tensor, "batch token"], targets: Sequence[Target]) -> Float[Tensor, " batch"]:
    ids = torch.tensor([target.token_id for target in targets], device=logits.device)
    return logits.gather(1, ids[:, None])[:, 0]


class Recording:
    """The first forward passes of ``generate`` with their graph: last logits, and the prefill's KV cache."""

    def __init__(self, captioner: Captioner, stream: ScoreStream) -> None:
        self.captioner, self.stream = captioner, stream
        self.logits: list[Float[Tensor, "batch token"]] = []
        self.cache: Any = None
        self._steps = 1 + GRAPH_STEPS
        self._open: ExitStack | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Inside, gradients are on in the model's first passes, and ``stream`` listens to the very first."""
        try:
            with before(self.captioner.model, self._begin, after=self._end):
                yield
        finally:
            self._close()

    def _begin(self, keywords: dict[str, Any]) -> None:
        if len(self.logits) >= self._steps:
            return
        self._open = ExitStack()
        self._open.enter_context(torch.enable_grad())
        if not self.logits:
            mask = keywords.get("attention_mask")
            mask = mask if isinstance(mask, Tensor) and mask.ndim == 2 else None
            visual = self.captioner.visual(keywords["input_ids"], mask)
            self._open.enter_context(self.stream.listening(lambda: visual))

    def _end(self, output: Any) -> None:
        if self._open is None:
            return
        if not self.logits:
            if grows(getattr(output, "past_key_values", None)):
                self.cache = shallow(output.past_key_values)
            else:  # written in place: the graph of a second pass would not survive
                self._steps = 1
        self.logits.append(output.logits[:, -1])
        self._close()

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def target_logits(
        self, targets: Sequence[Target], inputs: Mapping[str, Tensor]
    ) -> Float[Tensor, " batch"] | None:
        """y_c of each row, from the pass that generated c; None where that pass left no graph.

        Where a row's c came later than the recorded passes, its prefix runs once more on the prefill's cache.

        Args:
            inputs: the prompts.
        """
        lengths = [len(target.prefix) for target in targets]
        if max(lengths) < len(self.logits):
            logits = torch.stack(self.logits, dim=1)[range(len(lengths)), lengths]
        elif self.cache is not None and extendable(inputs):
            prefixes = [target.prefix for target in targets]
            logits = after_prefill(
                self.captioner,
                self.cache,
                first=self.logits[0],
                prefixes=prefixes,
                mask=inputs["attention_mask"],
            )
        else:
            return None
        return _pick(logits[:, : self.captioner.vocabulary], targets)


def after_prefill(
    captioner: Captioner,
    cache: Any,
    *,
    first: Float[Tensor, "batch token"],
    prefixes: Sequence[Sequence[int]],
    mask: Tensor,
) -> Float[Tensor, "batch token"]:
    """Logits after each row's prefix, run on a copy of the prefill's cache.

    Rows are padded on the right, where nothing looks back from.

    Args:
        cache: of the prompts; ``grows`` holds for it.
        first: logits at the prompts' last position.
        mask: the prompts' attention mask.
    """
    lengths = [len(prefix) for prefix in prefixes]
    longest, shortest = max(lengths), max(min(lengths), 1)
    if not longest:
        return first
    ids = mask.new_tensor([[*prefix, *[0] * (longest - len(prefix))] for prefix in prefixes])
    real = mask.new_tensor([[1] * length + [0] * (longest - length) for length in lengths])
    whole = torch.cat([mask, real], dim=1)
    made: Tensor = captioner.model(
        input_ids=ids,
        attention_mask=whole,
        **captioner.positions(whole, last=longest),
        past_key_values=shallow(cache),
        use_cache=True,
        logits_to_keep=longest - shortest + 1,
    ).logits[:, shortest - longest - 1 :]  # some models give all
    logits = torch.cat([first[:, None], made], dim=1)
    return logits[range(len(lengths)), [1 + length - shortest if length else 0 for length in lengths]]


def grows(cache: Any) -> bool:
    """Whether a KV cache grows by concatenation, so that it can keep a graph, and a copy share its tensors."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    return isinstance(cache, DynamicCache) and all(type(layer) is DynamicLayer for layer in cache.layers)


def shallow(cache: Any) -> Any:
    """A cache that shares the tensors, so that growing either leaves the other as it is."""
    twin = copy.copy(cache)
    twin.layers = [copy.copy(layer) for layer in cache.layers]
    return twin


def caption_and_record(
    captioner: Captioner, source: Sequence[Picture] | Inputs, stream: ScoreStream, *, max_new_tokens: int
) -> tuple[Generation, Recording]:
    """Caption with transformers' ``generate``; its prefill is recorded by ``stream`` and keeps its graph."""
    recording = Recording(captioner, stream)
    with recording.running():
        made = captioner.generate(source, max_new_tokens=max_new_tokens)
    return made, recording
