"""One attention function for every encoder: tokens can leave it, and the gradient can bring them back.

Transformers passes the keyword arguments of a block through to the attention function named in its
configuration. Registering this one therefore gives every supported architecture a `keep` argument, with no
architecture's attention rewritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
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


def weighted_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    keep: Tensor,
    visible: Tensor | None,
    scale: float,
    dropout: float = 0.0,
) -> Tensor:
    """Attention renormalised over the kept tokens: Σ_j w_ij v_j with w_ij = M_j exp(s_ij) / Σ_k M_k exp(s_ik).

    Kept tokens have the gradient of this formula. A dropped one has weight zero, and its gradient is what keeping it
    would change, so that a straight-through mask learns about tokens that it did not select; an additive -inf would
    silence them. Its derivative says something else: e_ij = exp(s_ij) / Σ_k M_k exp(s_ik) times the difference that its
    value makes, without any bound where row i attends to dropped tokens above all, as the first blocks of pre-trained
    encoders do. Once kept, its weight is e_ij / (1 + e_ij).

    Args:
        query, key: Of the scores s, see `attention_scores`. *Shape:* (B, heads, T, head width)
        value: v. *Shape:* (B, heads, T, head width)
        keep: The mask M, 0 or more, carrying straight-through gradients. *Shape:* (B, T)
        visible: False = ignored (padding). *Shape:* broadcastable to (B, 1, T, T)
        scale: Factor of the dot products.
        dropout: Of the weights.

    Returns:
        Zeros where nothing is kept. *Shape:* (B, heads, T, head width)
    """
    if visible is not None:
        visible = visible.expand(len(query), -1, -1, -1)
    # Backward makes the scores again, and has no autocasting.
    with torch.autocast(query.device.type, enabled=False):
        return _Weighted.apply(query, key, value, keep, visible, scale, dropout)


class _Weighted(torch.autograd.Function):
    """`weighted_attention`, a few texts at a time, with weights made again in backward from the totals of their rows.

    What costs time are passes over T x T numbers, in place wherever that is possible: few enough stay in the
    processor's cache, and none are held until backward.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        keep: Tensor,
        visible: Tensor | None,
        scale: float,
        dropout: float,
    ) -> Tensor:
        seed = int(torch.randint(2**62, ())) if dropout else 0
        attended = torch.empty_like(value)
        log_totals = torch.empty_like(query[..., :1], dtype=torch.float32)
        log_keep = keep.float().log()[:, None, None, :]
        for part in _parts(query):
            scores = _scores(query, key, visible, scale, part).add_(log_keep[part])
            # At least more than the score of what is not visible, whose weight is 0 even where nothing is kept.
            top = scores.amax(dim=-1, keepdim=True).clamp_(min=torch.finfo(torch.float32).min / 2)
            weights = scores.sub_(top).exp_()
            # The largest is 1, except where nothing is kept.
            total = weights.sum(dim=-1, keepdim=True).clamp_(min=1)
            log_totals[part] = top + total.log()
            if dropout:
                weights *= _held(weights, dropout, seed + part.start)
            attended[part] = weights.to(value.dtype) @ value[part] / (total * (1 - dropout))
        ctx.save_for_backward(query, key, value, keep, visible, attended, log_totals)
        ctx.scale, ctx.dropout, ctx.seed = scale, dropout, seed
        return attended

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, keep, visible, attended, log_totals = ctx.saved_tensors
        for_query, for_key, for_value = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
        for_keep, keep = torch.empty_like(keep), keep.float()[:, None, None, :]
        # What each row has, which a token's value has to exceed: the other weights make room for that of the token.
        had = (upstream.float() * attended.float()).sum(dim=-1, keepdim=True)
        upstream = upstream / (1 - ctx.dropout)
        for part in _parts(query):
            scores = _scores(query, key, visible, ctx.scale, part)
            weights = _weights_once_kept(scores, log_totals[part], keep[part])
            counted = weights * keep[part]
            gain = (upstream[part] @ value[part].transpose(-1, -2)).float()
            if ctx.dropout:
                held = _held(weights, ctx.dropout, ctx.seed + part.start)
                counted *= held
                gain *= held
            for_value[part] = counted.to(value.dtype).transpose(-1, -2) @ upstream[part]
            gain = gain.sub_(had[part]).mul_(weights)
            for_keep[part] = gain.sum(dim=(1, 2))
            for_scores = gain.mul_(keep[part]).to(query.dtype) * ctx.scale
            for_query[part] = for_scores @ key[part]
            for_key[part] = for_scores.transpose(-1, -2) @ query[part]
        return for_query, for_key, for_value, for_keep, None, None, None


def _parts(query: Tensor) -> Iterator[slice]:
    """The batch, as many texts at a time as have about half a million weights; on a GPU far more."""
    weights = query.shape[1] * query.shape[2] ** 2
    texts = max(1, (2**19 if query.device.type == "cpu" else 2**26) // weights)
    return (slice(start, start + texts) for start in range(0, len(query), texts))


def _scores(query: Tensor, key: Tensor, visible: Tensor | None, scale: float, part: slice) -> Tensor:
    """Those of `attention_scores` for a part of the batch, in float32."""
    return attention_scores(query[part], key[part], None if visible is None else visible[part], scale).float()


def _weights_once_kept(scores: Tensor, log_totals: Tensor, keep: Tensor) -> Tensor:
    """The weight that each token has for each unit of M: as it is where it is kept, else as it would be with M = 1.

    With e = exp(s) / Σ_k M_k exp(s_k) that is e, or e / (1 + e) = 1 / (1/e + 1). Takes the memory of the scores.
    """
    return scores.neg_().add_(log_totals).exp_().add_((keep == 0).float()).reciprocal_()


def _held(weights: Tensor, dropout: float, seed: int) -> Tensor:
    """What dropout leaves of the weights, alike for the same seed."""
    generator = torch.Generator(weights.device).manual_seed(seed)
    if weights.device.type != "cpu":
        return torch.empty_like(weights, dtype=torch.bool).bernoulli_(1 - dropout, generator=generator)
    # Four weights from the 64 bits of one draw, several times as fast as a draw each.
    draws = torch.empty(-(-weights.numel() // 4), dtype=torch.int64).random_(-(2**63), None, generator=generator)
    bits = draws.view(torch.int16)[: weights.numel()]
    return (bits >= round(dropout * 2**16) - 2**15).view(weights.shape)


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
    # The fused kernel gives a mask no gradient, and on the CPU there is none with dropout.
    if (keep is not None and keep.requires_grad) or (dropout and query.device.type == "cpu"):
        keep = query.new_ones(len(query), query.shape[-2]) if keep is None else keep
        attended = weighted_attention(query, key, value, keep, attention_mask, scale, dropout)
    else:
        visible = attention_mask if keep is None else _raised(keep, attention_mask, query.dtype)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=visible, dropout_p=dropout, scale=scale)
    return attended.transpose(1, 2).contiguous(), None


def _raised(keep: Tensor, visible: Tensor | None, dtype: torch.dtype) -> Tensor:
    """What makes each token count as often as it is kept, to be added to the scores.

    Returns:
        *Shape:* (B, 1, 1, T), or that of `visible`
    """
    # Finite, as above; half the least, so that a score added to it does not overflow.
    least = torch.finfo(dtype).min / 2
    raised = keep.to(dtype).log().clamp(min=least)[:, None, None, :]
    return raised if visible is None else raised.masked_fill(~visible, least)


AttentionInterface.register(ATTENTION, rationale_attention)
