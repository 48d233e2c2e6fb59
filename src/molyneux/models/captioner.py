"""A vision-language model that captions images, with its neurons' places found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from molyneux.data.gate import ImageSource, Picture, open_image
from molyneux.ground.errors import ModelError
from molyneux.models.caption import Caption, read_caption
from molyneux.models.faults import check_logits
from molyneux.models.geometry import PatchGrid, grid_of
from molyneux.models.layout import DecoderLayout, find_layout, hidden_tokens, real_vocabulary

__all__ = ["Captioner", "Generation"]


@dataclass(frozen=True)
class Generation:
    """What one batch of ``generate`` gave: the prompt that went in and a caption an image."""

    inputs: dict[str, Tensor]
    captions: list[Caption]


class Captioner:
    """A loaded model and its processor, both plain transformers objects, nothing wrapped or changed.

    Args:
        model: any image-text-to-text model with ``get_decoder()`` and ``generate()``.
        processor: its processor; ``processor(images=..., text=..., return_tensors="pt")`` makes the inputs.
        name: how tables and pages call it.
        prompt: the text after the image; None takes the processor's own (LiMBeR's: "A picture of").

    Raises:
        ModelError: the model has no visual input, or its decoder is of no known family.
    """

    def __init__(self, model: Any, processor: Any, *, name: str = "model", prompt: str | None = None) -> None:
        if getattr(model.config, "image_token_id", None) is None:
            raise ModelError(
                "model",
                value=type(model).__name__,
                expected="a vision-language model whose config names an image_token_id",
                fix="A text-only model has no visual input; join it to an encoder with "
                "LimberForConditionalGeneration.from_parts.",
            )
        self.model = model.eval()
        self.processor = processor
        self.name = name
        self.prompt = prompt
        self.layout: DecoderLayout = find_layout(model)

    def __repr__(self) -> str:
        layout = self.layout
        return f"Captioner({self.name!r}: {layout.layers} layers x {layout.units} units, {self.device})"

    @property
    def device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device

    @property
    def tokenizer(self) -> Any:
        return self.processor.tokenizer

    @cached_property
    def vocabulary(self) -> int:
        """Number of real tokens; rows of the unembedding from here on are padding."""
        return real_vocabulary(self.model, self.tokenizer)

    @cached_property
    def unsayable(self) -> Tensor:
        """Ids among the real tokens that no decoding may list: the image placeholder."""
        return hidden_tokens(self.model, self.vocabulary)

    def prepare(self, pictures: Sequence[Picture]) -> dict[str, Tensor]:
        """The model's inputs for a batch of images with this captioner's prompt, on its device."""
        text = None if self.prompt is None else [self.prompt] * len(pictures)
        made = self.processor(images=[p.image for p in pictures], text=text, return_tensors="pt")
        dtype = next(self.model.parameters()).dtype
        return {
            key: value.to(self.device, dtype if value.is_floating_point() else value.dtype)
            for key, value in made.items()
        }

    def visual(self, input_ids: Tensor) -> Bool[Tensor, "batch position"]:
        """Which positions of a prompt are image patches."""
        return torch.eq(input_ids, self.model.config.image_token_id)

    def grid(self, picture: Picture, inputs: dict[str, Tensor], row: int = 0) -> PatchGrid | None:
        """The patches of one image of a prepared batch on its original pixels, or None without geometry."""
        positions = int(self.visual(inputs["input_ids"])[row].sum())
        size = picture.image.size
        return grid_of(self.model, self.processor, size=size, positions=positions, inputs=inputs, row=row)

    def generate(self, pictures: Sequence[Picture], *, max_new_tokens: int = 24, rows: int = 1) -> Generation:
        """Caption one batch greedily with transformers' own ``generate``.

        Args:
            rows: copies of each image in the batch; edits may treat every row differently.

        Raises:
            NonFiniteError: a logit is NaN or infinite; never a caption made of it.
        """
        inputs = self.prepare(pictures)
        if rows > 1:
            inputs = {key: value.repeat_interleave(rows, dim=0) for key, value in inputs.items()}
        made = self.model.generate(
            **inputs,
            do_sample=False,
            num_beams=1,
            max_new_tokens=max_new_tokens,
            return_dict_in_generate=True,
            output_logits=True,
        )
        new = made.sequences[:, made.sequences.shape[1] - len(made.logits) :]
        names = [picture.name for picture in pictures for _ in range(rows)]
        return Generation(inputs, self._read(new, made.logits, names))

    def _read(
        self, new: Tensor, logits: Sequence[Float[Tensor, "batch token"]], names: list[str]
    ) -> list[Caption]:
        chances = []
        for step, row_logits in enumerate(logits):
            real = row_logits[:, : self.vocabulary].float()
            check_logits(real, self.model)
            chances.append(real.log_softmax(-1).gather(1, new[:, step : step + 1])[:, 0].exp())
        table = torch.stack(chances, dim=1).tolist()
        captions = []
        for row, ids in enumerate(new.tolist()):
            length = next((i for i, token in enumerate(ids) if token in self._stops), len(ids))
            captions.append(read_caption(ids[:length], table[row][:length], self.tokenizer, image=names[row]))
        return captions

    @cached_property
    def _stops(self) -> frozenset[int]:
        config = self.model.generation_config
        ends = config.eos_token_id
        ends = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
        return frozenset(end for end in [*ends, config.pad_token_id] if end is not None)

    @overload
    def caption(
        self, source: list[ImageSource], *, max_new_tokens: int = ..., batch_size: int = ...
    ) -> list[Caption]: ...

    @overload
    def caption(
        self, source: ImageSource, *, max_new_tokens: int = ..., batch_size: int = ...
    ) -> Caption: ...

    def caption(
        self, source: ImageSource | list[ImageSource], *, max_new_tokens: int = 24, batch_size: int = 16
    ) -> Caption | list[Caption]:
        """Caption an image, or a list of images in batches.

        Args:
            source: path, bytes, PIL image, Picture, or a list of them.

        Raises:
            ImageError: an image cannot be used.
            NonFiniteError: the model's logits are not finite.
        """
        many = source if isinstance(source, list) else [source]
        pictures = [open_image(one) for one in many]
        captions: list[Caption] = []
        for start in range(0, len(pictures), batch_size):
            made = self.generate(pictures[start : start + batch_size], max_new_tokens=max_new_tokens)
            captions += made.captions
        return captions if isinstance(source, list) else captions[0]
