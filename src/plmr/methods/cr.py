"""CR: a rationale is what is both sufficient and necessary, word by word.

Zhang et al., "Towards Trustworthy Explanation: On Causal Rationalization", ICML 2023.

    z_t ~ RelaxedBernoulli(m_t, τ),   R = X ⊙ z,   R∖t the same without unit t
    PNS_t = max(0, p(y | R) − p(y | R∖t)),   t one of the units with z_t > 0.8

    min over generator and predictor
        CE(p(R), y) + β KL(Bernoulli(m) ‖ Bernoulli(α)) + μ mean over texts of mean_t −log(1 + PNS_t) + L_c

PNS_t is the lower bound of the probability that unit t is necessary and sufficient: with it the label is told, without
it not. A word that only goes with the reason adds nothing to what the reason says, and its bound is 0. The prior holds
the share, so α stands where the released code has its π, and falls along the library's timeline.

The paper averages the bound over the texts. The released code starts its sum anew with each text of the batch, so that
only the last one counts, and passes no gradient to p(y | R) in it, by which a word would be credited for what it adds;
`as_released` does both. It draws 5% of a text's tokens, each of which is a further pass of the predictor; here it is
a number of passes, whose mean is the same. β is 1 in its scripts; gates of small trainings may stay open then.

Where this differs from both: continuity L_c and the smoothing of scores and noise are the library's, because the
paper has none of its own; scores have no dropout but the mask head's; a soft mask acts as the encoder's masking does
(attention only, there); in evaluation a unit is selected by m and the calibrated threshold, not a fixed number of each
text, and the units left out are then the likeliest.

The predictor never reads a hard rationale before it is evaluated on one, which costs some accuracy: where it is low,
a shorter `sparsity_delay`, or a larger β, is the first thing to try.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from plmr.masking import Units, keep_probability, relaxed
from plmr.methods.game import Batch, Losses, Selection
from plmr.methods.losses import cross_entropy, prior_divergence
from plmr.methods.options import Options, option
from plmr.methods.soft_gates import SoftGates
from plmr.ranges import COUNT, NOT_NEGATIVE, POSITIVE

CERTAIN = 0.8
"""Gate above which a unit counts as selected, and may be left out."""


@dataclass(frozen=True)
class CROptions(Options):
    """Options of CR."""

    prior_weight: float = option(2.0, "β, weight of the divergence of keep probabilities from the share.", NOT_NEGATIVE)
    necessity_weight: float = option(0.1, "μ, weight of the bound on necessity and sufficiency.", NOT_NEGATIVE)
    left_out: int = option(2, "Units of each text that are left out, one at a time, a pass each.", COUNT)
    relaxation: float = option(0.5, "τ, temperature of the relaxed gates.", POSITIVE)
    as_released: bool = option(False, "Whether the bound is that of the last text alone, as in the published code.")


class CR(SoftGates):
    """RNP's game with soft gates and a prior; each selected unit is to be missed."""

    summary = "causal: each selected word is necessary and sufficient, by a bound on both (ICML 2023)"
    even_odds_tell = False
    ignores = frozenset({"sampler", "gumbel_temperature", "score_spread", "sparsity_weight"})
    options_class = CROptions
    options: CROptions

    def gates(self, logits: Tensor, units: Units) -> tuple[Tensor, Callable[[], Tensor]]:
        def draw() -> Tensor:
            return relaxed(self.noisy(logits, units, units.valid), self.options.relaxation)

        return keep_probability(logits), draw

    def losses(self, batch: Batch) -> Losses:
        selection, options = self.select(batch), self.options
        logits = self.predict(batch, selection)
        return {
            "rationale": cross_entropy(logits, batch),
            "necessity": options.necessity_weight * self.necessity_loss(batch, selection, logits),
            **self.constraint_losses(selection, batch),
        }

    def constraint_losses(self, selection: Selection, batch: Batch, prefix: str = "") -> dict[str, Tensor]:
        """The prior in the place of a weight on the share, and the library's continuity."""
        divergence = prior_divergence(selection.score, self.sparsity_now()[-1], batch.units)
        terms = super().constraint_losses(selection, batch, prefix)
        return terms | {f"{prefix}sparsity": self.options.prior_weight * divergence}

    def necessity_loss(self, batch: Batch, selection: Selection, logits: Tensor) -> Tensor:
        """Mean of −log(1 + PNS_t); a text without a selected unit counts 0.

        Args:
            batch: With labels.
            selection: The rationales.
            logits: The predictor's, from them. *Shape:* (B, C)

        Returns:
            *Shape:* ()
        """
        told = likelihood(logits, batch)
        told = told.detach() if self.options.as_released else told
        found, counts = torch.zeros_like(told), torch.zeros_like(told)
        for each, there in zip(*self.missing(selection), strict=True):
            untold = likelihood(self.predict_from(batch, each), batch)
            found = found - (1 + (told - untold).clamp(min=0)).log() * there
            counts = counts + there
        losses = found / counts.clamp(min=1)
        return losses[-1] if self.options.as_released else losses.mean()

    def missing(self, selection: Selection) -> tuple[list[Tensor], list[Tensor]]:
        """Rationales with one selected unit less each, drawn in training, the likeliest first in evaluation.

        Returns:
            Masks, and whether the text had a unit to leave out. *Shape:* each (B, U) and each (B,)
        """
        mask = selection.mask
        rank = torch.rand_like(mask) if self.training else selection.score.detach()
        rank = rank.masked_fill(mask.detach() <= CERTAIN, -1.0)
        ranks, places = rank.topk(min(self.options.left_out, mask.shape[1]), dim=1)
        others = [mask * (1 - F.one_hot(place, mask.shape[1])) for place in places.T]
        return others, list((ranks >= 0).T.to(mask.dtype))


def likelihood(logits: Tensor, batch: Batch) -> Tensor:
    """p(y), of the label: (B, C) to (B,)."""
    return logits.float().softmax(dim=-1).gather(1, batch.targets[:, None])[:, 0]
