"""An encoder folder small enough to train in seconds."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with random weights, and a tokenizer that knows the words of the generated reviews."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    from plmr.data import make_reviews

    folder = tmp_path_factory.mktemp("encoders") / "tiny-bert"
    words = {e.text[start:end] for e in make_reviews(300) for start, end in e.words}
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(words)]
    BertTokenizer(vocab={word: number for number, word in enumerate(vocabulary)}).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48}
    BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=256, **sizes)).save_pretrained(folder)
    return folder
