"""Small encoders of every family, with weights large enough that every part of them matters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    BertConfig,
    CamembertConfig,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    PretrainedConfig,
    RobertaConfig,
    XLMRobertaConfig,
)

from plmr.config import RationaleConfig
from plmr.encoders import GRUEncoder, SplitEncoder, build_encoder
from plmr.modeling import RationaleModel

VOCABULARY = 60
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 48,
}
CONFIGS: dict[str, PretrainedConfig] = {
    "bert": BertConfig(**SIZES),
    "roberta": RobertaConfig(**SIZES),
    "xlm-roberta": XLMRobertaConfig(**SIZES),
    "camembert": CamembertConfig(**SIZES),
    "electra": ElectraConfig(**SIZES, embedding_size=32),
    "electra-projected": ElectraConfig(**SIZES, embedding_size=16),
    "distilbert": DistilBertConfig(
        vocab_size=VOCABULARY, dim=32, n_layers=4, n_heads=4, hidden_dim=48, max_position_embeddings=48
    ),
    # Two kinds of blocks; a local one sees 3 tokens to each side, much less than a text.
    "modernbert": ModernBertConfig(
        **SIZES, local_attention=6, global_attn_every_n_layers=2, pad_token_id=0, cls_token_id=2, sep_token_id=3,
        bos_token_id=2, eos_token_id=3,
    ),
}  # fmt: skip
FAMILIES = list(CONFIGS)
PENALTY = {"sampler": "gumbel", "score_spread": None, "smoothing": 1, "sparsity_delay": 0.0}
"""Settings with which masks are sampled unit by unit and their share is a matter of the penalty, as in the paper."""


def shake(module: nn.Module, scale: float = 0.15) -> None:
    """Move every weight away from where it starts: a bias of zero or a norm of one would hide mistakes."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += scale * torch.randn_like(parameter)


def without_dropout(model: RationaleModel) -> RationaleModel:
    """The same model, whose dropout does nothing in training either, so that two runs can be compared."""
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return model


def config_of(family: str) -> dict[str, Any]:
    if family == "gru":
        return GRUEncoder(VOCABULARY, n_blocks=3, width=32, embedding_width=20).config_dict
    config = CONFIGS[family]
    return config.to_diff_dict() | {"model_type": config.model_type}


def small_encoder(family: str, seed: int = 0) -> SplitEncoder:
    torch.manual_seed(seed)
    encoder = build_encoder(config_of(family), family)
    shake(encoder)
    return encoder.eval()


def small_model(family: str = "bert", seed: int = 0, **settings: Any) -> RationaleModel:
    torch.manual_seed(seed)
    preset = settings.pop("preset", "default")
    settings = {"encoder": family, "encoder_config": config_of(family), **settings}
    config = RationaleConfig.from_preset(preset, **settings)
    model = RationaleModel(config)
    shake(model)
    return model.eval()


def small_batch(family: str = "bert", seed: int = 0, lengths: tuple[int, ...] = (20, 13, 7)) -> dict[str, Tensor]:
    """Texts of a special token, words of one to three tokens and a special token, padded on the right."""
    generator = torch.Generator().manual_seed(seed)
    pad = getattr(CONFIGS.get(family), "pad_token_id", 0)
    width = max(lengths)
    shape = len(lengths), width
    input_ids = torch.randint(4, VOCABULARY, shape, generator=generator)
    attention_mask = (torch.arange(width) < torch.tensor(lengths)[:, None]).long()
    input_ids[attention_mask == 0] = pad
    word_ids = torch.full(shape, -1)
    for row, length in enumerate(lengths):
        starts = torch.rand(length - 2, generator=generator) < 0.6
        word_ids[row, 1 : length - 1] = (starts.cumsum(0) - int(starts[0])).long()
    return {"input_ids": input_ids, "attention_mask": attention_mask, "word_ids": word_ids}
