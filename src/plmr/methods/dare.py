"""DARE: rationale and complement have as little to do with each other as can be.

Yue et al., "DARE: Disentanglement-Augmented Rationale Extraction", NeurIPS 2022.

    r = pool(predictor(X ⊙ z)),   c = pool(predictor(X ⊙ (1 − z))),   T_ij = critic(r_i, c_j) > 0
    lower = 1/N Σ_i T_ii − (1/N Σ_i log Σ_j exp T_ij − log N)
    upper = 1/N Σ_i T_ii − 1/N² Σ_ij T_ij

    min over critic                    −lower,                      r and c given
    min over generator and predictor   HardKuma's + β upper,        critic given

Of a word that belongs to the reason and is left behind, the complement still speaks, so the two have information in
common. A critic that tells pairs of one text from pairs of two estimates how much: InfoNCE bounds it from below and
teaches the critic, and the difference of its means bounds it from above and is made small (CLUB, with the critic in
the place of a likelihood).

The released code differs from HardKuma in two ways more: the squared error counts ten times, about as much as
a cross-entropy does, which is the loss here; and the share's constraint is |l0 − α|, whose multiplier can only grow:
`as_released` has it so. The rest is as in HardKuma, gates and multipliers included, and nobody but the mover has
dropout.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch
from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.methods.game import Batch, Losses, Play, Selection
from plmr.methods.hardkuma import HardKuma, HardKumaOptions
from plmr.methods.losses import cross_entropy
from plmr.methods.options import option
from plmr.ranges import NOT_NEGATIVE


@dataclass(frozen=True)
class DAREOptions(HardKumaOptions):
    """Options of DARE: HardKuma's and its own."""

    information_weight: float = option(
        0.01, "β, weight of the information that rationale and complement have in common.", NOT_NEGATIVE
    )
    as_released: bool = option(False, "Whether a share below the one asked for counts as excess, as in its code.")


class Critic(nn.Module):
    """T, how much two states look like those of one text: Softplus(Linear(ReLU(Linear([r; c])))).

    Args:
        width: H.
    """

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1), nn.Softplus())

    def forward(self, rationales: Tensor, complements: Tensor) -> Tensor:
        """Each rationale with each complement: twice (N, H) to (N, N), texts with themselves on the diagonal."""
        shape = len(rationales), len(complements), -1
        pairs = torch.cat([rationales[:, None].expand(shape), complements[None].expand(shape)], dim=-1)
        return self.layers(pairs)[..., 0].float()


def lower_bound(scores: Tensor) -> Tensor:
    """InfoNCE, never more than log N. *Shape:* (N, N) to ()"""
    return scores.diagonal().mean() - (scores.logsumexp(dim=1).mean() - log(len(scores)))


def upper_bound(scores: Tensor) -> Tensor:
    """CLUB. *Shape:* (N, N) to ()"""
    return scores.diagonal().mean() - scores.mean()


class DARE(HardKuma):
    """HardKuma, with a critic that tells what rationale and complement have in common."""

    summary = "disentangled: rationale and complement share little information, by a critic (NeurIPS 2022)"
    options_class = DAREOptions
    options: DAREOptions

    def __init__(self, config: RationaleConfig, generator: SplitEncoder, predictor: SplitEncoder):
        super().__init__(config, generator, predictor)
        self.critic = Critic(predictor.width)

    def modules_of(self) -> dict[str, list[nn.Module]]:
        return super().modules_of() | {"critic": [self.critic]}

    def heads(self) -> list[nn.Module]:
        return [*super().heads(), self.critic]

    def game(self) -> list[Play]:
        return [Play(("critic",), self.critic_losses), *super().game()]

    def both(self, batch: Batch, selection: Selection) -> tuple[Tensor, Tensor]:
        """The predictor's states of the rationales and of the complements. *Shape:* both (B, H)"""
        masks = selection.mask, batch.everything - selection.mask
        rationales, complements = (self.pooled(self.predictor, batch, mask) for mask in masks)
        return rationales, complements

    def critic_losses(self, batch: Batch) -> Losses:
        return {"critic": -lower_bound(self.critic(*self.both(batch, self.select(batch))))}

    def losses(self, batch: Batch) -> Losses:
        """HardKuma's and the upper bound, on a rationale sampled anew."""
        selection = self.select(batch)
        rationales, complements = self.both(batch, selection)
        information = upper_bound(self.critic(rationales, complements))
        return {
            "rationale": cross_entropy(self.class_head(rationales), batch),
            "information": self.options.information_weight * information,
            **self.constraint_losses(selection, batch),
        }

    def excess(self, selection: Selection, batch: Batch) -> Tensor:
        sparsity, continuity = super().excess(selection, batch)
        return torch.stack([sparsity.abs() if self.options.as_released else sparsity, continuity])
