"""The miniature's tokenizer: one token a word, as a standard Hugging Face fast tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from molyneux.miniature.corpus import corpus_words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["EOS", "IMAGE", "PAD", "UNK", "build_tokenizer"]

PAD, EOS, UNK, IMAGE = "<pad>", "<eos>", "<unk>", "<image>"


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer whose vocabulary is the corpus's words, in alphabetical order.

    Text is put in lower case, so that the paper's prompt "A picture of" and the corpus's "a picture of" are
    the same three tokens; words and marks are split apart, and decoding joins them with spaces again, none
    before a mark. No token is put before a text. ``<image>`` stands where visual prompts go and ``<eos>``
    ends a caption; neither ``<image>`` nor ``<unk>`` occurs in training.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokens = [PAD, EOS, UNK, IMAGE, *sorted(corpus_words())]
    words = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token=UNK))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    # The word-piece decoder is the one that leaves no space before a mark; no token starts with its prefix.
    words.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=words,
        pad_token=PAD,
        eos_token=EOS,
        unk_token=UNK,
        extra_special_tokens={"image_token": IMAGE},
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
    )
