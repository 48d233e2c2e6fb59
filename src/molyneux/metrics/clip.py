"""CLIPScore: how well a text fits an image, by the cosine of their CLIP embeddings."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from molyneux.data.gate import ImageSource, open_image
from molyneux.ground.errors import ModelError, NonFiniteError, SettingError
from molyneux.metrics.batches import halving
from molyneux.metrics.judge import JudgeCard, Scores, find_judge, hash_weights
from molyneux.models.checkpoint import SAFE, check_weights, read_config, reading
from molyneux.models.load import choose_device
from molyneux.models.opening import open_processor
from molyneux.models.presence import ALL
from molyneux.models.source import Source

__all__ = ["CLIP_PICKS", "ClipJudge", "clip_score", "cosine_scores", "image_vectors", "text_vectors"]

#: The default: CLIPScore's own model (Hessel et al. 2021).
CLIP_PICKS = ("openai/clip-vit-base-patch32",)


@dataclass(frozen=True)
class ClipJudge:
    """A loaded CLIP, in float32 and ready to judge, and the card that tables print."""

    model: Any
    processor: Any
    card: JudgeCard
    prefix: str = ""
    """Put before every text, such as "a picture of "."""

    @classmethod
    def load(
        cls,
        which: str | Path | None = None,
        *,
        prefix: str = "",
        device: str | torch.device | None = None,
        download: bool = False,
    ) -> ClipJudge:
        """A judge from a folder, a hub id or "miniature"; see ``judge.find_judge`` for None and ``download``.

        Args:
            prefix: put before every text.
            device: None: the first of CUDA, MPS and CPU that is there.

        Raises:
            ModelError: it is not there, or no CLIP.
            AssetError: the miniature's judges did not ship.
        """
        from transformers import CLIPModel

        found = find_judge(which, CLIP_PICKS, part="clip", needed=ALL, download=download)
        source = Source(str(found.folder))
        config = read_config(source)
        if config.model_type != "clip":
            raise ModelError(
                "judge", value=found.name, expected=f"a CLIP, but its type is {config.model_type}"
            )
        with reading(source, ALL):
            kind: Any = CLIPModel
            model, loaded = kind.from_pretrained(
                found.folder, dtype=torch.float32, output_loading_info=True, **SAFE
            )
        check_weights(model, loaded, source, part=True)
        torch.nn.Module.to(model, choose_device(device))  # transformers' own .to() has no usable type
        options = f'texts begin "{prefix}"' if prefix else ""
        weights = hash_weights(found.folder)
        default = found.name in CLIP_PICKS and not prefix
        card = JudgeCard("CLIPScore", found.name, weights, options, default=default, note=found.note)
        return cls(model.train(False), open_processor(source, config), card, prefix)

    @property
    def longest(self) -> int:
        """Tokens of a text that the model reads, the two at its ends included."""
        own = int(self.processor.tokenizer.model_max_length)
        return min(own, int(self.model.config.text_config.max_position_embeddings))


@torch.no_grad()
def image_vectors(
    judge: ClipJudge, images: Sequence[ImageSource], *, batch_size: int = 32
) -> Float[Tensor, "image dim"]:
    """Embeddings of images, of length 1, float32 on the CPU.

    Images are opened a batch at a time, through the gate.

    Raises:
        ImageError: one of them cannot be used.
        NonFiniteError: the model answers with NaN or infinity.
    """
    _check_batch(batch_size)
    model = judge.model

    def look(some: Sequence[ImageSource]) -> Tensor:
        pictures = [open_image(image).image for image in some]
        pixels = judge.processor.image_processor(images=pictures, return_tensors="pt")["pixel_values"]
        seen = model.vision_model(pixel_values=pixels.to(model.device)).pooler_output
        vectors: Tensor = model.visual_projection(seen).float().cpu()
        return vectors

    found = [vectors for _, vectors in halving(images, batch_size, look, what="images")]
    return _of_length_one(found, judge)


@torch.no_grad()
def text_vectors(
    judge: ClipJudge, texts: Sequence[str], *, batch_size: int = 256
) -> tuple[Float[Tensor, "text dim"], Bool[np.ndarray, " text"]]:
    """Embeddings of texts, of length 1, float32 on the CPU, and which texts were too long and lost their end.

    A text that occurs several times is read once.

    Raises:
        NonFiniteError: the model answers with NaN or infinity.
    """
    _check_batch(batch_size)
    model, tokenizer, longest = judge.model, judge.processor.tokenizer, judge.longest
    different = list(dict.fromkeys(texts))
    place = {text: row for row, text in enumerate(different)}

    def read(some: Sequence[str]) -> tuple[list[int], Tensor]:
        batch = [f"{judge.prefix}{text}" for text in some]
        inputs = tokenizer(batch, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        seen = model.text_model(
            input_ids=inputs["input_ids"].to(model.device),
            attention_mask=inputs["attention_mask"].to(model.device),
        )
        lengths = [len(ids) for ids in tokenizer(batch, verbose=False)["input_ids"]]
        return lengths, model.text_projection(seen.pooler_output).float().cpu()

    both = [made for _, made in halving(different, batch_size, read, what="texts")]
    lengths = [length for some, _ in both for length in some]
    found = [vectors for _, vectors in both]
    rows = [place[text] for text in texts]
    return _of_length_one(found, judge)[rows], (np.array(lengths, dtype=np.int64) > longest)[rows]


def cosine_scores(
    images: Float[Tensor, "#pair dim"], texts: Float[Tensor, "#pair dim"]
) -> Float[Tensor, " pair"]:
    """``max(0, 100 cos(image, text))`` of vectors of length 1; one image serves many texts, or one text many images.

    A ``[1, dim]`` of either side is paired with every row of the other.
    """
    return (100 * (images * texts).sum(-1)).clamp(min=0)


def clip_score(
    judge: ClipJudge, images: Sequence[ImageSource], texts: Sequence[str], *, batch_size: int = 32
) -> Scores:
    """CLIPScore of each image with the text at its place: 100 times the cosine, floored at 0.

    Scale and floor are those of the paper's tables; Hessel et al. (2021) multiply by 2.5 instead. An image or text
    that serves in many pairs is best embedded once: ``image_vectors``, ``text_vectors``, ``cosine_scores``.

    Raises:
        SettingError: another number of images than of texts.
        ImageError: an image cannot be used.
        NonFiniteError: the model answers with NaN or infinity.
    """
    if len(images) != len(texts):
        raise SettingError(
            "images and texts", value=(len(images), len(texts)), expected="one text for each image"
        )
    seen = image_vectors(judge, images, batch_size=batch_size)
    read, cut = text_vectors(judge, texts, batch_size=8 * batch_size)
    values = cosine_scores(seen, read) if len(images) else torch.empty(0)
    return Scores(values.double().numpy(), int(cut.sum()), judge.card)


def _of_length_one(found: list[Tensor], judge: ClipJudge) -> Float[Tensor, "row dim"]:
    if not found:
        return torch.empty(0, int(judge.model.config.projection_dim))
    vectors = torch.cat(found)
    if not bool(vectors.isfinite().all()):
        bad = int((~vectors.isfinite()).any(dim=1).sum())
        raise NonFiniteError(
            f"embeddings of {judge.card.name} with NaN or infinity",
            value=f"{bad} of {len(vectors)}",
            expected="finite ones",
            fix="Check the weights: the file may be damaged.",
        )
    return functional.normalize(vectors, dim=-1)


def _check_batch(batch_size: int) -> None:
    if batch_size < 1:
        raise SettingError("batch_size", value=batch_size, expected="at least 1")
