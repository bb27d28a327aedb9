"""A BERT small enough to train in a second, in a folder, with a WordPiece tokenizer learnt from real sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import BertConfig, BertModel, BertTokenizerFast


def pieces(texts: Iterable[str], vocabulary: int) -> list[str]:
    """Every character, then the words that are most frequent; trainers of tokenizers break ties by chance."""
    plain, split = BertNormalizer().normalize_str, BertPreTokenizer().pre_tokenize_str
    counts = Counter(word for text in texts for word, _ in split(plain(text)))
    characters = sorted({character for word in counts for character in word})
    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{c}" for c in characters)]
    words = [word for word in sorted(counts, key=lambda word: (-counts[word], word)) if len(word) > 1]
    return known + words[: max(0, vocabulary - len(known))]


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
