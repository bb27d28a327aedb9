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
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint
from transformers import AttentionInterface

ATTENTION = "plmr"


def attention_scores(query: Tensor, key: Tensor, visible: Tensor | None, scale: float) -> Tensor:
    """The scaled dot products, with the least number there is for what is not visible.

    Args:
        query, key: *Shape:* (B, heads, T, head width)
        visible: False = ignored (padding). *Shape:* broadcastable to (B, 1, T, T)
        scale: Factor of the dot products.

    Returns:
        *Shape:* (B, heads, T, T)
    """
    scores = query * scale @ key.transpose(-1, -2)
    if visible is not None:
        # Finite, because padding far from any token has nothing to attend to, and the softmax of -inf alone is NaN.
        scores.masked_fill_(~visible, torch.finfo(scores.dtype).min)
    return scores


def weighted_attention(scores: Tensor, value: Tensor, keep: Tensor, dropout: float = 0.0) -> Tensor:
    """Attention renormalised over the kept tokens: Σ_j w_ij v_j with w_ij = M_j exp(s_ij) / Σ_k M_k exp(s_ik).

    Kept tokens have the gradient of this formula. A dropped one has weight zero, and its gradient is what keeping it
    would change, so that a straight-through mask learns about tokens that it did not select; an additive -inf would
    silence them. Its derivative says something else: e_ij = exp(s_ij) / Σ_k M_k exp(s_ik) times the difference that its
    value makes, without any bound where row i attends to dropped tokens above all, as the first blocks of pre-trained
    encoders do. Once kept, its weight is e_ij / (1 + e_ij).

    Args:
        scores: s, of `attention_scores`. *Shape:* (B, heads, T, T)
        value: v. *Shape:* (B, heads, T, head width)
        keep: The mask M, 0 or more, carrying straight-through gradients. *Shape:* (B, T)
        dropout: Of the weights.

    Returns:
        Zeros where nothing is kept. *Shape:* (B, heads, T, head width)
    """
    return _Weighted.apply(scores, value, keep, dropout)


class _Weighted(torch.autograd.Function):
    """`weighted_attention`. In place wherever that is possible: what costs time are passes over T x T numbers."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, value: Tensor, keep: Tensor, dropout: float) -> Tensor:
        weights = _weights_once_kept(scores.float(), keep.float())
        held = torch.empty_like(weights, dtype=torch.bool).bernoulli_(1 - dropout) if dropout else None
        attended = _counted(weights, keep, held, dropout, value.dtype) @ value
        ctx.save_for_backward(weights, held, value, keep, attended)
        ctx.dropout, ctx.scores_dtype = dropout, scores.dtype
        return attended

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        weights, held, value, keep, attended = ctx.saved_tensors
        for_value = _counted(weights, keep, held, ctx.dropout, value.dtype).transpose(-1, -2) @ upstream
        # What each value is worth above what its row has: all other weights make room for that of a token.
        gain = (upstream / (1 - ctx.dropout) @ value.transpose(-1, -2)).float()
        if held is not None:
            gain *= held
        gain -= (upstream.float() * attended.float()).sum(dim=-1, keepdim=True)
        gain *= weights
        for_keep = gain.sum(dim=(1, 2)).to(keep.dtype)
        gain *= keep[:, None, None, :]
        return gain.to(ctx.scores_dtype), for_value, for_keep, None


def _counted(weights: Tensor, keep: Tensor, held: Tensor | None, dropout: float, dtype: torch.dtype) -> Tensor:
    """The weights by which values are added up, of those that dropout leaves."""
    counted = weights * (keep / (1 - dropout))[:, None, None, :]
    if held is not None:
        counted *= held
    return counted.to(dtype)


def _weights_once_kept(scores: Tensor, keep: Tensor) -> Tensor:
    """The weight that each token has for each unit of M: as it is where it is kept, else as it would be with M = 1.

    With e = exp(s) / Σ_k M_k exp(s_k) that is e, or e / (1 + e) = 1 / (1/e + 1).
    """
    keep = keep[:, None, None, :]
    # More than the score of what is not visible, whose weight is 0 even where nothing is kept.
    least = torch.finfo(torch.float32).min / 2
    total = (scores + keep.log()).logsumexp(dim=-1, keepdim=True).clamp_(min=least)
    return (total - scores).exp_().add_((keep == 0).float()).reciprocal_()


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
    dropout = dropout if module.training else 0.0
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    inputs = (query, key, value, attention_mask, keep, scale, dropout)
    if worth_recomputing(query, keep, dropout):
        # Backward needs the T x T weights of every block; made again from what is T wide, no two blocks' are there
        # at a time.
        attended = checkpoint(_attend, *inputs, use_reentrant=False)
    else:
        attended = _attend(*inputs)
    return attended.transpose(1, 2).contiguous(), None


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    keep: Tensor | None,
    scale: float,
    dropout: float,
) -> Tensor:
    """The attended values. *Shape:* (B, heads, T, head width)"""
    if keep is not None and keep.requires_grad:
        return weighted_attention(attention_scores(query, key, attention_mask, scale), value, keep, dropout)
    if keep is not None:
        # A token that counts r times is one whose logit is raised by log r.
        # Finite, as above; half the least, so that a score added to it does not overflow.
        least = torch.finfo(query.dtype).min / 2
        raised = keep.to(query.dtype).log().clamp(min=least)[:, None, None, :]
        attention_mask = raised if attention_mask is None else raised.masked_fill(~attention_mask, least)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask, dropout_p=dropout, scale=scale)


def worth_recomputing(query: Tensor, keep: Tensor | None, dropout: float) -> bool:
    """Whether backward would hold weights that are larger than all they are made of."""
    if not (torch.is_grad_enabled() and query.requires_grad):
        return False
    # The fused kernel never holds them, but the CPU has none with dropout.
    spelt_out = (keep is not None and keep.requires_grad) or (dropout > 0 and query.device.type == "cpu")
    return spelt_out and query.shape[-2] > 3 * query.shape[-1]


AttentionInterface.register(ATTENTION, rationale_attention)
