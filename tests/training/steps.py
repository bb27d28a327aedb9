"""A trainer for a few steps on texts of no meaning."""

from __future__ import annotations

import torch
from transformers import TrainerCallback

from plmr.data.encoding import Encoded
from plmr.training import RationaleTrainer, RationaleTrainingArguments


def texts(n=8):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(4, 60, (n, 6), generator=generator).tolist()
    return [Encoded([2, *row, 3], [-1, *range(6), -1], 6, i % 2) for i, row in enumerate(rows)]


def trainer_of(model, folder, callbacks=(), **options):
    quiet = {"eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False, "disable_tqdm": True}
    defaults = {
        "use_cpu": True,
        "max_steps": 1,
        "per_device_train_batch_size": 8,
        "warmup_steps": 0,
        "logging_steps": 1,
    }
    args = RationaleTrainingArguments(output_dir=str(folder), **quiet | defaults | options)
    return RationaleTrainer(model, args, texts(), callbacks=list(callbacks))


class Watch(TrainerCallback):
    """The state before the last move of each step, and after it."""

    def __init__(self, model):
        self.model = model
        self.states = []

    def note(self):
        self.states.append({name: tensor.clone() for name, tensor in self.model.state_dict().items()})

    def on_pre_optimizer_step(self, *_, **__):
        self.note()

    def on_optimizer_step(self, *_, **__):
        self.note()
