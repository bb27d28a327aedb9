"""From logits to a binary mask, with a gradient in training."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

KEEP = 1
"""Index of the class "keep" among a mask head's two outputs."""


def keep_probability(logits: Tensor) -> Tensor:
    """Probability of keeping.

    Args:
        logits: Drop and keep. *Shape:* (B, U, 2)

    Returns:
        *Shape:* (B, U)
    """
    return logits.float().softmax(dim=-1)[..., KEEP]


def gumbel_mask(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Sample a hard mask with straight-through gradients (Gumbel-softmax; PLMR eq. 11).

    Args:
        logits: Drop and keep. *Shape:* (B, U, 2)
        temperature: Of the relaxation that carries the gradient.

    Returns:
        Zeros and ones. *Shape:* (B, U)
    """
    # Under bf16 autocast the noise would be rounded to a few distinct values.
    return F.gumbel_softmax(logits.float(), tau=temperature, hard=True)[..., KEEP]


def threshold_mask(probability: Tensor, threshold: float = 0.5) -> Tensor:
    """The deterministic mask of evaluation: 1 where the keep probability exceeds the threshold.

    At 0.5 this is the argmax of the two classes, a tie counting as dropped.
    """
    return (probability > threshold).to(probability.dtype)
