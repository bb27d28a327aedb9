"""RNP, in the form that later papers compare with: two encoders and a Gumbel mask between them.

Lei, Barzilay and Jaakkola, "Rationalizing Neural Predictions", EMNLP 2016; the Gumbel-softmax
re-implementation replaces their REINFORCE.

    min over generator and predictor   CE(p(R), y) + L_s,   R = X ⊙ M
"""

from __future__ import annotations

from plmr.methods.game import Batch, Losses, Play, Selection
from plmr.methods.losses import cross_entropy
from plmr.methods.select_predict import SelectThenPredict


class RNP(SelectThenPredict):
    """Select, then predict, with an encoder each."""

    summary = "plain select-then-predict, one encoder each, Gumbel masks (EMNLP 2016, as re-implemented since)"

    def game(self) -> list[Play]:
        return [Play(("generator", "predictor"), self.losses)]

    def losses(self, batch: Batch) -> Losses:
        return self.losses_of(self.select(batch), batch)

    def losses_of(self, selection: Selection, batch: Batch) -> Losses:
        """The prediction's loss and the constraint of PLMR's equation 3."""
        return {
            "rationale": cross_entropy(self.predict(batch, selection), batch),
            **self.constraint_losses(selection, batch),
        }
