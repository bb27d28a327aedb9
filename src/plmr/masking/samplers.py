"""From logits to a binary mask, with a gradient in training."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

KEEP = 1
"""Index of the class "keep" among a mask head's two outputs."""
EULER_GAMMA = 0.5772156649015329
"""Mean of the standard Gumbel distribution."""


def keep_probability(logits: Tensor) -> Tensor:
    """Probability of keeping.

    Args:
        logits: Drop and keep. *Shape:* (B, U, 2)

    Returns:
        *Shape:* (B, U)
    """
    return logits.float().softmax(dim=-1)[..., KEEP]


def smooth(values: Tensor, valid: Tensor, window: int) -> Tensor:
    """Average over a window of neighbours, of which only the units that exist count.

    A unit that is worth keeping then speaks for its neighbours too, so that what is selected comes in runs about
    as long as the window.

    Args:
        values: *Shape:* (B, U, K)
        valid: Which units exist. *Shape:* (B, U)
        window: Odd number of units, the unit itself in the middle; 1 changes nothing.

    Returns:
        Zero where no unit exists. *Shape:* (B, U, K)
    """
    if window == 1:
        return values
    weight = valid.to(values.dtype)[:, None]
    sums = F.avg_pool1d(values.transpose(1, 2) * weight, window, stride=1, padding=window // 2)
    shares = F.avg_pool1d(weight, window, stride=1, padding=window // 2)
    return (sums / shares.clamp(min=0.5 / window) * weight).transpose(1, 2)


def gumbel_mask(logits: Tensor, temperature: float = 1.0, valid: Tensor | None = None, window: int = 1) -> Tensor:
    """Sample a hard mask with straight-through gradients (Gumbel-softmax; PLMR eq. 11).

    Args:
        logits: Drop and keep. *Shape:* (B, U, 2)
        temperature: Of the relaxation that carries the gradient.
        valid: Which units exist; needed with a window. *Shape:* (B, U)
        window: Neighbours that share their noise, as in `smooth`: smoothed logits with a draw for each unit would
            still be sampled word by word.

    Returns:
        Zeros and ones. *Shape:* (B, U)
    """
    # In float32, because under bf16 autocast the noise would be rounded to a few distinct values.
    logits = logits.float()
    noise = -torch.empty_like(logits).exponential_().log()
    if window > 1:
        assert valid is not None
        # An average of w independent draws varies w times less than one of them.
        noise = smooth(noise - EULER_GAMMA, valid, window) * window**0.5
    soft = ((logits + noise) / temperature).softmax(dim=-1)[..., KEEP]
    hard = (soft > 0.5).to(soft.dtype)
    return hard - soft.detach() + soft


def threshold_mask(probability: Tensor, threshold: float = 0.5) -> Tensor:
    """The deterministic mask of evaluation: 1 where the keep probability exceeds the threshold.

    At 0.5 this is the argmax of the two classes, a tie counting as dropped.
    """
    return (probability > threshold).to(probability.dtype)
