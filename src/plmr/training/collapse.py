"""Signs that a selective rationalization run has collapsed, as numbers, and what to do about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from plmr.config import RationaleConfig
from plmr.methods import find_method

SAME_POSITIONS = 0.8
"""Agreement above which the selection is called the same whatever the text; independent draws of a fifth agree
in a ninth."""

LEARNT = 0.3
"""Part of the way from chance to no error above which the whole text is said to predict well."""


@dataclass(frozen=True)
class Figures:
    """What an evaluation saw.

    Attributes:
        argmax_share: Share of units selected at a keep probability of one half.
        position_agreement: See `position_agreement`.
        accuracy: Of the prediction from the rationale.
        full_text_accuracy: Of the prediction from the whole text.
    """

    argmax_share: float
    position_agreement: float
    accuracy: float
    full_text_accuracy: float


def position_agreement(selected: Sequence[np.ndarray]) -> float:
    """How alike the selected positions of two texts are, on average: |A ∩ B| / |A ∪ B| over neighbouring pairs.

    Compared over the positions both texts have; pairs that select nothing there are left out.

    Args:
        selected: Boolean, one per text. *Shape:* each (T,)

    Returns:
        Between 0 and 1; 0 when no pair can be compared.
    """
    ratios = []
    for one, other in pairwise(selected):
        length = min(len(one), len(other))
        union = np.logical_or(one[:length], other[:length]).sum()
        if union:
            ratios.append(np.logical_and(one[:length], other[:length]).sum() / union)
    return float(np.mean(ratios)) if ratios else 0.0


def collapse_findings(figures: Figures, config: RationaleConfig, chance: float) -> list[str]:
    """What is wrong with a run, one sentence each; nothing when all is well.

    Args:
        figures: Of one evaluation.
        config: The share asked for, and method and sampler, on which the advice depends.
        chance: Accuracy of always predicting the most frequent class.
    """
    findings = []
    method, share, sparsity = find_method(config.method), figures.argmax_share, config.sparsity
    sampler = "its own" if "sampler" in method.ignores else config.sampler
    if method.even_odds_tell and share < sparsity / 10:
        advice = {
            "budget": "With sampler='budget' only scores that are not numbers do that: lower the learning rates.",
            "gumbel": "Give sparsity_annealing=0.6 so that it starts from all words, lower sparsity_weight, or train "
            "longer.",
            "its own": "Give sparsity_annealing=0.6 so that it starts from all words, or train longer.",
        }[sampler]
        findings.append(
            f"the generator selects nothing: {share:.1%} of the words have a keep probability above one half, "
            f"{sparsity:.0%} were asked for. {advice}"
        )
    elif share > max(0.9, 1 - (1 - sparsity) / 10):
        advice = {
            "budget": "With sampler='budget' at least one word of every text is kept, and these texts have hardly "
            "more.",
            "gumbel": "Raise sparsity_weight, or train longer.",
            "its own": f"Train longer, or see `plmr methods {config.method}` for what holds the share.",
        }[sampler]
        findings.append(
            f"the generator selects everything: {share:.1%} of the words have a keep probability above one half, "
            f"{sparsity:.0%} were asked for. {advice}"
        )
    if figures.position_agreement > SAME_POSITIONS:
        earlier = ", use an earlier generator_depth" if "generator_depth" in method.reads else ""
        findings.append(
            f"the generator selects the same positions whatever the text: two texts share "
            f"{figures.position_agreement:.0%} of them. Lower continuity_weight{earlier}, or try another seed."
        )
    margin = figures.full_text_accuracy - chance
    if margin > LEARNT * (1 - chance) and figures.accuracy - chance < margin / 4:
        teaches = "full_text_path" in method.reads and config.full_text_path != "embeddings"
        advice = ", or give full_text_path='embeddings'" if teaches else ""
        findings.append(
            f"the rationale has lost the label: {figures.accuracy:.1%} correct from the rationale, "
            f"{figures.full_text_accuracy:.1%} from the whole text, {chance:.1%} by the most frequent class. Raise "
            f"sparsity, set predictor_learning_rate_scale below 1{advice}."
        )
    return findings
