"""MGR: several generators write for one predictor, so that none of them can lead it astray.

Liu et al., "MGR: Multi-generator Based Rationalization", ACL 2023.

    R_i = X ⊙ M_i,   M_i from generator i = 1 .. n
    min over the generators and the predictor   Σ_i CE(p(R_i), y) + L_s(M_i)
    learning rates                              i η of generator i,   η / n of the predictor

A predictor overfits to what its generator shows it, right or wrong, and holds the generator to it. Generators that
start and move differently seldom agree on the same wrong words, but sooner or later on the right ones, which the
predictor then sees most. It sums n losses, hence its rate. Their encoders start alike here, a GRU's too; their mask
heads do not.

In use there is one generator, the first, as slow as in RNP; the others are saved with the model and cost nothing when
it predicts. In training MGR costs about n times as much as RNP. While whole texts are read there is one loss, and the
predictor has its full rate. The released code trebles all the generators' rates, weighs cross-entropies by 0.9 and
tests by default on the mean over all generators; here rates are the paper's, and what is measured is what is used.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.methods.game import Batch, Losses, Play
from plmr.methods.options import Options, option
from plmr.methods.rnp import RNP
from plmr.ranges import COUNT


@dataclass(frozen=True)
class MGROptions(Options):
    """Options of MGR."""

    n_generators: int = option(3, "n, how many generators learn; one of them is used.", COUNT)


class MGR(RNP):
    """RNP's loss once for each of several generators, with a rate each."""

    summary = "several generators at rates of their own share one predictor; one is kept (ACL 2023)"
    options_class = MGROptions
    options: MGROptions

    def __init__(self, config: RationaleConfig, generator: SplitEncoder, predictor: SplitEncoder):
        super().__init__(config, generator, predictor)
        others = range(2, self.options.n_generators + 1)
        self.other_generators = nn.ModuleList(deepcopy(generator) for _ in others)
        self.other_mask_heads = nn.ModuleList(self.new_mask_head(generator.width) for _ in others)
        self.rates = {"predictor": 1 / self.options.n_generators} | {f"generator_{i}": float(i) for i in others}

    def modules_of(self) -> dict[str, list[nn.Module]]:
        others = zip(self.other_generators, self.other_mask_heads, strict=True)
        return super().modules_of() | {f"generator_{i}": list(pair) for i, pair in enumerate(others, start=2)}

    def rate_of(self, player: str) -> float:
        return 1.0 if self.keeps_everything else self.rates.get(player, 1.0)

    def game(self) -> list[Play]:
        return [Play(tuple(self.modules_of()), self.losses)]

    def losses(self, batch: Batch) -> Losses:
        """Each term is a sum over the generators."""
        others = zip(self.other_generators, self.other_mask_heads, strict=True)
        selections = [self.select_by(cast("SplitEncoder", encoder), head, batch) for encoder, head in others]
        each = [self.losses_of(selection, batch) for selection in [self.select(batch), *selections]]
        return {name: torch.stack([losses[name] for losses in each]).sum() for name in each[0]}
