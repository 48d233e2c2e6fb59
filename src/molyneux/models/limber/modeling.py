"""LiMBeR: patch vectors of a frozen image encoder, through one linear layer, prompt a frozen text model."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

import inspect
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    GenerationConfig,
    GenerationMixin,
    LogitsProcessorList,
    PreTrainedModel,
)
from transformers.utils.generic import ModelOutput

from molyneux.models.limber import parts
from molyneux.models.limber.configuration import LimberConfig
from molyneux.models.limber.sequence import (
    RealTokensOnly,
    left_padding_order,
    place_image_vectors,
    position_ids_of,
)

__all__ = ["LimberForConditionalGeneration"]


class LimberForConditionalGeneration(PreTrainedModel, GenerationMixin):
    """Any encoder with patch vectors, ``nn.Linear`` with bias, any causal language model of transformers.

    The prompt is [patch vectors of the image] + tokens of the text, positions counting on from 0.
    ``input_ids`` holds one ``config.image_token_id`` for each patch vector; that id is never embedded.
    Logits of ``forward`` are the language model's own; ``generate`` never writes padding rows of the
    vocabulary or the image token.

    Parts: ``vision_tower``, ``projection``, ``language_model``.
    """

    config: LimberConfig
    config_class = LimberConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    input_modalities = ["image", "text"]  # noqa: RUF012
    supports_gradient_checkpointing = True
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def __init__(self, config: LimberConfig) -> None:
        super().__init__(config)
        self.vision_tower = AutoModel.from_config(config.vision_config)
        self.language_model = AutoModelForCausalLM.from_config(config.text_config)
        self._join(config)
        self.post_init()

    def _join(self, config: LimberConfig) -> None:
        """Make what lies between the two models, of their own widths."""
        dim = self.language_model.get_input_embeddings().weight.shape[1]
        self.projection = nn.Linear(parts.vision_width(config.vision_config), dim)
        self.dropout = nn.Dropout(config.projection_dropout)
        self._text_arguments = frozenset(inspect.signature(self.language_model.forward).parameters)

    @classmethod
    def from_parts(
        cls,
        vision: PreTrainedModel | str | Path,
        text: PreTrainedModel | str | Path,
        *,
        projection: Tensor | Mapping[str, Tensor] | str | Path | None = None,
        revision: str = "main",
        **facts: Any,
    ) -> LimberForConditionalGeneration:
        """Join two loaded models, or the folders or hub ids of two models, in eval mode.

        Args:
            vision: encoder; leading vectors to drop are counted by running it on an empty image.
            text: causal language model.
            projection: its weight ``[text dim, vision dim]`` (bias 0), a state with ``weight`` and ``bias`` as
                LiMBeR published, or the path of such a file; None leaves fresh random weights. It is checked
                before either model loads.
            revision: of hub ids that name none themselves (``OWNER/NAME@REVISION``).
            **facts: of ``LimberConfig``, such as ``image_token_id`` (if left out: the first id above the text
                model's real vocabulary), ``real_vocab_size``, ``projection_dropout``, ``vision_pooled``.

        Raises:
            ModelError: a checkpoint cannot be read or lacks weights, the encoder gives no patch vectors, or the
                projection's keys, shape, dtype or numbers are wrong.
        """
        state = parts.projection_of(projection, vision, text, revision)
        eyes, writer = parts.vision_model(vision, revision), parts.text_model(text, revision)
        attention = [part.config._attn_implementation for part in (eyes, writer)]
        rows = facts.get("real_vocab_size") or writer.get_input_embeddings().weight.shape[0]
        facts = {"image_token_id": rows, "real_vocab_size": None, "vision_pooled": False} | facts
        if facts["image_token_id"] is None:
            facts["image_token_id"] = rows
        if "vision_skip_tokens" not in facts:
            facts["vision_skip_tokens"] = 0 if facts["vision_pooled"] else parts.leading_vectors(eyes)
        config = LimberConfig(
            vision_config=eyes.config, text_config=writer.config, dtype=writer.dtype, **facts
        )
        for part, kind in zip((eyes, writer), attention, strict=True):
            part.config._attn_implementation = kind  # the joint configuration made both forget it
        model = cls._around(config, eyes, writer)
        if state is not None:
            parts.load_projection(model.projection, state)
        model.eval()
        return model

    @classmethod
    def _around(cls, config: LimberConfig, eyes: Any, writer: Any) -> LimberForConditionalGeneration:
        """A model whose two parts are these very objects: nothing is built twice or copied."""
        model = cls.__new__(cls)
        PreTrainedModel.__init__(model, config)
        model.vision_tower, model.language_model = eyes, writer
        model._join(config)
        model.projection.to(writer.device, writer.dtype)
        nn.init.normal_(model.projection.weight, std=config.initializer_range)
        nn.init.zeros_(model.projection.bias)
        for part in (eyes, writer, model.projection):
            for module in part.modules():
                module._is_hf_initialized = True  # or post_init would draw the loaded weights anew
        model.post_init()
        model.generation_config = deepcopy(writer.generation_config)
        return model

    def get_input_embeddings(self) -> nn.Module:
        """The language model's token embedding."""
        return cast(nn.Module, self.language_model.get_input_embeddings())

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the language model's token embedding."""
        self.language_model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """The language model's unembedding."""
        return cast(nn.Module, self.language_model.get_output_embeddings())

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace the language model's unembedding."""
        self.language_model.set_output_embeddings(new_embeddings)

    def get_decoder(self) -> nn.Module:
        """The language model without its unembedding."""
        return cast(nn.Module, self.language_model.get_decoder())

    def get_patch_vectors(
        self, pixel_values: Float[Tensor, "image channel height width"]
    ) -> Float[Tensor, "image patch vision"]:
        """The encoder's last hidden state as it gives it, no norm added, leading tokens dropped; or, pooled."""
        if self.config.vision_pooled:
            return parts.pooled_vector(self.vision_tower, pixel_values)
        return parts.patch_vectors(self.vision_tower, pixel_values, self.config.vision_skip_tokens)

    def get_image_features(
        self, pixel_values: Float[Tensor, "image channel height width"]
    ) -> Float[Tensor, "image patch dim"]:
        """The soft prompt of each image: its projected patch vectors.

        A batch of one image many times, as an ablation's edits are, is seen once.
        """
        once = (
            not self.training and len(pixel_values) > 1 and torch.equal(pixel_values[1:], pixel_values[:-1])
        )
        vectors = self.get_patch_vectors(pixel_values[:1] if once else pixel_values)
        prompt: Tensor = self.dropout(self.projection(vectors.to(self.projection.weight.dtype)))
        return prompt.expand(len(pixel_values), -1, -1) if once else prompt

    def embed(
        self,
        input_ids: Int[Tensor, "batch position"],
        pixel_values: Float[Tensor, "image channel height width"] | None = None,
    ) -> Float[Tensor, "batch position dim"]:
        """Token embeddings with the soft prompts in the place of the image tokens.

        Raises:
            ModelError: as many image tokens as image vectors are needed.
        """
        is_image = input_ids == self.config.image_token_id
        # The image token may lie above the last embedding row: look up id 0, whose row is then overwritten.
        tokens = self.get_input_embeddings()(input_ids.masked_fill(is_image, 0))
        prompts = None if pixel_values is None else self.get_image_features(pixel_values)
        return place_image_vectors(tokens, is_image, prompts)

    def forward(
        self,
        input_ids: Int[Tensor, "batch position"] | None = None,
        pixel_values: Float[Tensor, "image channel height width"] | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Int[Tensor, "_ position"] | None = None,
        past_key_values: Any = None,
        inputs_embeds: Float[Tensor, "batch position dim"] | None = None,
        labels: Int[Tensor, "batch position"] | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> ModelOutput | tuple[Any, ...]:
        """The language model's output on the joined prompt; arguments as in transformers.

        Without ``position_ids``, positions follow from a two-dimensional ``attention_mask``, so that padding
        on either side gives the same logits. Image positions never count in the loss.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("Expected exactly one of input_ids and inputs_embeds.")
        if inputs_embeds is None:
            inputs_embeds = self.embed(cast(Tensor, input_ids), pixel_values)
        elif pixel_values is not None:
            raise ValueError(
                "pixel_values go with input_ids; inputs_embeds must hold the image vectors already."
            )
        if position_ids is None and attention_mask is not None and attention_mask.ndim == 2:
            position_ids = position_ids_of(attention_mask, inputs_embeds.shape[1])
        if labels is not None:
            labels = labels.masked_fill(labels == self.config.image_token_id, -100)
        optional = {"position_ids": position_ids, "logits_to_keep": logits_to_keep}
        kwargs |= {name: value for name, value in optional.items() if name in self._text_arguments}
        output: ModelOutput | tuple[Any, ...] = self.language_model(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            labels=labels,
            use_cache=use_cache,
            **kwargs,
        )
        return output

    def prepare_inputs_for_generation(  # type: ignore[override]
        self,
        input_ids: Tensor,
        pixel_values: Tensor | None = None,
        is_first_iteration: bool | None = False,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """As transformers does it; the image goes in once, at the prefill, unless there is no cache."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(  # type: ignore[misc]
            cast(torch.LongTensor, input_ids),
            is_first_iteration=is_first_iteration,
            use_cache=use_cache,
            **kwargs,
        )
        if is_first_iteration or use_cache is False:
            inputs["pixel_values"] = pixel_values
        return inputs

    @torch.no_grad()
    def generate(  # type: ignore[override]
        self,
        inputs: Tensor | None = None,
        generation_config: GenerationConfig | None = None,
        logits_processor: LogitsProcessorList | None = None,
        **kwargs: Any,
    ) -> Any:
        """As transformers' ``generate``, for prompts padded on either side, and writing real tokens only.

        A prompt padded on the right comes back padded on the left, with what was written after it.
        """
        ids = inputs if inputs is not None else kwargs.pop("input_ids", None)
        mask = kwargs.get("attention_mask")
        if ids is not None and mask is not None and bool((mask[:, -1] == 0).any()):
            order = left_padding_order(mask)
            ids, kwargs["attention_mask"] = ids.gather(1, order), mask.gather(1, order)
            if kwargs.get("position_ids") is not None:
                kwargs["position_ids"] = kwargs["position_ids"].gather(1, order)
        rows = self.config.real_vocab_size or self.config.get_text_config().vocab_size
        real = RealTokensOnly(rows, self.config.image_token_id)
        processors = LogitsProcessorList([real, *(logits_processor or [])])
        return super().generate(ids, generation_config, processors, **kwargs)  # type: ignore[misc]
