"""The terms that several frameworks share, on logits."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from plmr.methods.game import Batch


def cross_entropy(logits: Tensor, batch: Batch) -> Tensor:
    """Mean of −log p(y) over the texts, in full precision.

    Args:
        logits: *Shape:* (B, C)
        batch: With labels.

    Returns:
        *Shape:* ()
    """
    return F.cross_entropy(logits.float(), batch.targets)


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
