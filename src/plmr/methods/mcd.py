"""MCD: a rationale is what makes the rest of the text independent of the label.

Liu et al., "D-Separation for Causal Self-Explanation", NeurIPS 2023.

    min over predictor   CE(p(R), y) + CE(p(X), y),        R given
    min over generator   w KL(p(X) ‖ p(R)) + L_s,          p given

If R is a minimal set of words that d-separates the label from the rest of X, then P(Y | X) = P(Y | R). The paper
thus asks the generator for as little divergence as it can reach within L_s, in place of as much information about
the label as possible, which words that merely correlate with it have too.

The two objectives are the paper's, one play each, as `two_steps.py` has them, with what the released code does
otherwise. The predictor judges without dropout: the divergence is 0 where R is X.

The generator learns from p(X) alone, so it needs a predictor that has understood whole texts by the start: where
rationales miss, a longer `sparsity_delay` is the first thing to try. On BERT, where learning both at once was unstable,
the authors take p(X) from a classifier of its own, trained before and fixed; here p is one predictor on every encoder.
"""

from __future__ import annotations

from dataclasses import dataclass

from plmr.methods.game import Batch, Losses
from plmr.methods.losses import cross_entropy, kl_divergence
from plmr.methods.options import option
from plmr.methods.two_steps import TwoStepOptions, TwoSteps
from plmr.ranges import NOT_NEGATIVE


@dataclass(frozen=True)
class MCDOptions(TwoStepOptions):
    """Options of MCD."""

    kl_weight: float = option(1.0, "w, weight of the divergence of p(R) from p(X).", NOT_NEGATIVE)


class MCD(TwoSteps):
    """The predictor learns from rationales and texts; the generator makes them say the same to it."""

    summary = "minimum conditional dependence: a rationale says to the predictor what the text says (NeurIPS 2023)"
    options_class = MCDOptions
    options: MCDOptions

    def predictor_losses(self, batch: Batch) -> Losses:
        """The first objective; one predictor reads both."""
        selection = self.select(batch)
        return {
            "rationale": cross_entropy(self.predict(batch, selection), batch),
            "full_text": cross_entropy(self.predict_full_text(batch, selection), batch),
        }

    def generator_losses(self, batch: Batch) -> Losses:
        """The second objective, on a rationale sampled anew."""
        selection = self.select(batch)
        divergence = kl_divergence(self.predict_full_text(batch, selection), self.predict(batch, selection))
        return {"divergence": self.options.kl_weight * divergence, **self.constraint_losses(selection, batch)}
