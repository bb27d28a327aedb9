"""Gates that are fractions while the players learn: what the methods with them have in common.

    z_u ~ a distribution on [0, 1] by the generator's scores,   R = X ⊙ z      in training
    z_u = 1 where its keep probability exceeds the threshold, else 0           in evaluation

Such a gate has a gradient of its own, so that no straight-through estimate is needed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from torch import Tensor

from plmr.masking import Units
from plmr.methods.rnp import RNP


class SoftGates(RNP):
    """RNP's game, with gates in the place of sampled masks."""

    soft = True

    @abstractmethod
    def gates(self, logits: Tensor, units: Units) -> tuple[Tensor, Callable[[], Tensor]]:
        """The distribution of each unit's gate.

        Args:
            logits: Of dropping and keeping, smoothed. *Shape:* (B, U, 2)
            units: Which units exist; what is said of others does not matter.

        Returns:
            Keep probabilities, and what draws gates. *Shape:* both (B, U)
        """

    def choose(
        self, logits: Tensor, units: Units, step: int = 0, before: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        probability, draw = self.gates(self.smoothed(logits, units, units.valid), units)
        probability = probability * units.valid
        mask = draw() if self.training else self.hard_mask(probability, step)
        return mask * units.valid, probability
