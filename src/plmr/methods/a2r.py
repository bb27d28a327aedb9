"""A2R: the generator learns from a reader of its soft attention, and the reader of rationales has to agree with it.

Yu, Zhang, Chang and Jaakkola, "Understanding Interlocking Dynamics of Cooperative Rationalization", NeurIPS 2021.

    a = softmax_u(log-odds of keeping u),   s(X) = soft head(Σ_u a_u predictor(X)_u),   p(R) the predictor as ever

    min over predictor and soft head   CE(s(X), y) + CE(p(R), y),             a and R given
    min over generator                 CE(s(X), y) + w JS(p(R), s(X)) + L_s,  s and p given

Where a generator is rewarded only for what it selects, a predictor that has got used to a poor selection likes every
other less, and both are locked in. Attention has no such choice to make: it sees all units, and moves its weight to
those that tell more. The selection follows, since it is made of the same log-odds. What is predicted with in the end
is p(R), which reads nothing but the rationale; the soft head is for training alone.

As in the released code one encoder serves both heads. Where this differs from both: units are words or subwords, where
that code picks one sentence of a beer review, and a selection is sampled as in every method here, so that JS reaches
the generator through the mask and through the attention.

With `as_released` the agreement is the released code's: KL(p ‖ s) + KL(s ‖ p), which moves the predictor and its heads
in place of the generator. That code also learns by REINFORCE from the hard head in the second part of its training,
draws one sentence in five evenly, and lets the players move in turn from batch to batch; that is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.masking.samplers import KEEP
from plmr.methods.game import Batch, Losses, Play, Selection
from plmr.methods.losses import cross_entropy, js_divergence, kl_divergence
from plmr.methods.options import Options, option
from plmr.methods.parts import attended, attention_of
from plmr.methods.select_predict import SelectThenPredict
from plmr.ranges import NOT_NEGATIVE


@dataclass(frozen=True)
class A2ROptions(Options):
    """Options of A2R."""

    gap_weight: float = option(1.0, "w, weight of the divergence between the answers of both heads.", NOT_NEGATIVE)
    as_released: bool = option(
        False, "Whether the divergence is a symmetric KL that moves the predictor, and not JS for the generator."
    )


class A2R(SelectThenPredict):
    """A second head reads what the generator attends to, and teaches it; the first reads rationales."""

    summary = "attention to rationale: the generator learns from a reader of its soft attention (NeurIPS 2021)"
    options_class = A2ROptions
    options: A2ROptions

    def __init__(self, config: RationaleConfig, generator: SplitEncoder, predictor: SplitEncoder):
        super().__init__(config, generator, predictor)
        self.soft_head = self.new_class_head(predictor)

    def modules_of(self) -> dict[str, list[nn.Module]]:
        """The soft head is a player of its own: while whole texts are read it has nothing to learn from."""
        return super().modules_of() | {"soft_predictor": [self.soft_head]}

    def game(self) -> list[Play]:
        return [
            Play(("predictor", "soft_predictor"), self.predictor_losses),
            Play(("generator",), self.generator_losses),
        ]

    def attention(self, batch: Batch, selection: Selection) -> Tensor:
        """a, as the generator attends to the units it has chosen from. *Shape:* (B, U)"""
        assert selection.hidden is not None
        # Not from keep probabilities: where a budget keeps nearly all, those of the likeliest units are 1, and alike.
        logits = self.scored(self.scores(selection.hidden), batch.units, batch.units.valid)
        return attention_of(logits[..., KEEP] - logits[..., 1 - KEEP], batch.units)

    def predict_softly(self, batch: Batch, selection: Selection) -> Tensor:
        """s(X), from the whole text as the generator attends to it. *Shape:* (B, C)"""
        everything = batch.units.to_tokens(batch.everything)
        hidden = self.read(self.predictor, batch, everything + batch.anchor)
        return self.soft_head(attended(hidden, self.attention(batch, selection), batch.units))

    def predictor_losses(self, batch: Batch) -> Losses:
        """The first objective; one encoder reads for both heads."""
        selection = self.select(batch)
        hard, soft = self.predict(batch, selection), self.predict_softly(batch, selection)
        losses = {"rationale": cross_entropy(hard, batch), "attention": cross_entropy(soft, batch)}
        if self.options.as_released:
            gap = kl_divergence(hard, soft) + kl_divergence(soft, hard)
            losses["gap"] = self.options.gap_weight * gap
        return losses

    def generator_losses(self, batch: Batch) -> Losses:
        """The second objective, on a rationale sampled anew."""
        selection = self.select(batch)
        soft = self.predict_softly(batch, selection)
        losses = {"attended": cross_entropy(soft, batch)}
        if not self.options.as_released:
            losses["gap"] = self.options.gap_weight * js_divergence(self.predict(batch, selection), soft)
        return losses | self.constraint_losses(selection, batch)
