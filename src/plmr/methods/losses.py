"""The terms that several frameworks share, on logits."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from plmr.masking import Units, share
from plmr.methods.game import Batch


def cross_entropy(logits: Tensor, batch: Batch) -> Tensor:
    """Mean of −log p(y) over the texts, in full precision.

    Args:
        logits: *Shape:* (B, C)
        batch: With labels.

    Returns:
        *Shape:* ()
    """
    return cross_entropies(logits, batch).mean()


def cross_entropies(logits: Tensor, batch: Batch) -> Tensor:
    """−log p(y) of each text, in full precision.

    Args:
        logits: *Shape:* (B, C)
        batch: With labels.

    Returns:
        *Shape:* (B,)
    """
    return F.cross_entropy(logits.float(), batch.targets, reduction="none")


def mistakes(logits: Tensor, batch: Batch) -> Tensor:
    """1 for each text whose label is not told, 0 for the others; without a gradient.

    Args:
        logits: *Shape:* (B, C)
        batch: With labels.

    Returns:
        *Shape:* (B,)
    """
    return (logits.argmax(dim=-1) != batch.targets).float()


def kl_divergence(reference: Tensor, other: Tensor) -> Tensor:
    """KL(p ‖ q) = Σ_c p_c log(p_c / q_c), its mean over the texts, in full precision.

    Args:
        reference: Logits of p. *Shape:* (B, C)
        other: Logits of q. *Shape:* (B, C)

    Returns:
        *Shape:* ()
    """
    p, q = reference.float().log_softmax(dim=-1), other.float().log_softmax(dim=-1)
    return F.kl_div(q, p, reduction="batchmean", log_target=True)


def js_divergence(one: Tensor, other: Tensor, exchanged: bool = False) -> Tensor:
    """JS(p, q) = (KL(p ‖ m) + KL(q ‖ m)) / 2 with m = (p + q) / 2, its mean over the texts, in full precision.

    Args:
        one: Logits of p. *Shape:* (B, C)
        other: Logits of q. *Shape:* (B, C)
        exchanged: KL(m ‖ p) and KL(m ‖ q) instead, which have no upper bound.

    Returns:
        *Shape:* ()
    """
    p, q = one.float().log_softmax(dim=-1), other.float().log_softmax(dim=-1)
    m = torch.logaddexp(p, q) - math.log(2)
    if exchanged:
        return (kl_divergence(m, p) + kl_divergence(m, q)) / 2
    return (kl_divergence(p, m) + kl_divergence(q, m)) / 2


def keep_cross_entropy(probability: Tensor, target: Tensor, units: Units) -> Tensor:
    """Mean of −(g log m + (1 − g) log(1 − m)) over the units of the batch.

    Args:
        probability: m, of keeping. *Shape:* (B, U)
        target: g, from 0 to 1. *Shape:* (B, U)
        units: Which units exist.

    Returns:
        *Shape:* ()
    """
    return -log_likelihood(probability, target, units).sum() / units.valid.sum().clamp(min=1)


def log_likelihood(probability: Tensor, mask: Tensor, units: Units) -> Tensor:
    """Σ_u g_u log m_u + (1 − g_u) log(1 − m_u): of a mask, the log of the chance to draw it unit by unit.

    Args:
        probability: m, of keeping. *Shape:* (B, U)
        mask: g, from 0 to 1. *Shape:* (B, U)
        units: Which units exist.

    Returns:
        *Shape:* (B,)
    """
    # From the log-odds: autocast refuses the form on probabilities.
    odds = probability.float().logit(eps=1e-6)
    each = F.binary_cross_entropy_with_logits(odds, mask.float(), reduction="none")
    return -(each * units.valid).sum(dim=1)


def prior_divergence(probability: Tensor, prior: float, units: Units) -> Tensor:
    """KL(Bernoulli(m) ‖ Bernoulli(π)), its mean over the units of a text, then over the texts.

    Args:
        probability: m, of keeping. *Shape:* (B, U)
        prior: π, from 0 to 1.
        units: Which units exist.

    Returns:
        *Shape:* ()
    """
    odds, prior = probability.float().logit(eps=1e-6), min(max(prior, 1e-3), 1 - 1e-3)
    keep = odds.sigmoid() * (F.logsigmoid(odds) - math.log(prior))
    drop = (-odds).sigmoid() * (F.logsigmoid(-odds) - math.log1p(-prior))
    return share(keep + drop, units).mean()
