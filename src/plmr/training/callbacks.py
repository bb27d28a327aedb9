"""Callbacks: the collapse alarm."""

from __future__ import annotations

import logging
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from plmr.training.collapse import Figures, collapse_findings

logger = logging.getLogger(__name__)


class CollapseAlarm(TrainerCallback):
    """Warns, with numbers and advice, when a run selects badly; the warnings are kept in `findings`.

    While the sparsity target is still annealed towards its value the selection is not judged.

    Args:
        sparsity: The share asked for.
        settled: Share of the training after which the target stays where it is.
        chance: Accuracy of always predicting the most frequent class.
    """

    def __init__(self, sparsity: float, settled: float, chance: float):
        self.sparsity = sparsity
        self.settled = settled
        self.chance = chance
        self.findings: list[str] = []

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if not metrics or "eval_argmax_sparsity" not in metrics or state.global_step < self.settled * state.max_steps:
            return
        figures = Figures(
            argmax_share=metrics["eval_argmax_sparsity"],
            position_agreement=metrics["eval_position_agreement"],
            accuracy=metrics["eval_accuracy"],
            full_text_accuracy=metrics["eval_full_text_accuracy"],
        )
        for finding in collapse_findings(figures, self.sparsity, self.chance):
            message = f"Step {state.global_step}: {finding}"
            self.findings.append(message)
            logger.warning(message)
