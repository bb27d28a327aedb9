"""A short training, and its end by SIGKILL.

As a command, `python -m tests.training.runs ENCODER OUTPUT STEPS DELAY [OUTPUT STEPS DELAY ...]` starts a process
for each output folder, and kills it DELAY seconds after its step number STEPS.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from plmr import RationaleClassifier, make_reviews
from plmr.training import FitSummary

ROWS = make_reviews(56, seed=3)
TRAIN, VALIDATION = ROWS[:40], ROWS[40:]
OPTIONS: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 4,
    "learning_rate": 1e-3,
    "head_learning_rate": 1e-2,
    "save_strategy": "steps",
    "save_steps": 3,
    "eval_strategy": "steps",
    "eval_steps": 3,
    "load_best_model_at_end": False,
    "logging_steps": 1,
    "disable_tqdm": True,
    "use_cpu": True,
}
"""Twenty steps in two epochs of ten; checkpoints fall inside the epochs."""


def train(
    encoder: str | Path, output: str | Path, resume: bool = False, callbacks: Any = (), **changes: Any
) -> tuple[RationaleClassifier, FitSummary]:
    """Train from scratch, or go on; every source of chance is at work: order, dropout, Gumbel noise."""
    settings = {"dim_reduction_blocks": 2, "generator_depth": 2} | changes.pop("settings", {})
    classifier = RationaleClassifier.from_pretrained(str(encoder), **settings)
    summary = classifier.fit(TRAIN, VALIDATION, output, resume, callbacks, **(OPTIONS | changes))
    return classifier, summary


def weights(classifier: RationaleClassifier) -> dict[str, torch.Tensor]:
    assert classifier.model is not None
    return classifier.model.state_dict()


def same_weights(one: RationaleClassifier, other: RationaleClassifier) -> bool:
    left, right = weights(one), weights(other)
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


class StepCount(TrainerCallback):
    """Adds a byte to a file after every step, slowly enough to be hit in between."""

    def __init__(self, file: Path):
        self.file = file

    def on_step_end(self, *_: Any, **__: Any) -> None:
        with self.file.open("ab") as stream:
            stream.write(b".")
        time.sleep(0.05)


def killed_training(encoder: str, output: str, steps: int, delay: float) -> None:
    """Train in a process of its own and kill it."""
    count = Path(output + ".steps")
    child = os.fork()
    if not child:
        torch.set_num_threads(1)
        train(encoder, output, callbacks=[StepCount(count)])
        os._exit(0)
    while not (count.exists() and count.stat().st_size >= steps):
        if os.waitpid(child, os.WNOHANG)[0]:
            raise RuntimeError(f"the training ended before step {steps}")
        time.sleep(0.002)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
        raise RuntimeError(f"the training ended with status {status} before it could be killed")


if __name__ == "__main__":
    encoder, *kills = sys.argv[1:]
    for output, steps, delay in zip(kills[::3], kills[1::3], kills[2::3], strict=True):
        killed_training(encoder, output, int(steps), float(delay))
