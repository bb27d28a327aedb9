"""HardKuma: gates that are fractions, and a Lagrangian that asks for so many of them and for so few runs.

Bastings, Aziz and Titov, "Interpretable Neural Predictions with Differentiable Binary Variables", ACL 2019.

    z_t ~ HardKuma(a_t, b_t),   k_t = P(z_t > 0),   R = X ⊙ z
    l0    = mean over texts of  1/n Σ_t k_t                                       share that is expected
    lasso = mean over texts of  1/n Σ_t k_t (1 − k_t+1) + (1 − k_t) k_t+1         changes that are expected

    c0 = l0 − α,   c1 = lasso − 2α/r                                              what is in excess
    min over generator and predictor   CE(p(R), y) + λ0 max(0, c0) + λ1 max(0, c1)
    in every batch                     λ_i ← λ_i exp(η c̄_i),   c̄_i the moving average of c_i

A gate is exactly 0 or 1 often enough to be a selection and has a gradient wherever it is neither, so neither REINFORCE
nor a straight-through estimate is needed, and the penalties are expectations without noise. A multiplier grows while
more is selected than asked for, and falls back when it is less: there is no weight to tune.

Where this differs from the paper: its gates read those before them, here they are independent given scores that
are smoothed as in every method. There a gate has two scores, of which both can grow until it rests between 0 and 1;
here their difference is what counts. The share asked for falls along the library's timeline, and the changes follow
from the share and the length r of a run (0.02 at a share of 0.13, as published, is about 13 words). There a multiplier
pulls on below what is asked for until it has fallen, and has tens of thousands of steps from 1e-5 on; one that is fast
enough for a training of some hundred then shuts all the gates for good. Here it pulls only while there is an excess,
starts higher and moves faster; and what the scores of a text have in common counts a tenth, since on a pre-trained
encoder it would open or shut all the gates for good within some twenty steps. In evaluation a unit is selected whole or
not at all, by k and the calibrated threshold; there a gate is 0, 1 or its mean before the stretch, whichever is
likeliest.

The released code moves multipliers and averages whenever a loss is computed, on development and test texts too. Here
they move in training only, and are saved with the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.masking import HardKumaGates, Units, damp_mean, share
from plmr.methods.game import Batch, Selection
from plmr.methods.options import Options, option
from plmr.methods.soft_gates import SoftGates
from plmr.ranges import NOT_NEGATIVE, POSITIVE

COMMON = 0.1
"""Weight of what the scores of a text have in common, `keep_bias` included."""


@dataclass(frozen=True)
class HardKumaOptions(Options):
    """Options of HardKuma."""

    run_length: float = option(10.0, "r, units that a run of the rationale is to hold on average.", POSITIVE)
    multiplier_rate: float = option(0.2, "η, how fast multipliers follow what is in excess.", NOT_NEGATIVE)
    multiplier_least: float = option(0.3, "Where multipliers start, and the least they fall to.", POSITIVE)
    multiplier_most: float = option(5.0, "The most that multipliers grow to.", POSITIVE)


class Lagrangian(nn.Module):
    """Multipliers that follow how far constraints are from being met, in training only.

    Args:
        n: Number of constraints.
        rate: η.
        least: Where multipliers start, and the least they fall to.
        most: The most they grow to.
    """

    multipliers: Tensor
    """λ. *Shape:* (n,)"""
    averages: Tensor
    """c̄, half of it the last batch's. *Shape:* (n,)"""

    def __init__(self, n: int, rate: float, least: float, most: float):
        super().__init__()
        self.rate, self.least, self.most = rate, least, most
        self.register_buffer("multipliers", torch.full((n,), least))
        self.register_buffer("averages", torch.zeros(n))

    def forward(self, excess: Tensor) -> Tensor:
        """The terms of the loss.

        Args:
            excess: By how much each constraint is exceeded, below 0 where it is met. *Shape:* (n,)

        Returns:
            *Shape:* (n,)
        """
        if self.training:
            # New tensors, because the graph of an earlier loss may hold the old ones.
            self.averages = self.averages.lerp(excess.detach(), 0.5)
            moved = self.multipliers * (self.rate * self.averages).exp()
            self.multipliers = moved.clamp(self.least, self.most)
        return self.multipliers * excess.clamp(min=0)


def expected_changes(keep: Tensor, units: Units) -> Tensor:
    """How often neighbours are expected to differ, for each unit of a text, of independent gates.

    Args:
        keep: P(z > 0). *Shape:* (B, U)
        units: Which units exist.

    Returns:
        *Shape:* (B,)
    """
    left, right = keep[:, :-1], keep[:, 1:]
    neighbours = units.valid[:, 1:] & units.valid[:, :-1]
    differ = (left * (1 - right) + (1 - left) * right) * neighbours
    return differ.sum(dim=1) / units.count().clamp(min=1)


class HardKuma(SoftGates):
    """RNP's game, with gates in the place of sampled masks, and multipliers in that of weights."""

    summary = "stretched Kumaraswamy gates, share and runs held by a Lagrangian (ACL 2019)"
    ignores = frozenset(
        "sampler gumbel_temperature gumbel_noise score_spread sparsity_weight continuity_weight constraint_form".split()
    )
    options_class = HardKumaOptions
    options: HardKumaOptions

    def __init__(self, config: RationaleConfig, generator: SplitEncoder, predictor: SplitEncoder):
        super().__init__(config, generator, predictor)
        options = self.options
        self.lagrangian = Lagrangian(2, options.multiplier_rate, options.multiplier_least, options.multiplier_most)

    def gates(self, logits: Tensor, units: Units) -> tuple[Tensor, Callable[[], Tensor]]:
        gates = HardKumaGates.of(damp_mean(logits, units.valid, COMMON))
        return gates.exceeds(0), gates.sample

    def excess(self, selection: Selection, batch: Batch) -> Tensor:
        """By how much the share and the changes exceed what is asked for. *Shape:* (2,)"""
        changes = 2 * self.config.sparsity / self.options.run_length
        found = share(selection.score, batch.units), expected_changes(selection.score, batch.units)
        return torch.stack([found[0].mean() - self.sparsity_now()[-1], found[1].mean() - changes])

    def constraint_losses(self, selection: Selection, batch: Batch, prefix: str = "") -> dict[str, Tensor]:
        sparsity, continuity = self.lagrangian(self.excess(selection, batch))
        return {f"{prefix}sparsity": sparsity, f"{prefix}continuity": continuity}
