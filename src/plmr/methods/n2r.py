"""N2R: a rationale is what the predictor has a long state for.

Liu et al., "Exploring Practical Gaps in Using Cross Entropy to Implement Maximum Mutual Information Criterion for
Rationalization", TACL 2025; N2R is its norm to rationale.

    min over generator and predictor   CE(p(R), y) + L_s
    min over generator                 −w log(‖h(R)‖₂ + ε) + L_s,   h the predictor's pooled state, given

Once a part of the reason is found the label can be told, cross-entropy is flat, and nothing asks for the rest of it. A
network has weights for what it has learned to use, which makes the states of such words longer than those of others;
their length goes on rewarding the words that are missing. The generator moves twice in a batch, and L_s holds it each
time, as in the paper.

The norm is that of the mean over the selected tokens, which the class head reads; the released code takes a maximum
over the states of a GRU. BERT and its kin end with a LayerNorm, so that the states of all tokens are about as long as
each other, and their mean is the longer the more alike they are: there the norm also asks for words that the predictor
takes for the same, and says less than behind a GRU. The released code has ε = 1 by default, against which short norms
count for less; the formula, with a small one, is the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass

from plmr.methods.game import Batch, Losses, Play
from plmr.methods.options import Options, option
from plmr.methods.rnp import RNP
from plmr.ranges import NOT_NEGATIVE, POSITIVE


@dataclass(frozen=True)
class N2ROptions(Options):
    """Options of N2R."""

    norm_weight: float = option(1.0, "w, weight of the norm of the rationale's state.", NOT_NEGATIVE)
    norm_epsilon: float = option(1e-6, "ε, added to the norm before its logarithm.", POSITIVE)


class N2R(RNP):
    """RNP, and a second move of the generator, towards rationales of a long state."""

    summary = "norm to rationale: the generator also seeks words for which the predictor's state is long (TACL 2025)"
    options_class = N2ROptions
    options: N2ROptions

    def game(self) -> list[Play]:
        return [*super().game(), Play(("generator",), self.norm_losses)]

    def norm_losses(self, batch: Batch) -> Losses:
        """The second objective, on a rationale sampled anew."""
        selection, options = self.select(batch), self.options
        norm = self.pooled(self.predictor, batch, selection.mask).float().norm(dim=-1)
        length = (norm + options.norm_epsilon).log().mean()
        return {"norm": -options.norm_weight * length, **self.constraint_losses(selection, batch, "norm_")}
