"""The small parts that every framework is built from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plmr.masking import Units, masked_mean
from plmr.masking.samplers import KEEP


class MaskHead(nn.Module):
    """Scores each token for dropping and keeping: Linear(LayerNorm(·)) (PLMR eq. 11).

    Args:
        width: H.
        dropout: Between the two.
        keep_bias: Initial difference between the logits of keeping and dropping.
        normed: Whether the LayerNorm is its own; False where a method's states come normalized.
    """

    def __init__(self, width: int, dropout: float = 0.0, keep_bias: float = 0.0, normed: bool = True):
        super().__init__()
        self.norm = nn.LayerNorm(width) if normed else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(width, 2)
        with torch.no_grad():
            self.linear.bias.zero_()
            self.linear.bias[KEEP] = keep_bias

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, T, H) to (B, T, 2)."""
        return self.linear(self.dropout(self.norm(hidden)))


class ClassHead(nn.Module):
    """Linear map from a pooled state to class logits."""

    def __init__(self, width: int, n_classes: int, dropout: float = 0.0):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(width, n_classes)

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, H) to (B, C)."""
        return self.linear(self.dropout(pooled))


def new_marks(n: int, width: int) -> nn.Embedding:
    """A vector for each of so many kinds of texts, which tells a reader at every token what kind its text is of.

    Added to embeddings, it is what a one-hot beside them would come to.

    Args:
        n: How many kinds.
        width: H.
    """
    marks = nn.Embedding(n, width)
    nn.init.normal_(marks.weight, std=0.1)
    return marks


def pool(hidden: Tensor, mask: Tensor, how: str) -> Tensor:
    """One vector for a text.

    Args:
        hidden: *Shape:* (B, T, H)
        mask: The tokens that count. *Shape:* (B, T)
        how: `mean` or `max` over them (zero where there are none), or `first`.

    Returns:
        *Shape:* (B, H)
    """
    if how == "first":
        return hidden[:, 0]
    if how == "mean":
        return masked_mean(hidden, mask)
    # Multiplied before the maximum so that the straight-through gradient reaches the mask.
    highest = (hidden * mask[..., None]).masked_fill(mask[..., None] == 0, float("-inf")).amax(dim=1)
    return highest.masked_fill(highest == float("-inf"), 0.0)


def attention_of(scores: Tensor, units: Units) -> Tensor:
    """Weights of a text's units that add up to 1: the softmax of their scores.

    Args:
        scores: *Shape:* (B, U)
        units: Which units exist.

    Returns:
        0 where there is no unit. *Shape:* (B, U)
    """
    lowest = torch.finfo(scores.dtype).min  # and not -inf, of which a text without units would get NaN
    return scores.masked_fill(~units.valid, lowest).softmax(dim=-1) * units.valid


def attended(hidden: Tensor, attention: Tensor, units: Units) -> Tensor:
    """One vector for a text: its units' mean states, added up with their weights.

    Args:
        hidden: *Shape:* (B, T, H)
        attention: *Shape:* (B, U)
        units: Which units exist.

    Returns:
        *Shape:* (B, H)
    """
    return (units.mean(hidden) * attention[..., None]).sum(dim=1)
