"""A BERT small enough to train in a second, in a folder, with a WordPiece tokenizer learnt from real sentences."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertModel, BertTokenizerFast


def save_tiny_bert(folder: Path, texts: Iterable[str], blocks: int = 4, vocabulary: int = 200) -> Path:
    """Write random weights and a tokenizer that splits the rarer words of the texts into pieces."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = BertWordPieceTokenizer()
    pieces.train_from_iterator(texts, vocab_size=vocabulary, min_frequency=1, show_progress=False)
    pieces.save_model(str(folder))
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
