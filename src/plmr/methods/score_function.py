"""Learning by trial: masks are drawn unit by unit, and what they cost says how likely each is to be drawn again.

Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning", Machine
Learning 8, 1992 (REINFORCE).

    ∇ E[c(M)] = E[∇ c(M) + (c(M) − b) ∇ log P(M)],   P(M) = Π_u m_u^M_u (1 − m_u)^(1 − M_u)

m are the keep probabilities, and b is any number that does not depend on M: it leaves the mean as it is and makes the
estimate vary less. A drawn mask has no gradient, so the first term is the reader's and the second the generator's.

A budget of K units says that Σ_u m_u = K: a text keeps as many on average. Its log-odds are shifted alike to that end,
and the gradient is that of m with the shift, so it is of the distribution that masks are drawn from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from plmr.masking import Units, expected_budget
from plmr.methods.game import Batch, Selection
from plmr.methods.losses import log_likelihood

NOISE = frozenset({"gumbel_noise", "gumbel_temperature"})
"""Settings that have no say in masks which are drawn."""
MEMORY = 200
"""Batches that a baseline looks back on, as in 3PLAYER's released code."""


def drawn(selection: Selection, units: Units, counts: Tensor | None) -> Selection:
    """The selection, with its mask drawn by the keep probabilities, each unit for itself.

    Args:
        selection: Its keep probabilities.
        units: Which units exist.
        counts: How many units each text is to keep on average, for which its keep probabilities are shifted; None,
            they stay. *Shape:* (B,)
    """
    chances = selection.probabilities
    if counts is not None:
        chances = [*chances[:-1], expected_budget(chances[-1], units.valid, counts)]
    return replace(
        selection, masks=[*selection.masks[:-1], torch.bernoulli(chances[-1].detach())], probabilities=chances
    )


class Baseline(nn.Module):
    """The mean of each cost over past batches: of all of them at first, later the older the less.

    Args:
        n_costs: K.
    """

    mean: Tensor
    """*Shape:* (K,)"""
    count: Tensor
    """Batches seen, at most `MEMORY`. *Shape:* ()"""

    def __init__(self, n_costs: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_costs))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    def forward(self, costs: Tensor) -> Tensor:
        """The means of the batches before this one, which counts from the next one on, in training.

        Args:
            costs: *Shape:* (K, B)

        Returns:
            *Shape:* (K,)
        """
        before = self.mean.clone()
        if self.training:
            self.count += self.count < MEMORY
            self.mean += (costs.detach().mean(dim=1) - self.mean) / self.count
        return before


def on_trial(
    costs: Mapping[str, Tensor], selection: Selection, batch: Batch, baseline: Baseline | None = None
) -> dict[str, Tensor]:
    """Losses whose values are the mean costs, and whose gradients are the estimate above.

    Args:
        costs: What each text's mask costs, by name. *Shape:* each (B,)
        selection: The mask, as `drawn`, with its keep probabilities.
        batch: The texts.
        baseline: Where b comes from, one for each cost; default, b is 0.

    Returns:
        *Shape:* each ()
    """
    each = torch.stack(list(costs.values()))
    expected = baseline(each) if baseline else each.new_zeros(len(costs))
    chance = log_likelihood(selection.score, selection.mask.detach(), batch.units)
    # The difference is zero, and its gradient is that of log P(M).
    trial = (each.detach() - expected[:, None]) * (chance - chance.detach())
    return dict(zip(costs, (each + trial).mean(dim=1), strict=True))
