"""Pruning that saves work: blocks run on the tokens that are left, with the numbers of the full text.

`drop`
    The visible tokens are gathered to the front and the rest is not computed.
`zero`
    Pruned tokens all send the same key and value. One null token stands for r of them, and counts r times in
    the softmax: an attention logit raised by log r.

A place is where a token of the gathered text comes from in the full one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plmr.encoders.base import SplitEncoder
from plmr.masking.units import data_size


@dataclass(frozen=True)
class Places:
    """Where the visible tokens of a batch stand; V is the largest number of them in a text, at least 1.

    Attributes:
        index: Positions of the visible tokens in their order, then of others. *Shape:* (B, V)
        real: Which entries of `index` are visible tokens. *Shape:* (B, V)
    """

    index: Tensor
    real: Tensor

    @classmethod
    def of(cls, visible: Tensor) -> Places:
        """Find the visible tokens.

        Args:
            visible: *Shape:* (B, T)
        """
        counts = visible.sum(dim=1)
        # An export cannot tell whether a width of 1 is meant to broadcast.
        width = data_size(counts.max(), least=2 if torch.compiler.is_compiling() else 1)
        torch._check(width <= visible.shape[1])
        # A stable sort of zeros and ones by counting, because ONNX knows no stable sort.
        positions = torch.arange(visible.shape[1], device=visible.device).expand_as(visible)
        rank = visible.cumsum(dim=1)
        place = torch.where(visible, rank - 1, counts[:, None] + positions - rank)
        index = torch.zeros_like(place).scatter(1, place, positions)[:, :width]
        return cls(index, torch.arange(width, device=visible.device) < counts[:, None])

    def gather(self, values: Tensor) -> Tensor:
        """(B, T, H) to (B, V, H)."""
        return values.gather(1, self.index[..., None].expand(-1, -1, values.shape[2]))

    def scatter(self, values: Tensor, elsewhere: Tensor) -> Tensor:
        """(B, V, H) to (B, T, H), over what is to stand elsewhere, broadcastable to (B, T, H)."""
        index = self.index[..., None].expand_as(values)
        return elsewhere.scatter(1, index, torch.where(self.real[..., None], values, elsewhere.gather(1, index)))


def run_dropped(
    encoder: SplitEncoder, hidden: Tensor, blocks: range, attention_mask: Tensor, visible: Tensor
) -> Tensor:
    """Run blocks on the visible tokens alone.

    Args:
        encoder: Its blocks are run.
        hidden: *Shape:* (B, T, H)
        blocks: Which blocks.
        attention_mask: False = padding. *Shape:* (B, T)
        visible: *Shape:* (B, T)

    Returns:
        Zero at the pruned tokens. *Shape:* (B, T, H)
    """
    places = Places.of(attention_mask.bool() & (visible > 0))
    attended = places.real.clone()
    attended[:, 0] = True  # a text without a visible token would divide by zero; its output is zeroed below
    run = encoder.run(places.gather(hidden), blocks, attended, positions=places.index)
    return places.scatter(run, torch.zeros_like(hidden))


def run_zeroed(encoder: SplitEncoder, hidden: Tensor, blocks: range, attention_mask: Tensor, visible: Tensor) -> Tensor:
    """Run blocks on the visible tokens and one null token for all the pruned ones.

    Args:
        encoder: One whose `null_token_fails` is None.
        hidden, blocks, attention_mask, visible: As in `run_dropped`.

    Returns:
        At every pruned token what became of the null token, as in the full text. *Shape:* (B, T, H)
    """
    if not blocks:
        return hidden
    real = attention_mask.bool()
    shown = real & (visible > 0)
    places = Places.of(shown)
    pruned = (real & ~shown).sum(dim=1, keepdim=True)
    multiplicity = torch.cat([places.real, pruned], dim=1).to(hidden.dtype)
    multiplicity[:, 0].clamp_(min=torch.finfo(hidden.dtype).tiny)  # as above, for texts of padding alone
    null = hidden.new_zeros(hidden.shape[0], 1, hidden.shape[2])
    states = places.gather(hidden)
    for block in blocks:
        states = torch.cat([states * places.real[..., None], null], dim=1)
        states = encoder.run(states, range(block, block + 1), multiplicity > 0, keep=multiplicity)
        states, spent = states[:, :-1], states[:, -1:]
    return places.scatter(states, spent.repeat(1, hidden.shape[1], 1))
