"""FR, folded rationalization: one encoder that selects and predicts.

Liu et al., "FR: Folded Rationalization with a Unified Encoder", NeurIPS 2022.

    H(·) = LayerNorm(encoder(·)),   M = sample(mask head(H(X))),   ŷ = class head(pool(H(X ⊙ M)))
    min over all   CE(p(R), y) + L_s,   R = X ⊙ M

What predicts from rationales has read whole texts too, so it cannot settle for a few trivial patterns that a bad
generator offers (the paper's degeneration). As in the released code the LayerNorm is one for both roles. That code
also weighs the cross-entropy by 0.9, which the paper does not have; so does `as_released`. Adam takes no notice of the
length of a loss, so this is to weigh the constraint by 1/0.9, and with `sampler="budget"` the continuity alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.methods.game import Batch, Losses, Selection
from plmr.methods.options import Options, option
from plmr.methods.rnp import RNP

RELEASED_WEIGHT = 0.9


@dataclass(frozen=True)
class FROptions(Options):
    """Options of FR."""

    as_released: bool = option(False, "Whether the cross-entropy is weighed by 0.9, as in the published code.")


class FR(RNP):
    """RNP's game, played by one encoder in both roles."""

    summary = "folded: one encoder in both roles, so that what predicts has read whole texts too (NeurIPS 2022)"
    n_encoders = 1
    reads_normed = True
    options_class = FROptions
    options: FROptions

    def __init__(self, config: RationaleConfig, encoder: SplitEncoder):
        super().__init__(config, None, encoder)
        self.norm = nn.LayerNorm(encoder.width)

    def modules_of(self) -> dict[str, list[nn.Module]]:
        players = super().modules_of()
        return players | {"predictor": [*players["predictor"], self.norm]}

    def heads(self) -> list[nn.Module]:
        return [*super().heads(), self.norm]

    def read(self, encoder: SplitEncoder, batch: Batch, visible: Tensor | None = None) -> Tensor:
        return self.norm(super().read(encoder, batch, visible))

    def losses_of(self, selection: Selection, batch: Batch) -> Losses:
        losses = dict(super().losses_of(selection, batch))
        if self.options.as_released:
            losses["rationale"] = RELEASED_WEIGHT * losses["rationale"]
        return losses
