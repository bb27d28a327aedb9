"""RNP as first published: masks are drawn word by word, and the generator learns from what they cost.

Lei, Barzilay and Jaakkola, "Rationalizing Neural Predictions", EMNLP 2016.

    min over generator and predictor   E[c(M)],   c = CE(p(R), y) + L_s,   R = X ⊙ M,   M ~ Bernoulli(m) unit by unit

Each text answers for its own mask: c is its loss with the constraint on its own share and its own breaks, and the
gradient for the generator is the score function's (`score_function.py`). It is right in the mean and varies much,
where the Gumbel form of RNP varies less and is only about right; expect it to need more texts or more epochs.

The paper subtracts no baseline, nor does this by default; the option does, which is what most later work means by
REINFORCE. The paper's sequential form, in which a choice depends on those before it, is not here. Its loss is a
squared error on ratings, and its constraint counts kept words without a share to aim at; both are the library's here.
With `sampler="budget"` each text keeps as many units as asked for on average, drawn one by one all the same, and λ1 has
no say in it; in evaluation the likeliest are exactly that many, as in every method. The released code also weighs both
players' losses by 10 and lets padding count in the constraint, and evaluates on drawn masks; none of it is reproduced.
"""

from __future__ import annotations

from dataclasses import dataclass

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.methods.game import Batch, Losses, Selection
from plmr.methods.losses import cross_entropies
from plmr.methods.options import Options, option
from plmr.methods.rnp import RNP
from plmr.methods.score_function import NOISE, Baseline, drawn, on_trial


@dataclass(frozen=True)
class RNPReinforceOptions(Options):
    """Options of RNP with REINFORCE."""

    baseline: bool = option(
        False, "Whether the costs of past batches are subtracted, so that the estimate varies less."
    )


class RNPReinforce(RNP):
    """RNP's game, with masks drawn unit by unit and the score function's gradient."""

    summary = "RNP with its own estimator: words drawn one by one, REINFORCE without a baseline (EMNLP 2016)"
    ignores = NOISE
    options_class = RNPReinforceOptions
    options: RNPReinforceOptions

    def __init__(self, config: RationaleConfig, generator: SplitEncoder, predictor: SplitEncoder):
        super().__init__(config, generator, predictor)
        self.baseline = Baseline(3) if self.options.baseline else None

    def select(self, batch: Batch) -> Selection:
        selection = super().select(batch)
        if not self.training:
            return selection
        return drawn(selection, batch.units, self.budget(batch.units))

    def losses(self, batch: Batch) -> Losses:
        """c, term by term."""
        selection = self.select(batch)
        costs = {
            "rationale": cross_entropies(self.predict(batch, selection), batch),
            **self.constraint_costs(selection, batch),
        }
        return on_trial(costs, selection, batch, self.baseline)
