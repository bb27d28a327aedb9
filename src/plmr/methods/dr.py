"""DR: the less a predictor is shown, the more slowly it learns.

Liu et al., "Decoupled Rationalization with Asymmetric Learning Rates: A Flexible Lipschitz Restraint", KDD 2023.

    min over generator and predictor   CE(p(R), y) + L_s,   as in RNP
    learning rate of the predictor     η max(s_min, s),     s the share of the batch that is selected
    learning rate of the generator     η

A predictor that has overfitted to poor early rationales changes its answer with a few words (its Lipschitz constant
is large), and the generator then has no reason to look for others. One that learns more slowly keeps that constant
small, and the generator has the time to find what tells the label in most texts.

While whole texts are read the share is 1, and both learn as in RNP; with the share asked for, the predictor's rate
falls. Where a batch is read in parts, the share is that of the last one. The released code also takes the full rate
for a batch of which nothing is selected; here that is the least rate, as the formula has it. With AdamW the decay of
the weights slows down with the rate.
"""

from __future__ import annotations

from dataclasses import dataclass

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.methods.game import Batch, Losses, Selection
from plmr.methods.options import Options, option
from plmr.methods.rnp import RNP
from plmr.ranges import Range


@dataclass(frozen=True)
class DROptions(Options):
    """Options of DR."""

    least_rate: float = option(
        0.05,
        "s_min, the least that the predictor's learning rate is multiplied by.",
        Range("a factor above 0 and up to 1", lambda factor: 0 < factor <= 1),
    )


class DR(RNP):
    """RNP, with a predictor whose learning rate is in proportion to what it reads."""

    summary = "decoupled: the predictor learns as much more slowly as it reads less of a text (KDD 2023)"
    options_class = DROptions
    options: DROptions

    def __init__(self, config: RationaleConfig, generator: SplitEncoder, predictor: SplitEncoder):
        super().__init__(config, generator, predictor)
        self.share = 1.0

    def losses_of(self, selection: Selection, batch: Batch) -> Losses:
        self.share = (selection.mask.detach().sum() / batch.units.valid.sum().clamp(min=1)).item()
        return super().losses_of(selection, batch)

    def rate_of(self, player: str) -> float:
        if player != "predictor" or self.keeps_everything:
            return 1.0
        return max(self.options.least_rate, self.share)
