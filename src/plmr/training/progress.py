"""One calm line of progress, instead of the bars and printed logs of transformers."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import DEFAULT_PROGRESS_CALLBACK
from transformers.utils.logging import disable_progress_bar, enable_progress_bar, is_progress_bar_enabled


class TrainingProgress(TrainerCallback):
    """Tells the epoch, the validation accuracy and the time left.

    In a terminal one line keeps up to date; elsewhere, as in the log of a job, a line follows every evaluation.

    Args:
        name: What is trained.
        console: Where to; default, standard error.
    """

    def __init__(self, name: str, console: Console | None = None):
        self.name = name
        self.console = console or Console(stderr=True, highlight=False)
        self._line = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(20),
            TextColumn("{task.fields[said]}", markup=False),
            console=self.console,
            disable=not self.console.is_terminal,
            refresh_per_second=2,
        )
        self._task = self._line.add_task(name, total=None, said="")
        self._accuracy = ""
        self._running = False

    def close(self) -> None:
        """Leave the terminal in order; a training that was interrupted never says that it has ended."""
        self._line.stop()

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._started, self._first_step, self._running = time.perf_counter(), state.global_step, True
        self._line.update(self._task, total=state.max_steps)
        self._line.start()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._line.update(self._task, completed=state.global_step, said=self._said(state))

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if not self._running or not metrics or "eval_accuracy" not in metrics:
            return
        self._accuracy = f" · validation accuracy {metrics['eval_accuracy']:.1%}"
        self._line.update(self._task, said=self._said(state))
        if self._line.disable:
            self.console.print(f"{self.name}: {self._said(state)}", markup=False, soft_wrap=True)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._running = False
        took = f" · took {self._clock(time.perf_counter() - self._started)}"
        self._line.update(self._task, said=self._epoch(state) + self._accuracy + took)
        self.close()

    def _said(self, state: TrainerState) -> str:
        steps = state.global_step - self._first_step
        left = (time.perf_counter() - self._started) / max(1, steps) * (state.max_steps - state.global_step)
        return f"{self._epoch(state)}{self._accuracy} · {self._clock(left)} left"

    @staticmethod
    def _epoch(state: TrainerState) -> str:
        return f"epoch {math.ceil(state.epoch or 0)} of {state.num_train_epochs}"

    @staticmethod
    def _clock(seconds: float) -> str:
        return str(timedelta(seconds=round(seconds)))


@contextmanager
def calm_progress(trainer: Trainer, name: str) -> Iterator[None]:
    """Let a trainer show `TrainingProgress` within the block, or nothing where `disable_tqdm` is set.

    Args:
        trainer: Loses the progress bars and the printed logs of transformers.
        name: What is trained.
    """
    for chatty in (PrinterCallback, DEFAULT_PROGRESS_CALLBACK):
        trainer.remove_callback(chatty)
    progress = TrainingProgress(name)
    if not trainer.args.disable_tqdm:
        trainer.add_callback(progress)
    bars = is_progress_bar_enabled()
    disable_progress_bar()
    try:
        yield
    finally:
        progress.close()
        if bars:
            enable_progress_bar()
