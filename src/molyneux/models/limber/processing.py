"""From images and words to LiMBeR's inputs: image tokens, the words after them, and pixel values."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, no_type_check

from PIL.Image import Image
from transformers import AddedToken, AutoImageProcessor, AutoTokenizer, BatchFeature, ProcessorMixin
from transformers.processing_utils import ProcessingKwargs

from molyneux.ground.errors import SettingError

__all__ = ["LimberProcessor"]


class LimberProcessor(ProcessorMixin):
    """Makes ``input_ids``, ``attention_mask`` and ``pixel_values``; decodes what the model writes.

    Args:
        image_processor: of the encoder, with the PIL backend.
        tokenizer: of the language model. A tokenizer without the image token gets it as a special token,
            whose id is above its vocabulary; without a padding token it pads with the end token, as LiMBeR.
        prefix: the words after the image where no text is given; "A picture of" in LiMBeR.
        num_image_tokens: patch vectors an image.
        image_token: stands for an image in given text; a text without it has its image in front.
        padding_side: of batches; "left" is what generation needs.
    """

    prefix: str
    num_image_tokens: int
    image_token: str
    image_token_id: int
    padding_side: str

    @no_type_check  # transformers reads this function's code object for its arguments: it must stay unwrapped
    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        prefix: str = "A picture of",
        num_image_tokens: int = 196,
        image_token: str = "<image>",
        padding_side: str = "left",
        chat_template: str | None = None,
    ) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template)
        self.prefix, self.num_image_tokens = prefix, num_image_tokens
        self.image_token, self.padding_side = image_token, padding_side
        if image_token not in tokenizer.get_vocab():
            tokenizer.add_tokens(AddedToken(image_token, special=True, normalized=False), special_tokens=True)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        tokenizer.padding_side = padding_side  # pipelines pad with the tokenizer alone
        self.image_token_id = tokenizer.convert_tokens_to_ids(image_token)

    @classmethod
    def _get_arguments_from_pretrained(
        cls, pretrained_model_name_or_path: Any, processor_dict: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[Any]:
        # The PIL backend always: torchvision's differs in the last digits, and may be installed and broken.
        source = pretrained_model_name_or_path
        images = AutoImageProcessor.from_pretrained(source, **{**kwargs, "backend": "pil"})
        return [images, AutoTokenizer.from_pretrained(source, **kwargs)]

    @property
    def model_input_names(self) -> list[str]:
        """What ``__call__`` returns."""
        return ["input_ids", "attention_mask", "pixel_values"]

    @property
    def real_vocab_size(self) -> int:
        """One more than the last id that the tokenizer writes, the image token aside."""
        ids: Iterable[int] = (
            index for token, index in self.tokenizer.get_vocab().items() if token != self.image_token
        )
        return max(ids) + 1

    def __call__(
        self,
        images: Any = None,
        text: str | Sequence[str] | None = None,
        *,
        padding: bool | str = True,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """Prompts for images, one each: [image tokens] + the prefix, or [image tokens] + the given text.

        Args:
            images: one image or a list (PIL, array, tensor, path or URL); None for text alone.
            text: None for the prefix; one string for all images, or one each. Images go where the texts hold
                the image token, else in front.
            padding: as in tokenizers.
            padding_side: "left" or "right" for this call.
            return_tensors: "pt" for tensors.
            **kwargs: for the image processor, by name or as ``images_kwargs``. As in transformers' own processors,
                one that no part takes (a pipeline hands on ``do_sample`` or ``temperature``) is ignored, and
                transformers logs a warning.

        Raises:
            SettingError: there are more or fewer images than places for them.
        """
        pictures = self._pictures(images)
        prompts = self._prompts(text, None if images is None else len(pictures))
        rows = [self._ids(prompt) for prompt in prompts]
        side = padding_side or self.padding_side
        batch = self.tokenizer.pad(
            {"input_ids": rows}, padding=padding, padding_side=side, return_tensors=return_tensors
        )
        data = {name: batch[name] for name in ("input_ids", "attention_mask")}
        if images is not None:
            taken = self._merge_kwargs(ProcessingKwargs, **kwargs)["images_kwargs"]  # type: ignore[arg-type]
            pixels = self.image_processor(pictures, **{**taken, "return_tensors": return_tensors})
            data["pixel_values"] = pixels["pixel_values"]
        return BatchFeature(data)

    def _pictures(self, images: Any) -> list[Any]:
        if images is None:
            return []
        loaded = self.image_processor.fetch_images(images)
        listed = list(loaded) if isinstance(loaded, (list, tuple)) else [loaded]
        return [image.convert("RGB") if isinstance(image, Image) else image for image in listed]

    def _prompts(self, text: str | Sequence[str] | None, count: int | None) -> list[str]:
        """A string for each prompt, image tokens standing where images go."""
        given = self.prefix if text is None else text
        if isinstance(given, str):
            prompts = [given] if self.image_token in given else [given] * (1 if count is None else count)
        else:
            prompts = list(given)
        count = count or 0
        if sum(prompt.count(self.image_token) for prompt in prompts) < count:
            prompts = [
                prompt if self.image_token in prompt else self.image_token + prompt for prompt in prompts
            ]
        places = sum(prompt.count(self.image_token) for prompt in prompts)
        if places != count:
            raise SettingError(
                "images",
                value=count,
                expected=f"{places}, one for each text or for each {self.image_token} in the texts",
                fix="Give one text for each image, or one string for all.",
            )
        return prompts

    def _ids(self, prompt: str) -> list[int]:
        """Token ids of a prompt, no special token added, ``num_image_tokens`` for each image."""
        ids: list[int] = []
        for index, words in enumerate(prompt.split(self.image_token)):
            ids += [self.image_token_id] * self.num_image_tokens if index else []
            ids += self.tokenizer(words, add_special_tokens=False)["input_ids"] if words else []
        return ids
