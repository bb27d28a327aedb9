"""Sparsity and continuity: what keeps a rationale short and readable (PLMR eq. 13).

Three forms of the same idea are in use, and their weights are not transferable between them:

========== ============================================ ==============================================
form       sparsity                                     continuity
========== ============================================ ==============================================
`paper`    |α − share|, per text                        Σ|ΔM|, per text
`corpus`   |α − share|, one share for the batch         mean |ΔM| over the neighbours in the batch
`released` as `corpus`, but the first position counts   mean |ΔM| over positions 1.. of the longest
           in the denominator only                      text there may be, padding included
========== ============================================ ==============================================

A change in a text of n units costs λ2 in the form `paper` and about λ2/n in the others, so that a λ2 of theirs, in
`paper`, makes it dearer to select anything than not to.

`paper` and `corpus` work on units (subwords or words, specials and padding excluded) and average over the
Dim-Reduction blocks; `released` works on raw positions and sums over them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from plmr.masking.units import Units


class Constraint(NamedTuple):
    """The two terms of L_s, weights included: of a batch, scalars, or of each of its texts."""

    sparsity: Tensor
    continuity: Tensor


def sparsity_targets(sparsity: float, n_blocks: int, schedule: str = "linear") -> list[float]:
    """The share α_j that each Dim-Reduction block is to keep, the last one `sparsity`.

    Args:
        sparsity: α, the share of units in the final rationale.
        n_blocks: Number m of Dim-Reduction blocks.
        schedule: `linear`, α_j = 1 − (1 − α)(j + 1)/m (paper); or `log_linear`,
            α_j = ln(((j + 1)e^α + (m − j − 1)e)/m) (released code).
    """
    steps = [(j + 1) / n_blocks for j in range(n_blocks)]
    if schedule == "linear":
        return [1 - (1 - sparsity) * step for step in steps]
    return [math.log(step * math.exp(sparsity) + (1 - step) * math.e) for step in steps]


def share(masks: Tensor, units: Units) -> Tensor:
    """Share of a text's units that are kept; 0 for a text without units.

    Args:
        masks: *Shape:* (B, U)

    Returns:
        *Shape:* (B,)
    """
    return (masks * units.valid).sum(dim=1) / units.count().clamp(min=1)


def constraint(
    masks: Sequence[Tensor],
    units: Units,
    targets: Sequence[float],
    sparsity_weight: float,
    continuity_weight: float,
    form: str = "paper",
) -> Constraint:
    """L_s over the masks of m blocks, on units.

    Args:
        masks: One mask per block. *Shape:* each (B, U)
        units: Which units exist.
        targets: The share α_j each block is to keep.
        sparsity_weight: λ1.
        continuity_weight: λ2.
        form: `paper` or `corpus`.
    """
    sparsity, continuity = [], []
    for mask, target in zip(masks, targets, strict=True):
        if form == "paper":
            each = text_constraint(mask, units, target, 1.0, 1.0, form)
            sparsity.append(each.sparsity.mean())
            continuity.append(each.continuity.mean())
        else:
            kept, total = (mask * units.valid).sum(), units.valid.sum().clamp(min=1)
            change, neighbours = _changes(mask, units)
            sparsity.append((target - kept / total).abs())
            continuity.append(change.sum() / neighbours.sum().clamp(min=1))
    return Constraint(
        sparsity_weight * torch.stack(sparsity).mean(), continuity_weight * torch.stack(continuity).mean()
    )


def text_constraint(
    mask: Tensor, units: Units, target: float, sparsity_weight: float, continuity_weight: float, form: str = "paper"
) -> Constraint:
    """L_s of each text alone, where each answers for its own mask.

    Args:
        mask: *Shape:* (B, U)
        units: Which units exist.
        target: The share α to keep.
        sparsity_weight: λ1.
        continuity_weight: λ2.
        form: `paper` sums |ΔM| over the neighbours of a text, any other takes their mean.

    Returns:
        *Shape:* each (B,)
    """
    change, neighbours = _changes(mask, units)
    if form != "paper":
        change = change / neighbours.clamp(min=1)
    return Constraint(sparsity_weight * (target - share(mask, units)).abs(), continuity_weight * change)


def _changes(mask: Tensor, units: Units) -> tuple[Tensor, Tensor]:
    """Σ|ΔM| of each text, and over how many neighbours. *Shape:* both (B,)"""
    neighbours = units.valid[:, 1:] & units.valid[:, :-1]
    return (mask.diff(dim=1).abs() * neighbours).sum(dim=1), neighbours.sum(dim=1)


def released_constraint(
    masks: Sequence[Tensor],
    attention_mask: Tensor,
    targets: Sequence[float],
    sparsity_weight: float,
    continuity_weight: float,
    width: int,
) -> Constraint:
    """L_s as the released code computes it, on token positions.

    That code pads every text to one width. Batches here are as wide as their longest text, and what has been cut off
    has no changes, so its places count and need not be there.

    Args:
        masks: One mask per block, its first position ignored. *Shape:* each (B, T)
        attention_mask: *Shape:* (B, T)
        targets: The share α_j each block is to keep.
        sparsity_weight: λ1.
        continuity_weight: λ2.
        width: To which texts would be padded, in tokens.
    """
    total, places = attention_mask.sum(), len(attention_mask) * (width - 2)
    sparsity = [(target - mask[:, 1:].sum() / total).abs() for mask, target in zip(masks, targets, strict=True)]
    continuity = [mask[:, 1:].diff(dim=1).abs().sum() / places for mask in masks]
    return Constraint(sparsity_weight * torch.stack(sparsity).sum(), continuity_weight * torch.stack(continuity).sum())
