"""Running blocks on a masked text: what a pruned token still does to the others.

Two semantics (`docs/masking.md`):

`zero`
    A pruned token's vector is multiplied by 0 before every block, and the others still attend to it. It
    sends every head the projection biases, so the predictor can sense how many tokens were pruned.
`drop`
    A pruned token leaves the attention. With the mask fixed, nothing about it reaches the prediction.

Some methods train with soft masks. A token that is kept by a part r then has its vector multiplied by r, or counts r
times in the attention.
"""

from __future__ import annotations

import torch
from torch import Tensor

from plmr.encoders.base import SplitEncoder
from plmr.masking.compact import run_dropped, run_zeroed


def why_dense(encoder: SplitEncoder, masking: str) -> str | None:
    """Why evaluation has to compute what is pruned; None where it can skip that with the same numbers."""
    return encoder.null_token_fails if masking == "zero" else None


def run_masked(
    encoder: SplitEncoder,
    hidden: Tensor,
    blocks: range,
    attention_mask: Tensor,
    visible: Tensor,
    masking: str,
    soft: bool = False,
) -> Tensor:
    """Run blocks on the visible tokens; without gradients for a hard mask, the pruned ones are computed only where
    there is a reason (`why_dense`).

    Args:
        encoder: Its blocks are run.
        hidden: Input of the first block. *Shape:* (B, T, H)
        blocks: Which blocks.
        attention_mask: False = padding. *Shape:* (B, T)
        visible: The mask M, 0 or 1, special tokens included as the method wants them. *Shape:* (B, T)
        masking: `zero` or `drop`.
        soft: Whether M may also be anything between 0 and 1.

    Returns:
        Output of the last block; at pruned tokens it means nothing. *Shape:* (B, T, H)
    """
    learning = soft or (visible.requires_grad and torch.is_grad_enabled())
    compact = encoder.compact and not learning and why_dense(encoder, masking) is None
    if masking == "zero":
        if compact:
            return run_zeroed(encoder, hidden, blocks, attention_mask, visible)
        for block in blocks:
            hidden = encoder.run(hidden * visible[..., None], range(block, block + 1), attention_mask)
        return hidden
    if learning:
        return encoder.run(hidden, blocks, attention_mask, keep=visible)
    if compact:
        return run_dropped(encoder, hidden, blocks, attention_mask, visible)
    return encoder.run(hidden, blocks, attention_mask.bool() & (visible > 0))


def masked_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """Mean over the selected tokens; zero where none is selected.

    Args:
        hidden: *Shape:* (B, T, H)
        mask: Where it is soft and adds up to less than one token, so much less is the mean, which thus has no leap
            where the last token goes. *Shape:* (B, T)

    Returns:
        *Shape:* (B, H)
    """
    return (hidden * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)
