"""The unit of selection: what is kept or dropped as one, a subword or a whole word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor


@dataclass(frozen=True)
class Units:
    """Which unit each token belongs to.

    Attributes:
        index: Number of the token's unit within its text, -1 for tokens that are never selected (special
            tokens and padding). *Shape:* (B, T)
        valid: Which of the U unit positions exist in each text. *Shape:* (B, U)
        size: Tokens per unit, at least 1. *Shape:* (B, U)
    """

    index: Tensor
    valid: Tensor
    size: Tensor

    @classmethod
    def from_index(cls, index: Tensor) -> Units:
        """Units from their numbers, which count up from 0 in each text; numbers without a token are not valid."""
        n_units = data_size(index.max() + 1) if index.numel() else 1
        counts = _scatter(torch.ones_like(index, dtype=torch.float32), index, n_units)
        return cls(index=index, valid=counts > 0, size=counts.clamp(min=1))

    @classmethod
    def subwords(cls, selectable: Tensor) -> Units:
        """Every selectable token is its own unit.

        Args:
            selectable: *Shape:* (B, T)
        """
        index = selectable.long().cumsum(dim=1) - 1
        return cls.from_index(index.masked_fill(~selectable, -1))

    def count(self) -> Tensor:
        """Units in each text, n. *Shape:* (B,)"""
        return self.valid.sum(dim=1)

    def mean(self, values: Tensor) -> Tensor:
        """Average token values over each unit.

        Args:
            values: *Shape:* (B, T) or (B, T, K)

        Returns:
            Zero where there is no unit. *Shape:* (B, U) or (B, U, K)
        """
        sums = _scatter(values, self.index, self.valid.shape[1])
        size = self.size if values.dim() == 2 else self.size[..., None]
        return sums / size

    def to_tokens(self, values: Tensor, other: float = 0.0) -> Tensor:
        """Give every token its unit's value.

        Args:
            values: *Shape:* (B, U)
            other: The value of tokens without a unit.

        Returns:
            *Shape:* (B, T)
        """
        return values.gather(1, self.index.clamp(min=0)).masked_fill(self.index < 0, other)

    def majority(self, tokens: Tensor) -> Tensor:
        """The units of which more than half of the tokens are marked: a mask on tokens as one on units.

        Args:
            tokens: Zeros and ones. *Shape:* (B, T)

        Returns:
            Zeros and ones. *Shape:* (B, U)
        """
        return (self.mean(tokens) > 0.5).float()


def data_size(count: Tensor, least: int = 1) -> int:
    """A size that depends on the data, in a form that an export can follow: `int` would fix that of its example.

    Args:
        count: A whole number. *Shape:* ()
        least: Returned where the number is smaller.
    """
    size = count.clamp(min=least).item()
    torch._check(size >= least)
    return cast("int", size)


def _scatter(values: Tensor, index: Tensor, n_units: int) -> Tensor:
    """Sum values by unit; tokens of no unit fall into a bin that is cut off."""
    target = torch.where(index < 0, n_units, index)
    sums = values.new_zeros(*values.shape[:1], n_units + 1, *values.shape[2:])
    if values.dim() == 3:
        target = target[..., None].expand_as(values)
    return sums.scatter_add(1, target, values)[:, :n_units]


def top_units(units: Units, ranking: Tensor, counts: Tensor) -> Tensor:
    """The units with the highest ranking, exactly as many as asked for.

    Args:
        units: A unit ranks as high as its highest token; of equals the first goes first.
        ranking: Of the tokens, at least 0. *Shape:* (B, T)
        counts: Units to take from each text, or all where it has fewer. *Shape:* (B,)

    Returns:
        Zeros and ones. *Shape:* (B, U)
    """
    best = ranking.new_full((len(ranking), units.valid.shape[1] + 1), -1.0)
    index = torch.where(units.index < 0, units.valid.shape[1], units.index)
    best = best.scatter_reduce(1, index, ranking, reduce="amax")[:, :-1].masked_fill(~units.valid, -1.0)
    order = best.argsort(dim=1, descending=True, stable=True)
    places = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    return ((places < counts[:, None]) & units.valid).float()
