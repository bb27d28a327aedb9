"""Training arguments: those of transformers, with the defaults and the extras of this field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import TrainingArguments

from plmr.ranges import COUNT, NOT_NEGATIVE, POSITIVE, Range

SMALL_WIDTH = 512
"""Width of the states up to which a pre-trained encoder bears, and needs, a larger learning rate."""


def suggested_learning_rate(encoder_config: Mapping[str, Any]) -> float:
    """A learning rate for an encoder's blocks that suits its kind and size.

    Args:
        encoder_config: As `RationaleConfig` holds it.

    Returns:
        1e-3 for GRUs, which start from random weights; 2e-4 for small pre-trained encoders, where 5e-5 learnt too
        slowly to find which aspect decides; else 5e-5.
    """
    if encoder_config.get("model_type") == "gru":
        return 1e-3
    width = encoder_config.get("hidden_size") or encoder_config.get("dim") or 768
    return 2e-4 if width <= SMALL_WIDTH else 5e-5


_SEED = Range("a whole number from 0 to 4294967295", lambda seed: 0 <= seed < 2**32, whole=True)
_DECAY = Range("a number of 0 or more and below 1", lambda beta: 0 <= beta < 1)
RANGES: dict[str, Range] = {
    "num_train_epochs": POSITIVE,
    "per_device_train_batch_size": COUNT,
    "per_device_eval_batch_size": COUNT,
    "gradient_accumulation_steps": COUNT,
    "learning_rate": NOT_NEGATIVE,
    "head_learning_rate": NOT_NEGATIVE,
    "predictor_learning_rate_scale": NOT_NEGATIVE,
    "weight_decay": NOT_NEGATIVE,
    "max_grad_norm": NOT_NEGATIVE,
    "warmup_steps": NOT_NEGATIVE,
    "adam_beta1": _DECAY,
    "adam_beta2": _DECAY,
    "adam_epsilon": NOT_NEGATIVE,
    "dataloader_num_workers": NOT_NEGATIVE._replace(phrase="a whole number of 0 or more", whole=True),
    "logging_steps": POSITIVE,
    "eval_steps": POSITIVE._replace(optional=True),
    "save_steps": POSITIVE,
    "early_stopping_patience": COUNT._replace(optional=True),
    "early_stopping_threshold": NOT_NEGATIVE,
    "seed": _SEED,
    "data_seed": _SEED._replace(optional=True),
}
"""What transformers takes without a word, and fails on or makes nonsense of later."""


@dataclass
class RationaleTrainingArguments(TrainingArguments):
    """`TrainingArguments` whose defaults suit rationale models.

    The model of the epoch with the best validation accuracy, predicted from rationales of the length asked for,
    is kept; without validation data set `eval_strategy="no"` and `load_best_model_at_end=False`.
    """

    learning_rate: float = field(
        default=5e-5,
        metadata={
            "help": "Learning rate of the encoder's embeddings and blocks. Where a classifier is fitted without one, "
            "`suggested_learning_rate` says it."
        },
    )
    head_learning_rate: float = field(
        default=1e-3, metadata={"help": "Learning rate of the mask heads and class heads, which start from nothing."}
    )
    predictor_learning_rate_scale: float = field(
        default=1.0,
        metadata={"help": "Multiplies the predictor's rates; below 1 it cannot lock on to early, poor rationales."},
    )
    length_grouping: bool = field(
        default=True, metadata={"help": "Batch texts of like length together, which saves padding."}
    )
    per_device_train_batch_size: int = field(default=16, metadata={"help": "Texts in a training batch."})
    per_device_eval_batch_size: int = field(default=64, metadata={"help": "Texts in an evaluation batch."})
    num_train_epochs: float = field(default=6.0, metadata={"help": "Passes over the training data."})
    lr_scheduler_type: str = field(default="linear", metadata={"help": "How the learning rate falls."})
    warmup_steps: float = field(default=0.1, metadata={"help": "Steps of rising rate; below 1, a share of them all."})
    eval_strategy: str = field(default="epoch", metadata={"help": "When to evaluate: no, steps or epoch."})
    save_strategy: str = field(default="epoch", metadata={"help": "When to save a checkpoint: no, steps or epoch."})
    save_total_limit: int | None = field(default=2, metadata={"help": "Checkpoints kept besides the best."})
    load_best_model_at_end: bool = field(default=True, metadata={"help": "Keep the best epoch, not the last."})
    metric_for_best_model: str | None = field(
        default="accuracy", metadata={"help": "The validation figure that chooses the epoch."}
    )
    greater_is_better: bool | None = field(
        default=None, metadata={"help": "Whether more of it is better; default, of all figures but the loss."}
    )
    early_stopping_patience: int | None = field(
        default=None,
        metadata={
            "help": "Stop after so many evaluations without a better validation figure, counted from when the sparsity "
            "target no longer changes; default, never."
        },
    )
    early_stopping_threshold: float = field(
        default=0.0, metadata={"help": "By how much a figure has to be better to count for early stopping."}
    )
    logging_steps: float = field(default=50, metadata={"help": "Steps between two lines of the log."})
    remove_unused_columns: bool = field(default=False, metadata={"help": "Kept off: the collator takes them all."})
    restore_callback_states_from_checkpoint: bool = field(
        default=True, metadata={"help": "Resume the callbacks too, such as the patience of early stopping."}
    )
    disable_tqdm: bool | None = field(default=False, metadata={"help": "Show no progress."})
    report_to: str | list[str] | None = field(default="none", metadata={"help": "Experiment trackers to log to."})
    use_cpu: bool = field(
        default_factory=lambda: not (torch.cuda.is_available() or torch.backends.mps.is_available()),
        metadata={"help": "Train on the CPU; the default where there is no accelerator."},
    )
