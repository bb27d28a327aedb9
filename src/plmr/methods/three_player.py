"""3PLAYER: a rationale leaves nothing behind from which the label could be told.

Yu et al., "Rethinking Cooperative Rationalization: Introspective Extraction and Complement Control", EMNLP 2019.

    min over complement predictor          L_c = CE(c(C), y),                                 C = X − R given
    min over generator and predictor       L_p + w max(0, L_p − L_c + h) + L_s,   L_p = CE(p(R), y),   c given

Generator and predictor can agree on a code, such as a comma for one label and a full stop for the other. The reason
is then still in the complement, where the third player finds it; the generator has to take it into the rationale. The
hinge ends the chase: a complement from which the label cannot be told is to be left alone, not made to mislead c.

Where this differs from the paper: masks are sampled by Gumbel-softmax and the generator learns through the players
at rest, as in most methods here, and not by REINFORCE; sparsity and continuity are the library's and not hinges of
their own; the generator has no classifier built in (the paper's introspective form). The hinge reaches the predictor
as well, whose gradient of L_p it makes longer but does not turn.

With `reinforce` the generator learns as in the released code, by REINFORCE with a baseline, from differences of
accuracy in place of the hinge; generator and predictor, in one play, then lose

    L_p (the predictor)   and   E[1 − a_p + w (a_c − a_p) + L_s] (the generator),   M ~ Bernoulli(m) unit by unit

where a is 1 for a text whose label is told and 0 for another, and L_s is of each text alone. That code has 0.1 and 1.2
for the weights 1 and w, aims at 8 words and 4 breaks, adds the terms up over texts and tokens, and draws one mask in
twenty by even odds; here all that is the library's.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.methods.game import Batch, Losses, Play, Selection
from plmr.methods.losses import cross_entropy, mistakes
from plmr.methods.options import Options, option
from plmr.methods.score_function import NOISE, Baseline, drawn, on_trial
from plmr.methods.select_predict import SelectThenPredict
from plmr.ranges import NOT_NEGATIVE


@dataclass(frozen=True)
class ThreePlayerOptions(Options):
    """Options of 3PLAYER."""

    complement_weight: float = option(1.0, "w, weight of what the complement must not tell.", NOT_NEGATIVE)
    complement_margin: float = option(
        0.5, "h, by how much the loss on complements is to exceed that on rationales, in nats.", NOT_NEGATIVE
    )
    reinforce: bool = option(
        False, "Whether the generator learns by REINFORCE from differences of accuracy, without a margin."
    )


class ThreePlayer(SelectThenPredict):
    """A second predictor reads what was left out; the generator leaves it nothing to find."""

    summary = "a third player reads the complement, which must not tell the label (EMNLP 2019)"
    n_encoders = 3
    options_class = ThreePlayerOptions
    options: ThreePlayerOptions

    def __init__(
        self, config: RationaleConfig, generator: SplitEncoder, predictor: SplitEncoder, complement: SplitEncoder
    ):
        super().__init__(config, generator, predictor)
        self.complement = complement
        self.complement_head = self.new_class_head(complement)
        self.baseline = Baseline(3) if self.options.reinforce else None

    @classmethod
    def idle_with(cls, options: Options) -> frozenset[str]:
        assert isinstance(options, ThreePlayerOptions)
        return NOISE | {"complement_margin"} if options.reinforce else cls.ignores

    def modules_of(self) -> dict[str, list[nn.Module]]:
        return super().modules_of() | {"complement": [self.complement, self.complement_head]}

    def game(self) -> list[Play]:
        joint = self.trial_losses if self.options.reinforce else self.losses
        return [Play(("complement",), self.complement_losses), Play(("generator", "predictor"), joint)]

    def select(self, batch: Batch) -> Selection:
        selection = super().select(batch)
        if not (self.options.reinforce and self.training):
            return selection
        return drawn(selection, batch.units, self.budget(batch.units))

    def predict_rest(self, batch: Batch, selection: Selection) -> Tensor:
        """The third player's logits, from the complement. *Shape:* (B, C)"""
        rest = batch.everything - selection.mask
        return self.classify(self.complement, self.complement_head, batch, rest)

    def complement_losses(self, batch: Batch) -> Losses:
        return {"complement": cross_entropy(self.predict_rest(batch, self.select(batch)), batch)}

    def losses(self, batch: Batch) -> Losses:
        """The second objective, on a rationale sampled anew."""
        selection, options = self.select(batch), self.options
        rationale = cross_entropy(self.predict(batch, selection), batch)
        rest = cross_entropy(self.predict_rest(batch, selection), batch)
        hinge = (rationale - rest + options.complement_margin).clamp(min=0)
        weighted = options.complement_weight * hinge
        return {"rationale": rationale, "hinge": weighted, **self.constraint_losses(selection, batch)}

    def trial_losses(self, batch: Batch) -> Losses:
        """The released code's, with the reward as a cost."""
        selection = self.select(batch)
        logits = self.predict(batch, selection)
        wrong, rest_wrong = mistakes(logits, batch), mistakes(self.predict_rest(batch, selection), batch)
        found = wrong + self.options.complement_weight * (wrong - rest_wrong)
        costs = {"mistakes": found, **self.constraint_costs(selection, batch)}
        return {"rationale": cross_entropy(logits, batch), **on_trial(costs, selection, batch, self.baseline)}
