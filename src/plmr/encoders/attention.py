"""One attention function for every encoder: tokens can leave it, and the gradient can bring them back.

Transformers passes the keyword arguments of a block through to the attention function named in its
configuration. Registering this one therefore gives every supported architecture a `keep` argument, with no
architecture's attention rewritten.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface

ATTENTION = "plmr"


def weighted_attention(scores: Tensor, visible: Tensor | None, keep: Tensor) -> Tensor:
    """Attention weights renormalised over the kept tokens: w_ij = M_j exp(s_ij) / Σ_k M_k exp(s_ik).

    A pruned token gets weight zero, yet ∂w/∂M_j is finite for it, so a straight-through mask still learns
    about tokens it did not select; an additive -inf would silence them.

    Args:
        scores: Scaled dot products. *Shape:* (B, heads, T, T)
        visible: False = ignored (padding). *Shape:* broadcastable to (B, 1, T, T)
        keep: The mask M, 0 or 1, carrying straight-through gradients. *Shape:* (B, T)

    Returns:
        Weights that sum to one over the kept tokens. *Shape:* (B, heads, T, T)
    """
    if visible is not None:
        # Finite, because padding far from any token has nothing to attend to, and the softmax of -inf alone is NaN.
        scores = scores.masked_fill(~visible, torch.finfo(scores.dtype).min)
    weights = scores.softmax(dim=-1, dtype=torch.float32) * keep[:, None, None, :]
    return weights / weights.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)


def rationale_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    keep: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend to what `attention_mask` shows and, where given, to what `keep` keeps.

    Args:
        query, key, value: *Shape:* (B, heads, T, head width)
        attention_mask: True = attended to. *Shape:* broadcastable to (B, 1, T, T)
        keep: How often each token counts. Where it wants gradients the weights are spelt out, otherwise the fused
            kernel runs. *Shape:* (B, T)

    Returns:
        The attended values, *Shape:* (B, T, heads, head width), and no weights.
    """
    if keep is not None and not keep.requires_grad:
        # A token that counts r times is one whose logit is raised by log r.
        raised = keep.to(query.dtype).log()[:, None, None, :]
        attention_mask = raised if attention_mask is None else raised.masked_fill(~attention_mask, float("-inf"))
        keep = None
    if keep is None:
        attended = F.scaled_dot_product_attention(
            query, key, value, attn_mask=attention_mask, dropout_p=dropout, scale=scaling
        )
    else:
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        weights = weighted_attention(query @ key.transpose(-1, -2) * scale, attention_mask, keep)
        attended = F.dropout(weights, dropout, module.training).to(value.dtype) @ value
    return attended.transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, rationale_attention)
