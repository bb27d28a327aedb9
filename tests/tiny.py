"""A BERT small enough to train in a second, in a folder, with a WordPiece tokenizer learnt from real sentences."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

from plmr.explain.vocabulary import word_tokenizer


def pieces(texts: Iterable[str], vocabulary: int) -> list[str]:
    """Every character, then the commonest words; trainers of tokenizers break ties by chance."""
    tokenizer = word_tokenizer(texts)
    words = tokenizer.convert_ids_to_tokens(range(len(tokenizer)), skip_special_tokens=True)
    characters = sorted({character for word in words for character in word})
    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{c}" for c in characters)]
    return known + [word for word in words if len(word) > 1][: max(0, vocabulary - len(known))]


def save_tiny_bert(folder: Path, texts: Iterable[str], blocks: int = 4, vocabulary: int = 200) -> Path:
    """Write random weights and a tokenizer that splits the rarer words of the texts into pieces."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(pieces(texts, vocabulary)), encoding="utf-8")
    tokenizer = BertTokenizerFast.from_pretrained(str(folder))
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=blocks,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=256,
    )
    BertModel(config).save_pretrained(folder)
    return folder
