"""A2I: an attacker shows the predictor what it should not believe.

Liu et al., "Adversarial Cooperative Rationalization: The Risk of Spurious Correlations in Even Clean Datasets",
ICML 2025; A2I is its attack to inform.

    R_a = X ⊙ M_a,   M_a from the attacker
    min over attacker                  CE(p(R_a), ȳ) + L_s(M_a),                                  p given
    min over generator and predictor   CE(p(R), y) + L_s − w min(CE(p(R_a), ȳ), ln C − ln(C − 1)),   M_a given

    CE(p, ȳ) = −log Σ_{c ≠ y} p_c,   of two classes that of the other one: CE(p, 1 − y)

A generator that picks what goes with a label makes it go with the label: the predictor learns from such words even
where the data has no such correlation. The attacker looks for words by which a text would get another label, which are
in the text and no reason for its label; the predictor learns that they tell nothing. It is to be undecided about them,
not to take them for signs of the right label, so each text counts only up to the value where all classes are as likely
as each other: ln 2 of two.

The paper has two classes. Of more, ȳ is any but the right one: the attacker may lead to whichever it likes.
The generator has no part in the last term, whose rationale is the attacker's. In the released code attacker and
generator move in one pass over the data, and predictor and generator in another, in which the predictor learns from
attacks alone; here, as in the paper's objective, it learns from both at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.methods.game import Batch, Losses, Play, Selection
from plmr.methods.options import Options, option
from plmr.methods.rnp import RNP
from plmr.ranges import NOT_NEGATIVE


@dataclass(frozen=True)
class A2IOptions(Options):
    """Options of A2I."""

    attack_weight: float = option(
        1.0, "w, weight of what the predictor learns from the attacker's rationales.", NOT_NEGATIVE
    )


def wrong_cross_entropy(logits: Tensor, batch: Batch) -> Tensor:
    """CE(p, ȳ), how far a text is from being taken for any class but its own, in full precision.

    Args:
        logits: *Shape:* (B, C)
        batch: With labels.

    Returns:
        *Shape:* (B,)
    """
    logits = logits.float()
    wrong = logits.scatter(1, batch.targets[:, None], float("-inf"))
    return logits.logsumexp(dim=-1) - wrong.logsumexp(dim=-1)


class A2I(RNP):
    """RNP, with a second generator that attacks, and a predictor that learns to be undecided about its rationales."""

    summary = "attack to inform: what an attacker finds against the label is taught to tell nothing (ICML 2025)"
    n_encoders = 3
    options_class = A2IOptions
    options: A2IOptions

    def __init__(
        self, config: RationaleConfig, generator: SplitEncoder, predictor: SplitEncoder, attacker: SplitEncoder
    ):
        super().__init__(config, generator, predictor)
        self.attacker = attacker
        self.attacker_mask_head = self.new_mask_head(attacker.width)

    def modules_of(self) -> dict[str, list[nn.Module]]:
        return super().modules_of() | {"attacker": [self.attacker, self.attacker_mask_head]}

    def game(self) -> list[Play]:
        return [Play(("attacker",), self.attacker_losses), *super().game()]

    def attack(self, batch: Batch) -> tuple[Selection, Tensor]:
        """The attacker's selection, and CE(p(R_a), ȳ) of each text, whoever moves for it. *Shape:* (B,)"""
        selection = self.select_by(self.attacker, self.attacker_mask_head, batch)
        return selection, wrong_cross_entropy(self.predict(batch, selection), batch)

    def attacker_losses(self, batch: Batch) -> Losses:
        selection, wrong = self.attack(batch)
        return {"attack": wrong.mean(), **self.constraint_losses(selection, batch, "attack_")}

    def losses(self, batch: Batch) -> Losses:
        """RNP's, and what the predictor learns from an attack sampled anew."""
        classes = self.config.num_labels
        undecided = self.attack(batch)[1].clamp(max=math.log(classes / (classes - 1))).mean()
        return {**super().losses(batch), "attack_told": -self.options.attack_weight * undecided}
