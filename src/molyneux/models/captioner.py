"""A vision-language model that captions images, with its neurons' places found."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from molyneux.data.gate import ImageSource, Picture, open_image
from molyneux.ground.errors import ModelError
from molyneux.models.caption import Caption, read_caption
from molyneux.models.faults import check_logits, running
from molyneux.models.geometry import PatchGrid, TimeSpans, grid_of, spans_of
from molyneux.models.layout import DecoderLayout, find_layout, real_vocabulary
from molyneux.models.placement import home_of
from molyneux.models.processors import repaired
from molyneux.models.prompts import (
    CAPTION_TYPES,
    Inputs,
    check_count,
    check_inputs,
    copies,
    counted_positions,
    with_prefix,
)
from molyneux.models.senses import hidden_tokens, placeholder, reads_across, writer
from molyneux.models.wording import ask

__all__ = ["GREEDY", "Captioner", "Generation"]

#: Each token of a caption is the argmax of the logits among the tokens that the model may say. What a
#: checkpoint's ``generation_config`` adds to that is switched off here: penalties, forced or delayed ends,
#: guidance, other searches and caches. Its end and padding tokens and its lists of suppressed tokens stay.
GREEDY: dict[str, Any] = {
    "do_sample": False,
    "num_beams": 1,
    "num_return_sequences": 1,
    **dict.fromkeys(
        (
            "assistant_early_exit",
            "cache_implementation",
            "constraints",
            "dola_layers",
            "encoder_no_repeat_ngram_size",
            "encoder_repetition_penalty",
            "exponential_decay_length_penalty",
            "force_words_ids",
            "forced_bos_token_id",
            "forced_eos_token_id",
            "guidance_scale",
            "max_time",
            "min_length",
            "min_new_tokens",
            "no_repeat_ngram_size",
            "penalty_alpha",
            "prefill_chunk_size",
            "prompt_lookup_num_tokens",
            "repetition_penalty",
            "sequence_bias",
            "stop_strings",
            "use_mtp",
            "watermarking_config",
        )
    ),
}


@dataclass(frozen=True)
class Generation:
    """What one batch of ``generate`` gave: the prompt that went in and a caption an image."""

    inputs: dict[str, Tensor]
    captions: list[Caption]


class Captioner:
    """A loaded model and its processor, both plain transformers objects, nothing wrapped or changed.

    Wherever it takes images, it also takes the model's ready inputs, as a dict of tensors: for processors that
    cannot run here, for audio, for prompts of one's own. ``input_ids`` must be among them, padded on the left.

    Args:
        model: any image-text-to-text model (or audio) with ``get_decoder()`` and ``generate()``.
        processor: its processor; ``processor(images=..., text=..., return_tensors="pt")`` makes the inputs.
        name: how tables and pages call it.
        prompt: the words beside the image. None takes the family's own: LiMBeR's "A picture of", a request for
            one sentence in the chat template of an instruction model. See ``wording``.

    Raises:
        ModelError: the model has no visual input, or its decoder is of no known family.
    """

    def __init__(self, model: Any, processor: Any, *, name: str = "model", prompt: str | None = None) -> None:
        self.placeholder = placeholder(model)
        self.model = model.eval()
        self.processor = repaired(processor)
        self.name = name
        self.prompt = prompt
        self.layout: DecoderLayout = find_layout(model)
        self.largest_batch: int | None = None
        """Images at once that fit into memory, where ``load`` found that there is a limit."""

    def __repr__(self) -> str:
        layout = self.layout
        return f"Captioner({self.name!r}: {layout.layers} layers x {layout.units} units, {self.device})"

    @property
    def device(self) -> torch.device:
        return home_of(self.model)

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

    @property
    def has_patches(self) -> bool:
        """Whether images stand in the decoder's own sequence; False where it reads them by cross-attention."""
        return not reads_across(self.model.config)

    @property
    def caption_type(self) -> int:
        """Type of a caption's own tokens, in inputs that hold a type a position."""
        return CAPTION_TYPES.get(self.model.config.model_type, 0)

    def prepare(self, source: Sequence[Picture] | Inputs) -> dict[str, Tensor]:
        """The model's inputs for a batch of images with this captioner's prompt, on its device.

        Inputs that are ready are checked and brought to the device.

        Raises:
            ModelError: what the processor or the caller gives cannot drive the model.
            AssetError: the processor needs a library that is not installed.
        """
        if not isinstance(source, Mapping):
            images = [picture.image for picture in source]
            made = ask(self.processor, self.model.config.model_type, images, self.prompt)
            self._check_seen(made.get("input_ids"))
            source = made
        made = check_inputs(source, self.device, next(self.model.parameters()).dtype)
        if self._own_positions and "image_grid_thw" in made and "mm_token_type_ids" not in made:
            raise ModelError(
                "inputs",
                value=sorted(made),
                expected="mm_token_type_ids among them: 1 at image tokens, 0 elsewhere",
                fix="Without them this model places its image on a line, not on a grid.",
            )
        return made

    def _check_seen(self, ids: Any) -> None:
        """A processor of another family writes another placeholder, or none."""
        if (
            isinstance(ids, Tensor)
            and self.has_patches
            and not bool((ids == self.placeholder).any(dim=-1).all())
        ):
            raise ModelError(
                "processor",
                value=type(self.processor).__name__,
                expected=f"the token {self.placeholder} in every prompt: {type(self.model).__name__}'s image",
                fix="Give the processor that was saved with the model.",
            )

    def visual(self, input_ids: Tensor, mask: Tensor | None = None) -> Bool[Tensor, "batch position"]:
        """Which positions of a prompt are image patches (or spans of sound): where neurons are scored.

        Where the decoder reads images by cross-attention it has no such positions, and all real ones count.

        Args:
            mask: the prompt's attention mask, which that case needs.
        """
        if self.has_patches:
            return torch.eq(input_ids, self.placeholder)
        return torch.ones_like(input_ids, dtype=torch.bool) if mask is None else mask.bool()

    def extend(self, inputs: Mapping[str, Tensor], prefixes: Sequence[Sequence[int]]) -> dict[str, Tensor]:
        """Each row's prompt with caption tokens behind it, padded on the left so that all rows end together."""
        return with_prefix(inputs, prefixes, caption_type=self.caption_type)

    def forward(self, inputs: Mapping[str, Tensor], *, keep: int = 1) -> Any:
        """The output for whole prompts, at least at the ``keep`` last positions, in one pass without a cache."""
        positions = self.positions(inputs["attention_mask"])
        with running(self.model, inputs):
            return self.model(**inputs, **positions, logits_to_keep=keep, use_cache=False)

    def positions(self, mask: Tensor, last: int = 0) -> dict[str, Tensor]:
        """``position_ids`` as ``generate`` gives them, for the ``last`` positions (0: all), if the model takes any.

        Without them most models count padding too. Qwen-VL's own three-dimensional ones are left to the model.
        """
        return {"position_ids": counted_positions(mask)[:, -last:]} if self._takes_positions else {}

    @cached_property
    def _takes_positions(self) -> bool:
        return not self._own_positions and "position_ids" in inspect.signature(self.model.forward).parameters

    @cached_property
    def _own_positions(self) -> bool:
        return hasattr(getattr(self.model, "model", self.model), "get_rope_index")

    def grid(self, picture: Picture, inputs: dict[str, Tensor], row: int = 0) -> PatchGrid | None:
        """The patches of one image of a prepared batch on its original pixels, or None without geometry."""
        positions = int(self.visual(inputs["input_ids"])[row].sum())
        size = picture.image.size
        return grid_of(self.model, self.processor, size=size, positions=positions, inputs=inputs, row=row)

    def spans(self, inputs: dict[str, Tensor], row: int = 0) -> TimeSpans | None:
        """The seconds that each position of one sound of a prepared batch covers; None where none is heard."""
        positions = int(self.visual(inputs["input_ids"])[row].sum())
        return spans_of(self.model, self.processor, positions)

    def generate(
        self, source: Sequence[Picture] | Inputs, *, max_new_tokens: int = 24, rows: int = 1
    ) -> Generation:
        """Caption one batch greedily with transformers' own ``generate``.

        Args:
            source: pictures, or ready inputs.
            rows: copies of the one prompt in the batch; edits may treat every row differently.

        Raises:
            NonFiniteError: a logit is NaN or infinite; never a caption made of it.
            ModelError: the model cannot run on what the processor or the caller gives.
            SettingError: fewer than one token or row.
        """
        check_count("max_new_tokens", max_new_tokens)
        check_count("rows", rows)
        inputs = copies(self.prepare(source), rows)
        with running(self.model, inputs):
            made = self.model.generate(
                **inputs,
                **GREEDY,
                max_new_tokens=max_new_tokens,
                return_dict_in_generate=True,
                output_logits=True,
            )
        new = made.sequences[:, made.sequences.shape[1] - len(made.logits) :]
        pictures = [] if isinstance(source, Mapping) else [p.name for p in source for _ in range(rows)]
        names = pictures or ["image"] * len(new)
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
        config = writer(self.model).generation_config
        ends = config.eos_token_id
        ends = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
        return frozenset(end for end in [*ends, config.pad_token_id] if end is not None)

    def fitting(self, size: int) -> int:
        """A number of rows that go through the model together, or ``largest_batch`` where that is smaller."""
        return size if self.largest_batch is None else min(size, self.largest_batch)

    def batches(self, pictures: Sequence[Picture], size: int) -> Iterator[Sequence[Picture]]:
        """The pictures in batches of ``size``, or of ``largest_batch`` where that is smaller.

        Raises:
            SettingError: the size is below 1.
        """
        check_count("batch_size", size)
        step = self.fitting(size)
        return (pictures[start : start + step] for start in range(0, len(pictures), step))

    @overload
    def caption(
        self, source: list[ImageSource] | Inputs, *, max_new_tokens: int = ..., batch_size: int = ...
    ) -> list[Caption]: ...

    @overload
    def caption(
        self, source: ImageSource, *, max_new_tokens: int = ..., batch_size: int = ...
    ) -> Caption: ...

    def caption(
        self,
        source: ImageSource | list[ImageSource] | Inputs,
        *,
        max_new_tokens: int = 24,
        batch_size: int = 16,
    ) -> Caption | list[Caption]:
        """Caption an image, or a list of images in batches, or one batch of ready inputs.

        Args:
            source: path, bytes, PIL image, Picture, or a list of them; or ready inputs, which give a list.

        Raises:
            ImageError: an image cannot be used.
            NonFiniteError: the model's logits are not finite.
            ModelError, SettingError: as in ``generate``.
        """
        if isinstance(source, Mapping):
            return self.generate(source, max_new_tokens=max_new_tokens).captions
        many = source if isinstance(source, list) else [source]
        pictures = [open_image(one) for one in many]
        captions: list[Caption] = []
        for some in self.batches(pictures, batch_size):
            captions += self.generate(some, max_new_tokens=max_new_tokens).captions
        return captions if isinstance(source, list) else captions[0]
