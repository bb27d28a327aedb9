"""HardKuma gates: fractions that are exactly 0 or exactly 1 with a probability in closed form, and have a gradient.

    k ~ Kumaraswamy(a, b),   F(k) = 1 − (1 − k^a)^b on (0, 1)
    s = −0.1 + 1.2 k,        z = min(1, max(0, s))

What the stretch pushes beyond 0 and 1 is rectified to them. Bastings, Aziz and Titov, "Interpretable Neural Predictions
with Differentiable Binary Variables", ACL 2019, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch
import torch.nn.functional as F
from torch import Tensor

from plmr.masking.samplers import KEEP

LOW, HIGH = -0.1, 1.1
"""Between what the gates are stretched."""
_SHAPES = 1e-6, 100.0
_DRAWS = 1e-3, 1 - 1e-3


@dataclass(frozen=True)
class HardKumaGates:
    """Independent gates.

    Attributes:
        a: Shape towards 1, from 1e-6 to 100, beyond which samples are no numbers. *Shape:* (B, U)
        b: Shape towards 0, alike. *Shape:* (B, U)
    """

    a: Tensor
    b: Tensor

    @classmethod
    def of(cls, logits: Tensor) -> HardKumaGates:
        """Gates whose shapes are the softplus of two numbers each.

        Args:
            logits: Drop and keep. *Shape:* (B, U, 2)
        """
        shapes = F.softplus(logits.float()).clamp(*_SHAPES)
        return cls(a=shapes[..., KEEP], b=shapes[..., 1 - KEEP])

    def exceeds(self, level: float) -> Tensor:
        """P(s > level): of z being more than 0 at level 0, and of its being 1 at level 1. *Shape:* (B, U)"""
        # 1 − F(k), by logarithms: at the ends of the shapes, the powers are no longer told from 0 and 1.
        k = (level - LOW) / (HIGH - LOW)
        return (self.b * (-torch.expm1(self.a * log(k))).log()).exp()

    def sample(self) -> Tensor:
        """Draws of z, with the gradient of both shapes where they are neither 0 nor 1. *Shape:* (B, U)"""
        return self.at(torch.empty_like(self.a).uniform_(*_DRAWS))

    def at(self, u: Tensor) -> Tensor:
        """z at the quantiles u of the distribution, which are between 0 and 1. *Shape:* both (B, U)"""
        k = ((-torch.expm1(torch.log1p(-u) / self.b)).log() / self.a).exp()
        return (LOW + (HIGH - LOW) * k).clamp(0, 1)
