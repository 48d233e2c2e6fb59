"""The miniature's tokenizer: one token a word, or pieces of words, as a standard Hugging Face fast tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from molyneux.miniature.corpus import CorpusRecipe, corpus_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

__all__ = ["EOS", "IMAGE", "PAD", "UNK", "build_piece_tokenizer", "build_tokenizer", "first_pieces"]

PAD, EOS, UNK, IMAGE = "<pad>", "<eos>", "<unk>", "<image>"


def build_tokenizer(corpus: CorpusRecipe | None = None) -> PreTrainedTokenizerFast:
    """A word-level tokenizer whose vocabulary is the corpus's words, in alphabetical order.

    Text is put in lower case, so that the paper's prompt "A picture of" and the corpus's "a picture of" are
    the same three tokens; words and marks are split apart, and decoding joins them with spaces again, none
    before a mark. No token is put before a text. ``<image>`` stands where visual prompts go and ``<eos>``
    ends a caption; neither ``<image>`` nor ``<unk>`` occurs in training.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    tokens = [PAD, EOS, UNK, IMAGE, *sorted(corpus_words(corpus or CorpusRecipe()))]
    words = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token=UNK))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    # The word-piece decoder is the one that leaves no space before a mark; no token starts with its prefix.
    words.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    return _fast(words)


def build_piece_tokenizer(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """A byte-pair tokenizer of ``size`` tokens, learnt from texts: frequent words whole, the others in pieces.

    A piece that starts a word carries the space before it, as in GPT-2's vocabulary.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    pieces = Tokenizer(models.BPE(unk_token=UNK))
    pieces.normalizer = normalizers.Lowercase()
    pieces.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()])
    pieces.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[PAD, EOS, UNK, IMAGE], show_progress=False)
    pieces.train_from_iterator(texts, trainer)
    return _fast(pieces)


def first_pieces(tokenizer: PreTrainedTokenizerFast, words: Iterable[str]) -> list[int]:
    """The id of each word's first token where it follows another word: the word itself, or its first piece."""
    before = tokenizer("a", add_special_tokens=False)["input_ids"]
    ids = (tokenizer(f"a {word}", add_special_tokens=False)["input_ids"] for word in words)
    return [row[len(before)] for row in ids]


def _fast(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=EOS,
        unk_token=UNK,
        extra_special_tokens={"image_token": IMAGE},
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
    )
