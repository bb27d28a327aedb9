"""Attention as an explanation: how much the first token attends to each word in the last block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from plmr.encoders import TransformerEncoder
from plmr.encoders.attention import attention_scores, rationale_attention
from plmr.errors import PlmrError
from plmr.explain.posthoc.text_function import TextFunction, full_text_encoder, full_text_logits
from plmr.inference import evaluating
from plmr.modeling import RationaleModel

_RECORDING = "plmr-recording"


def has_attention(model: RationaleModel) -> bool:
    """Whether the full-text path has attention weights to look at."""
    return isinstance(full_text_encoder(model.method), TransformerEncoder)


@torch.inference_mode()
def first_token_attention(text: TextFunction, seed: int = 0) -> np.ndarray:
    """Attention that each word receives from the first token in the last block, averaged over the heads.

    The pass is the full-text one; a word of several tokens receives what they receive together. The fused kernels keep
    no weights, so they are computed from the same queries and keys.

    Args:
        text: What is explained.
        seed: Not used, the method draws nothing.

    Returns:
        *Shape:* (W,)

    Raises:
        PlmrError: The encoder has no attention.
    """
    model = text.model
    encoder = full_text_encoder(model.method)
    if not isinstance(encoder, TransformerEncoder):
        raise PlmrError(
            f"The encoder {model.config.encoder!r} has no attention; leave 'attention' out of the explainers."
        )
    everything = torch.ones_like(text.input_ids, dtype=torch.bool)
    with evaluating(model), _recorded(encoder) as weights:
        full_text_logits(model, text.input_ids, everything, text.word_ids)
    return text.token_sums(weights[-1][0, :, 0].mean(dim=0))


@contextmanager
def _recorded(encoder: TransformerEncoder) -> Iterator[list[Tensor]]:
    """The attention weights of the block that ran last. *Shape:* (B, heads, T, T)"""
    last: list[Tensor] = []

    def record(
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        *,
        scaling: float | None = None,
        **options: Any,
    ) -> tuple[Tensor, None]:
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        last[:] = [attention_scores(query, key, attention_mask, scale).softmax(dim=-1, dtype=torch.float32)]
        return rationale_attention(module, query, key, value, attention_mask, scaling=scaling, **options)

    config = encoder.model.config
    usual, compact = config._attn_implementation, encoder.compact
    AttentionInterface.register(_RECORDING, record)
    # Without gathering the visible tokens, so that a weight stands where its token does.
    config._attn_implementation, encoder.compact = _RECORDING, False
    try:
        yield last
    finally:
        config._attn_implementation, encoder.compact = usual, compact
