"""MRD: a rationale is what the text cannot do without.

Liu et al., "Is the MMI Criterion Necessary for Interpretability? Degenerating Non-causal Features to Plain Noise for
Self-Rationalization", NeurIPS 2024.

    min over predictor   CE(p(X), y) + CE(p(C), y) + CE(p(R), y),   R and C = X − R given
    min over generator   −w KL(p(X) ‖ p(C)) + L_s,                  p given

Criteria that score the rationale reward any word from which the label can be guessed a little, so that a generator on
its way to the reason may settle for one. To take away a word that merely correlates with the label changes as little
as to take away noise: while the reason is still there, it says all that such a word says.

CE(p(R), y) is not in the paper. Its predictor learns from texts and complements only, and the released code reports
accuracy on rationales, which that predictor has never read; here it learns from what it is used for. The generator
has no part in that loss: what it is rewarded for is the paper's. What the released code does otherwise in its two steps
is in `two_steps.py`.

The divergence has no upper bound. What holds it is that the predictor learns from complements too: one that is wrong
about them, and sure, is corrected in the same batch.

The divergence is flat where it is least. A generator that begins with a predictor that has not understood whole texts
may leave the reason in the complement, and nothing draws it out again: of 19 small trainings with a start of a quarter
(`sparsity_delay`) two ended like that, and none of three with 0.4, two of which had failed before.

Complements from which the label cannot be told teach the predictor to guess, which costs some accuracy on rationales;
it needs time with short ones, so where accuracy is low more epochs are the first thing to try. A judge of texts and
complements apart from the reader of rationales would be no cure: in small trainings it often knew too little at the
start, and the generator then found nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from plmr.methods.game import Batch, Losses
from plmr.methods.losses import cross_entropy, kl_divergence
from plmr.methods.options import option
from plmr.methods.two_steps import TwoStepOptions, TwoSteps
from plmr.ranges import NOT_NEGATIVE


@dataclass(frozen=True)
class MRDOptions(TwoStepOptions):
    """Options of MRD."""

    remaining_weight: float = option(
        1.0, "w, weight of the divergence of p(C), from the remaining text, from p(X).", NOT_NEGATIVE
    )


class MRD(TwoSteps):
    """The predictor learns from texts, complements and rationales; the generator makes the complement say the least."""

    summary = "maximum remaining discrepancy: without its rationale, a text says something else (NeurIPS 2024)"
    options_class = MRDOptions
    options: MRDOptions

    def predictor_losses(self, batch: Batch) -> Losses:
        """The first objective; one predictor reads all three."""
        selection = self.select(batch)
        rest = self.predict_from(batch, batch.everything - selection.mask)
        return {
            "rationale": cross_entropy(self.predict(batch, selection), batch),
            "full_text": cross_entropy(self.predict_full_text(batch, selection), batch),
            "complement": cross_entropy(rest, batch),
        }

    def generator_losses(self, batch: Batch) -> Losses:
        """The second objective, on a rationale sampled anew."""
        selection = self.select(batch)
        rest = self.predict_from(batch, batch.everything - selection.mask)
        discrepancy = kl_divergence(self.predict_full_text(batch, selection), rest)
        return {"discrepancy": -self.options.remaining_weight * discrepancy, **self.constraint_losses(selection, batch)}
