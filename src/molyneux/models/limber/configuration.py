"""What a LiMBeR model is made of: an image encoder, a language model, and the few facts that join them."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

from typing import Any, ClassVar

from transformers import CONFIG_MAPPING, AutoConfig, BeitConfig, GPTJConfig, PretrainedConfig

from molyneux.ground.errors import ModelError, SettingError

__all__ = ["LimberConfig", "patch_grid"]


def _part(given: dict[str, Any] | PretrainedConfig | None, fallback: PretrainedConfig) -> PretrainedConfig:
    """A configuration object out of an object, a dictionary with its ``model_type``, or nothing."""
    if given is None:
        return fallback
    if isinstance(given, PretrainedConfig):
        return given
    kind = given.get("model_type", "")
    if kind not in CONFIG_MAPPING:
        raise ModelError(
            "model_type of a part",
            value=kind,
            expected="a model type that transformers knows",
            fix="Give the part's configuration object, or a dictionary that names its model_type.",
        )
    config: PretrainedConfig = CONFIG_MAPPING[kind](**given)
    return config


def _paper_encoder() -> PretrainedConfig:
    """BEiT-large; ``use_mean_pooling`` makes the final norm the identity, as in the published checkpoint."""
    return BeitConfig(
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        use_mean_pooling=True,
    )


class LimberConfig(PretrainedConfig):
    """Configuration of ``LimberForConditionalGeneration``.

    Without arguments it describes the paper's pair: BEiT-large (self-supervised, no final norm) and GPT-J-6B.
    Source: Merullo et al. 2022, "Linearly Mapping from Image to Text Space" (LiMBeR).

    Args:
        vision_config: of any encoder that ``AutoModel`` builds and that returns a vector for each patch.
        text_config: of any language model that ``AutoModelForCausalLM`` builds.
        image_token_id: the id that stands for one image vector in ``input_ids``; never embedded, so it may
            exceed the vocabulary.
        real_vocab_size: ids from here on are padding rows of the embedding and are never generated; None: all
            rows are real.
        vision_skip_tokens: leading vectors of the encoder to drop (class and register tokens); None: found by
            shape at each call.
        vision_pooled: the encoder's pooled vector is the one visual token, without a place on the image.
        projection_dropout: dropout after the projection while training, 0.1 in LiMBeR's; off in eval mode.
        initializer_range: standard deviation of fresh projection weights.

    Raises:
        ModelError: a part is of no type that transformers knows.
        SettingError: ``real_vocab_size`` is not within the text model's embedding.
    """

    model_type = "limber"
    sub_configs: ClassVar[dict[str, Any]] = {"vision_config": AutoConfig, "text_config": AutoConfig}

    def __init__(
        self,
        vision_config: dict[str, Any] | PretrainedConfig | None = None,
        text_config: dict[str, Any] | PretrainedConfig | None = None,
        image_token_id: int = 50257,
        real_vocab_size: int | None = None,
        vision_skip_tokens: int | None = None,
        vision_pooled: bool = False,
        projection_dropout: float = 0.0,
        initializer_range: float = 0.02,
        **kwargs: Any,
    ) -> None:
        self.vision_config: Any = _part(vision_config, _paper_encoder())
        self.text_config: Any = _part(text_config, GPTJConfig())
        self.image_token_id, self.real_vocab_size = image_token_id, real_vocab_size
        self.vision_skip_tokens, self.projection_dropout = vision_skip_tokens, projection_dropout
        self.vision_pooled, self.initializer_range = vision_pooled, initializer_range
        self.tie_word_embeddings = False  # here; the language model ties its own as its own config says
        kwargs.pop("tie_word_embeddings", None)
        super().__init__(**kwargs)
        rows = self.text_config.vocab_size
        if real_vocab_size is not None and not 0 < real_vocab_size <= rows:
            raise SettingError(
                "real_vocab_size",
                value=real_vocab_size,
                expected=f"1 to {rows}, the rows of the text model's embedding",
            )

    def to_dict(self) -> dict[str, Any]:
        """As transformers gives it, without the folders that the parts were loaded from."""
        content: dict[str, Any] = super().to_dict()
        for part in self.sub_configs:
            content[part].pop("_name_or_path", None)
        return content

    @property
    def num_image_tokens(self) -> int | None:
        """Vectors an image: 1 if pooled, else the patches of the encoder's grid; None where it has none."""
        if self.vision_pooled:
            return 1
        grid = patch_grid(self.vision_config)
        return None if grid is None else grid[0] * grid[1]


def patch_grid(vision_config: Any, image_size: tuple[int, int] | None = None) -> tuple[int, int] | None:
    """Rows and columns of patches of an encoder, at its own or the given (height, width) in pixels.

    None where the configuration has no ``patch_size`` (convolutional encoders).
    """
    patch, side = getattr(vision_config, "patch_size", None), getattr(vision_config, "image_size", None)
    size = image_size if image_size is not None else side
    if patch is None or size is None:
        return None
    (height, width), (rows, columns) = (v if isinstance(v, (tuple, list)) else (v, v) for v in (size, patch))
    return height // rows, width // columns
