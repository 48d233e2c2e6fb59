"""The judges' tokenizers: one token a word, each in the form that its model's family expects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from molyneux.miniature.captions import caption_words
from molyneux.miniature.corpus import CorpusRecipe, corpus_words

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import BertTokenizer, PreTrainedTokenizerFast

__all__ = ["build_bert_tokenizer", "build_clip_tokenizer"]

_PAD, _UNK, _START, _END = "<|pad|>", "<|unk|>", "<|startoftext|>", "<|endoftext|>"


def build_clip_tokenizer(*, longest: int) -> PreTrainedTokenizerFast:
    """CLIP's: ``<|startoftext|>``, the words that captions can hold, ``<|endoftext|>``.

    A word of no caption reads as ``<|unk|>``, which training puts for other words at times: what the judge
    was never shown in a picture neither helps nor harms by chance.

    Args:
        longest: tokens that the model has positions for; longer texts are cut when truncation is asked for.
    """
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    words = _word_level([_PAD, _UNK, _START, _END], caption_words(), unknown=_UNK)
    words.post_processor = processors.TemplateProcessing(
        single=f"{_START} $A {_END}",
        special_tokens=[(token, words.token_to_id(token)) for token in (_START, _END)],
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=words,
        pad_token=_PAD,
        unk_token=_UNK,
        bos_token=_START,
        eos_token=_END,
        model_max_length=longest,
        model_input_names=["input_ids", "attention_mask"],
    )


def build_bert_tokenizer(*, longest: int) -> BertTokenizer:
    """BERT's own class: ``[CLS]``, words, ``[SEP]``; its vocabulary is the corpus's words and no pieces.

    Args:
        longest: tokens that the model has positions for.
    """
    from transformers import BertTokenizer

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(corpus_words(CorpusRecipe(plain=False)))]
    vocab = {token: place for place, token in enumerate(tokens)}
    return BertTokenizer(vocab=vocab, model_max_length=longest)


def _word_level(special: list[str], vocabulary: Iterable[str], *, unknown: str) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    tokens = [*special, *sorted(vocabulary)]
    words = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token=unknown))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    return words
