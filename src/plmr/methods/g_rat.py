"""G-RAT: a guider that pays attention to whole texts shows the generator where to look at first.

Hu and Yu, "Learning Robust Rationales for Model Explainability: A Guidance-Based Approach", AAAI 2024.

    a = softmax_u(score(guider(X)) + |N(0, σ²)|),   q(X) = class head(Σ_u a_u guider(X)_u),   noise in learning only
    g_u = min(1, a_u / (1/n + 1/(n + 1))),   n units in the text

    stage guider   min over guider                    CE(q(X), y)
    game           min over guider                    CE(q(X), y)
                   min over generator and predictor   CE(p(R), y) + w_g f BCE(g, m) + w_a (1 − f) JS(p(R), q(X)) + L_s
                   m the keep probabilities, q and g given,   f from 1 to 0

A generator that starts at random is followed by its predictor, and both may settle on words that only happen to do.
The guider's attention is a first idea of the reason; under the noise, only words that stand out by more than it count.
As f falls, the generator is left to itself, and what remains of the guidance is that the label is told from rationales
as from texts.

Where this differs from the released code: JS is the Jensen-Shannon divergence, not its relative with both arguments
exchanged, which is that of `as_released`; padding and special tokens have no part in attention and BCE; BCE is on the
keep probability, of which that code takes one of two logits for its log-odds; f falls over a share of the training, not
by a step for each batch, which would tie it to the size of the corpus; the LayerNorm that both players share there is
FR's idea, and left to it.

In the guider's stage the predictor learns from whole texts, as in DAR. A stage that ends before the start leaves the
guider at rest until then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.masking import Units
from plmr.methods.game import Batch, Losses, Play
from plmr.methods.losses import cross_entropy, js_divergence, keep_cross_entropy
from plmr.methods.options import Options, option
from plmr.methods.parts import attended, attention_of
from plmr.methods.rnp import RNP
from plmr.ranges import NOT_NEGATIVE, PART_OF_TRAINING


@dataclass(frozen=True)
class GRATOptions(Options):
    """Options of G-RAT."""

    guider_share: float = option(
        0.25, "Share of the training in which the guider learns before the game.", PART_OF_TRAINING
    )
    guider_noise: float = option(1.0, "σ, noise on the guider's attention while it learns.", NOT_NEGATIVE)
    guidance_weight: float = option(10.0, "w_g, weight of the guider's attention for the generator.", NOT_NEGATIVE)
    guidance_span: float = option(
        0.5, "Share of the training, from the start of the game, in which f falls to 0.", PART_OF_TRAINING
    )
    agreement_weight: float = option(1.5, "w_a, weight of the predictor's divergence from the guider.", NOT_NEGATIVE)
    as_released: bool = option(False, "Whether JS has its arguments exchanged: KL of the mean from each answer.")


class Attention(nn.Module):
    """Weights of a text's units, by one score for each.

    Args:
        width: H.
        noise: σ, of what is added to scores in training.
    """

    def __init__(self, width: int, noise: float):
        super().__init__()
        self.noise = noise
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, 1, bias=False)

    def forward(self, hidden: Tensor, units: Units) -> Tensor:
        """(B, T, H) to (B, U), 0 where there is no unit."""
        scores = units.mean(self.linear(self.norm(hidden))[..., 0].float())
        if self.training:
            scores = scores + self.noise * torch.randn_like(scores).abs()
        return attention_of(scores, units)


def guide_of(attention: Tensor, units: Units) -> Tensor:
    """g, what the attention asks to keep: 1 from about twice the mean on. *Shape:* both (B, U)"""
    n = units.count().clamp(min=1)[:, None]
    return (attention / (1 / n + 1 / (n + 1))).clamp(max=1)


class GRAT(RNP):
    """RNP, with a guider whose attention the selection follows at first, and whose answers the predictor's do later."""

    summary = "guided: attention to whole texts shows the generator where to look at first (AAAI 2024)"
    n_encoders = 3
    options_class = GRATOptions
    options: GRATOptions

    def __init__(self, config: RationaleConfig, generator: SplitEncoder, predictor: SplitEncoder, guider: SplitEncoder):
        super().__init__(config, generator, predictor)
        self.guider = guider
        self.attention = Attention(guider.width, self.options.guider_noise)
        self.guider_head = self.new_class_head(guider)

    def modules_of(self) -> dict[str, list[nn.Module]]:
        return super().modules_of() | {"guider": [self.guider, self.attention, self.guider_head]}

    def heads(self) -> list[nn.Module]:
        return [*super().heads(), self.attention]

    @property
    def stages(self) -> Mapping[str, float]:
        return {"guider": self.options.guider_share}

    @property
    def guidance(self) -> float:
        """f, at this point of the training."""
        return min(1.0, max(0.0, 1 - (self.progress - self.start) / self.options.guidance_span))

    def plays(self) -> list[Play]:
        learns = self.stage == "guider" or not self.keeps_everything
        return [Play(("guider",), self.guider_losses)] * learns + super().plays()

    def guide(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The guider's attention and its logits from the whole text. *Shape:* (B, U) and (B, C)"""
        hidden = self.read(self.guider, batch)
        attention = self.attention(hidden, batch.units)
        return attention, self.guider_head(attended(hidden, attention, batch.units))

    def guider_losses(self, batch: Batch) -> Losses:
        return {"guider": cross_entropy(self.guide(batch)[1], batch)}

    def losses(self, batch: Batch) -> Losses:
        """RNP's, and the guider's two."""
        selection, options, f = self.select(batch), self.options, self.guidance
        attention, judged = self.guide(batch)
        logits = self.predict(batch, selection)
        agreement = js_divergence(logits, judged, exchanged=options.as_released)
        guidance = keep_cross_entropy(selection.score, guide_of(attention, batch.units), batch.units)
        return {
            "rationale": cross_entropy(logits, batch),
            "guidance": options.guidance_weight * f * guidance,
            "agreement": options.agreement_weight * (1 - f) * agreement,
            **self.constraint_losses(selection, batch),
        }
