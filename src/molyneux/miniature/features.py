"""What the projection learns from, made once: pictures of scenes, their patch vectors and captions."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float16, Int, UInt8
from torch import Tensor

from molyneux.miniature.dataset import captions_of, scene_of
from molyneux.miniature.world import render

if TYPE_CHECKING:
    from molyneux.models.limber import LimberForConditionalGeneration, LimberProcessor

__all__ = ["caption_ids", "patch_features", "pixels_of", "scene_pixels", "weights_hash"]

CHUNK = 1000  # scenes a file: what an interruption can lose
RENDERED = 256  # pixels a side before the image processor, as in the data set that the miniature is tested on


def weights_hash(folder: Path) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a model folder's weights."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:16]


def scene_pixels(folder: Path, seeds: Sequence[int], side: int) -> None:
    """Pictures of scenes as the encoder will see them, ``side`` pixels a side, into ``folder`` by chunks.

    Drawn at 256 pixels and resized by PIL's bilinear filter, as the miniature's image processor does. Needs
    no model, so it can run while the encoder still trains. Chunks that are there are kept.
    """

    def draw(chunk: Sequence[int]) -> UInt8[np.ndarray, "image side side 3"]:
        pictures = [render(scene_of(seed), side=RENDERED).image for seed in chunk]
        return np.stack([np.asarray(picture.resize((side, side), _BILINEAR)) for picture in pictures])

    _by_chunks(folder, seeds, draw, "scenes")


_BILINEAR = 2  # PIL.Image.Resampling.BILINEAR


def patch_features(
    folder: Path,
    seeds: Sequence[int],
    model: LimberForConditionalGeneration,
    processor: LimberProcessor,
    *,
    pixels: Path,
) -> Float16[Tensor, "image patch dim"]:
    """The encoder's patch vectors of scenes, from ``folder`` where they already are.

    Args:
        folder: of the chunks of vectors; one for each encoder.
        seeds: of the scenes.
        model: whose encoder to ask, on its device.
        processor: of its images.
        pixels: of the chunks that ``scene_pixels`` wrote, or will write now.
    """
    size = processor.image_processor.size
    scene_pixels(pixels, seeds, int(size["height"]))

    def encode(chunk: Sequence[int]) -> Float16[np.ndarray, "image patch dim"]:
        images = np.load(pixels / _name(chunk))
        return np.concatenate(
            [_encode(model, processor, images[at : at + 100]) for at in range(0, len(images), 100)]
        )

    _by_chunks(folder, seeds, encode, "features")
    return torch.cat([torch.from_numpy(np.load(folder / _name(chunk))) for chunk in _chunks(seeds)])


def pixels_of(processor: LimberProcessor, images: UInt8[np.ndarray, "image side side 3"]) -> Tensor:
    """The encoder's input of pictures that already have its size."""
    pixels: Tensor = processor.image_processor(list(images), do_resize=False, return_tensors="pt")[
        "pixel_values"
    ]
    return pixels


@torch.no_grad()
def _encode(
    model: LimberForConditionalGeneration,
    processor: LimberProcessor,
    images: UInt8[np.ndarray, "image side side 3"],
) -> Float16[np.ndarray, "image patch dim"]:
    vectors = model.get_patch_vectors(pixels_of(processor, images).to(model.device))
    found: Float16[np.ndarray, "image patch dim"] = vectors.to("cpu", torch.float16).numpy()
    return found


def caption_ids(processor: LimberProcessor, seeds: Sequence[int]) -> Int[Tensor, "image caption token"]:
    """Token ids of every scene's captions, each ended by the end token, padded on the right."""
    tokenizer: Any = processor.tokenizer
    texts = [caption + tokenizer.eos_token for seed in seeds for caption in captions_of(seed)]
    batch = tokenizer(
        texts, add_special_tokens=False, padding=True, padding_side="right", return_tensors="pt"
    )
    ids: Tensor = batch["input_ids"]
    return ids.view(len(seeds), -1, ids.shape[1])


def _chunks(seeds: Sequence[int]) -> list[Sequence[int]]:
    return [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]


def _name(chunk: Sequence[int]) -> str:
    return f"{chunk[0]}-{chunk[-1]}.npy"


def _by_chunks(
    folder: Path, seeds: Sequence[int], make: Callable[[Sequence[int]], np.ndarray[Any, Any]], what: str
) -> None:
    """Make the chunks that are not there; each is written under another name and renamed, so it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [chunk for chunk in _chunks(seeds) if not (folder / _name(chunk)).exists()]
    began = time.monotonic()
    for done, chunk in enumerate(missing, start=1):
        part = folder / f"part-{_name(chunk)}"
        np.save(part, make(chunk))
        part.rename(folder / _name(chunk))
        left = (time.monotonic() - began) / done * (len(missing) - done)
        print(f"{what} {done}/{len(missing)} chunks, {left:.0f} s left", file=sys.stderr, flush=True)
