"""The progress line, driven by a hand-made course of events and by a real training."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from transformers import TrainerControl, TrainerState

from plmr import RationaleClassifier, make_reviews
from plmr.training import RationaleTrainingArguments
from plmr.training.progress import TrainingProgress


def play(progress: TrainingProgress, folder: Path, monkeypatch: pytest.MonkeyPatch, resumed_at: int = 0) -> None:
    """Two epochs of two steps, ten seconds a step, evaluated after each epoch and once more in the end."""
    now = 0.0
    monkeypatch.setattr("plmr.training.progress.time.perf_counter", lambda: now)
    args, control = RationaleTrainingArguments(output_dir=str(folder)), TrainerControl()
    state = TrainerState(max_steps=4, num_train_epochs=2, global_step=resumed_at)
    progress.on_train_begin(args, state, control)
    for step in range(resumed_at + 1, 5):
        now += 10
        state.global_step, state.epoch = step, step / 2
        progress.on_step_end(args, state, control)
        if step % 2 == 0:
            progress.on_evaluate(args, state, control, metrics={"eval_accuracy": 0.7 + step / 100})
    progress.on_train_end(args, state, control)
    progress.on_evaluate(args, state, control, metrics={"eval_accuracy": 0.5})


@pytest.mark.parametrize(("resumed_at", "left"), [(0, "0:00:20"), (1, "0:00:20")])
def test_outside_a_terminal_a_line_follows_every_evaluation(tmp_path, monkeypatch, resumed_at, left):
    out = io.StringIO()
    play(TrainingProgress("PLMR", Console(file=out, width=40)), tmp_path, monkeypatch, resumed_at)
    assert out.getvalue().splitlines() == [
        f"PLMR: epoch 1 of 2 · validation accuracy 72.0% · {left} left",
        "PLMR: epoch 2 of 2 · validation accuracy 74.0% · 0:00:00 left",
    ]


def test_in_a_terminal_one_line_stays(tmp_path, monkeypatch):
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True, legacy_windows=False, color_system=None)
    play(TrainingProgress("PLMR", console), tmp_path, monkeypatch)
    # Carriage returns take the line back; what follows the last one stays, and the cursor is shown again.
    *_, left, cursor = re.split(r"\r\x1b\[2K|\n", out.getvalue())
    assert re.fullmatch(r"PLMR ━+ epoch 2 of 2 · validation accuracy 74.0% · took 0:00:40", left)
    assert cursor == "\x1b[?25h"
    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize("hidden", [False, True])
def test_fit_shows_this_line_and_nothing_else(hidden, capsys):
    classifier = RationaleClassifier.from_pretrained("gru", method="rnp")
    reviews = make_reviews(30)
    classifier.fit(reviews[:20], reviews[20:], epochs=2, disable_tqdm=hidden, logging_steps=1)
    said = capsys.readouterr()
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if "validation accuracy" in line]
    assert [line[: len("RNP: epoch 1 of 2")] for line in lines] == (
        [] if hidden else ["RNP: epoch 1 of 2", "RNP: epoch 2 of 2"]
    )
    assert "loss" not in said.err
