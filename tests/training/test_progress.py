"""The progress line, driven by a hand-made course of events and by a real trainer."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from transformers import PrinterCallback, TrainerControl, TrainerState
from transformers.trainer import DEFAULT_PROGRESS_CALLBACK

from plmr.training import RationaleTrainingArguments
from plmr.training.progress import TrainingProgress


def play(progress: TrainingProgress, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two epochs of two steps, ten seconds a step, evaluated after each epoch and once more in the end."""
    clock = iter(range(0, 1000, 10))
    now = [0.0]
    monkeypatch.setattr("plmr.training.progress.time.perf_counter", lambda: now[0])
    args, control = RationaleTrainingArguments(output_dir=str(tmp_path)), TrainerControl()
    state = TrainerState(max_steps=4, num_train_epochs=2)
    progress.on_train_begin(args, state, control)
    for step in range(1, 5):
        now[0] = next(clock) + 10.0
        state.global_step, state.epoch = step, step / 2
        progress.on_step_end(args, state, control)
        if step % 2 == 0:
            progress.on_evaluate(args, state, control, metrics={"eval_accuracy": 0.7 + step / 100})
    progress.on_train_end(args, state, control)
    progress.on_evaluate(args, state, control, metrics={"eval_accuracy": 0.5})


def test_outside_a_terminal_a_line_follows_every_evaluation(tmp_path, monkeypatch):
    out = io.StringIO()
    play(TrainingProgress("PLMR", Console(file=out, width=40)), tmp_path, monkeypatch)
    assert out.getvalue().splitlines() == [
        "PLMR: epoch 1 of 2 · validation accuracy 72.0% · 0:00:20 left",
        "PLMR: epoch 2 of 2 · validation accuracy 74.0% · 0:00:00 left",
    ]


def test_in_a_terminal_one_line_stays(tmp_path, monkeypatch):
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True, legacy_windows=False, color_system=None)
    play(TrainingProgress("PLMR", console), tmp_path, monkeypatch)
    assert out.getvalue().count("\n") == 1
    last = out.getvalue().splitlines()[0]
    assert last.rstrip("\x1b[?25h").endswith("epoch 2 of 2 · validation accuracy 74.0% · took 0:00:40")


@pytest.mark.parametrize("hidden", [False, True])
def test_fit_shows_this_line_alone(hidden, capsys):
    from plmr import RationaleClassifier, make_reviews

    seen: list[str] = []

    class Spy(DEFAULT_PROGRESS_CALLBACK):
        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            seen.append("bars")

    classifier = RationaleClassifier.from_pretrained("gru", method="rnp", sparsity_annealing=0.0)
    with pytest.warns() if False else _nothing():
        classifier.fit(make_reviews(20), make_reviews(10, seed=1), epochs=1, disable_tqdm=hidden)
    said = capsys.readouterr()
    assert said.out == ""
    assert ("RNP: epoch 1 of 1 · validation accuracy" in said.err) is not hidden
