"""Callbacks: the collapse alarm and early stopping."""

from __future__ import annotations

import logging
from typing import Any

from transformers import EarlyStoppingCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from plmr.config import RationaleConfig
from plmr.training.collapse import Figures, collapse_findings

logger = logging.getLogger(__name__)


def has_settled(state: TrainerState, start: float, settled: float) -> bool:
    """Whether a training has reached the share of words asked for: what came before had another task.

    Args:
        state: Of the training.
        start: Share of it after which there is something to select, which at least one step has done.
        settled: Share of it after which the sparsity target no longer changes.
    """
    last_step = state.global_step - 1  # counted from 0, as the progress is at which it was played
    selected = last_step >= start * state.max_steps or state.global_step >= state.max_steps
    return selected and state.global_step >= settled * state.max_steps


class CollapseAlarm(TrainerCallback):
    """Warns, with numbers and advice, when a run selects badly; each warning is given once.

    While the sparsity target is still annealed towards its value the selection is not judged.

    Args:
        config: The share asked for and how it is reached.
        chance: Accuracy of always predicting the most frequent class.
        start, settled: As in `has_settled`.

    Attributes:
        findings: Of the last evaluation. The one after the training is of the model that is kept.
    """

    def __init__(self, config: RationaleConfig, chance: float, start: float, settled: float):
        self.config = config
        self.chance = chance
        self.start, self.settled = start, settled
        self.findings: list[str] = []
        self._told: set[str] = set()

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if not metrics or "eval_argmax_sparsity" not in metrics or not has_settled(state, self.start, self.settled):
            return
        figures = Figures(
            argmax_share=metrics["eval_argmax_sparsity"],
            position_agreement=metrics["eval_position_agreement"],
            accuracy=metrics["eval_accuracy"],
            full_text_accuracy=metrics["eval_full_text_accuracy"],
        )
        self.findings = collapse_findings(figures, self.config, self.chance)
        for finding in self.findings:
            if finding not in self._told:
                logger.warning(f"Step {state.global_step}: {finding}")
        self._told.update(self.findings)


class EarlyStopping(EarlyStoppingCallback):
    """Early stopping whose patience runs once the sparsity target has been reached.

    Until then every epoch has another task, and its figures say little of those to come.

    Args:
        early_stopping_patience, early_stopping_threshold: As in `EarlyStoppingCallback`.
        start, settled: As in `has_settled`.
    """

    def __init__(
        self,
        early_stopping_patience: int = 1,
        early_stopping_threshold: float = 0.0,
        start: float = 0.0,
        settled: float = 0.0,
    ):
        super().__init__(early_stopping_patience, early_stopping_threshold)
        self.start, self.settled = start, settled

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Any, **kwargs: Any
    ) -> None:
        if has_settled(state, self.start, self.settled):
            super().on_evaluate(args, state, control, metrics, **kwargs)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of it, as `Trainer` restores it."""
        kept = super().state()
        kept["args"] |= {"start": self.start, "settled": self.settled}
        return kept
