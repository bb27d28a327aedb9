"""Inter-RAT: both players read what they read together with what each label would make of it.

Yue et al., "Interventional Rationalization", EMNLP 2023.

    adjust(h) = [h; c],   c = Σ_k P(k) A_k L_k,   A = softmax_k(h · K_k)
    M = sample(mask head(adjust(generator(X)))),  K = L W        per token
    ŷ = linear(adjust(pool(predictor(X ⊙ M)))),   K = L          per text
    min over generator and predictor   CE(p(R), y) + L_s

The paper takes what confounds a rationale with its label for known once the label is: a dictionary of one vector L_k
for each. Its backdoor adjustment is the mean over the dictionary, each entry by its probability and not by how well
it goes with the text; with the mean taken inside the softmax, an attention to labels is what is left of it, in the
released code as here.

The probabilities P(k) are the shares of the labels in training, counted as they pass, one of each to begin with; they
are saved with the model. The released code has 0.05 and 0.95 written into it, for every corpus, and `as_released` takes
these. Its vectors keep their length in c; here the mask head's LayerNorm is over both halves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.errors import PlmrError
from plmr.methods.game import Batch, Losses, Play
from plmr.methods.options import Options, option
from plmr.methods.parts import ClassHead
from plmr.methods.rnp import RNP

RELEASED_PRIOR = (0.05, 0.95)


@dataclass(frozen=True)
class InterRATOptions(Options):
    """Options of Inter-RAT."""

    as_released: bool = option(False, "Whether the labels' shares are 0.05 and 0.95 and not those of the data.")


class AdjustedHead(ClassHead):
    """A class head that holds the labels' vectors and shares, and reads states with what they add.

    Args:
        width: H.
        n_classes: C.
        dropout: Before the linear map.
        prior: The labels' shares, where they are not those counted.
    """

    counts: Tensor
    """How often each label was seen in training, and once more. *Shape:* (C,)"""

    def __init__(self, width: int, n_classes: int, dropout: float = 0.0, prior: Sequence[float] | None = None):
        super().__init__(2 * width, n_classes, dropout)
        self.prior = prior
        self.labels = nn.Parameter(0.1 * torch.randn(n_classes, width))
        # Whole numbers: half precision would stop counting at 2048.
        self.register_buffer("counts", torch.ones(n_classes, dtype=torch.long))

    def count(self, targets: Tensor) -> None:
        """Note labels seen. *Shape:* (B,)"""
        self.counts += torch.bincount(targets, minlength=len(self.counts))

    def adjust(self, states: Tensor, keys: Tensor) -> Tensor:
        """States and, beside them, the mean of the labels' vectors.

        Args:
            states: *Shape:* (..., H)
            keys: What they are compared with, K. *Shape:* (C, H)

        Returns:
            *Shape:* (..., 2H)
        """
        attention = (states @ keys.T).softmax(dim=-1)
        shares = self.counts / self.counts.sum() if self.prior is None else attention.new_tensor(self.prior)
        return torch.cat([states, (attention * shares.to(attention)) @ self.labels], dim=-1)

    def forward(self, pooled: Tensor) -> Tensor:
        return super().forward(self.adjust(pooled, self.labels))


class InterRAT(RNP):
    """RNP's game, with the labels' vectors beside the states of both players."""

    summary = "interventional: both players read each label's vector as well, by the label's share (EMNLP 2023)"
    options_class = InterRATOptions
    options: InterRATOptions
    class_head: AdjustedHead

    def __init__(self, config: RationaleConfig, generator: SplitEncoder, predictor: SplitEncoder):
        super().__init__(config, generator, predictor)
        if self.options.as_released and config.num_labels != len(RELEASED_PRIOR):
            raise PlmrError(
                f"as_released has the shares of two labels, {RELEASED_PRIOR}; this model has {config.num_labels}. "
                "Leave it out, shares are counted then."
            )
        self.label_keys = nn.Linear(predictor.width, predictor.width, bias=False)

    def new_mask_head(self, width: int) -> nn.Module:
        return super().new_mask_head(2 * width)

    def new_class_head(self, encoder: SplitEncoder) -> AdjustedHead:
        config, prior = self.config, RELEASED_PRIOR if self.options.as_released else None
        return AdjustedHead(encoder.width, config.num_labels, config.class_head_dropout, prior)

    def modules_of(self) -> dict[str, list[nn.Module]]:
        """The labels' vectors, which both read, are the predictor's; what compares them with tokens is not."""
        players = super().modules_of()
        return players | {"generator": [*players["generator"], self.label_keys]}

    def heads(self) -> list[nn.Module]:
        return [*super().heads(), self.label_keys]

    def losses_in(self, play: Play, batch: Batch) -> Losses:
        """As ever, in one play a batch, whose labels count from the next one on; those read in the warm-up do too."""
        losses = super().losses_in(play, batch)
        if self.training:
            self.class_head.count(batch.targets)
        return losses

    def scores(self, hidden: Tensor) -> Tensor:
        keys = self.label_keys(self.class_head.labels)
        return super().scores(self.class_head.adjust(hidden, keys))
