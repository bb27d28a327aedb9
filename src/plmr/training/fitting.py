"""From examples to a trained, calibrated model: the whole of `fit`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from transformers import TrainerCallback
from transformers.integrations import get_available_reporting_integrations
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from plmr.data.encoding import Encoded
from plmr.devices import fast_bfloat16, find_device, warn_of_slow_bfloat16
from plmr.errors import PlmrError, nearest
from plmr.io import explained
from plmr.kinds import fits, phrase
from plmr.methods import caveats
from plmr.modeling import RationaleModel
from plmr.ranges import FINITE
from plmr.settings import training_kinds
from plmr.training.arguments import RANGES, RationaleTrainingArguments
from plmr.training.calibration import Calibration
from plmr.training.callbacks import CollapseAlarm, EarlyStopping
from plmr.training.checkpoints import end_of, last_checkpoint
from plmr.training.environments import with_environments
from plmr.training.fingerprint import check_fingerprint, fingerprint, write_fingerprint
from plmr.training.progress import calm_progress
from plmr.training.trainer import Figures, RationaleTrainer

SHORT_NAMES = {
    "epochs": "num_train_epochs",
    "batch_size": "per_device_train_batch_size",
    "eval_batch_size": "per_device_eval_batch_size",
}
"""Names for what everybody sets, beside the full ones."""


@dataclass(frozen=True)
class FitSummary:
    """What training did.

    Attributes:
        metrics: Validation figures of the model that was kept, at its calibrated thresholds.
        calibration: How its thresholds were found.
        seconds: Wall time of the training, calibration included.
        notes: What the user should know, signs that the model that was kept has collapsed among them.
    """

    metrics: dict[str, float]
    calibration: Calibration
    seconds: float
    notes: list[str] = field(default_factory=list)


_CHECKPOINTING = "is not supported: to save memory give a smaller batch_size or max_tokens"
_NOT_READ = {
    "label_smoothing_factor": "is not read: every method has losses of its own",
    "gradient_checkpointing": _CHECKPOINTING,
    "activation_checkpointing": _CHECKPOINTING,  # what later versions of transformers call it
    "neftune_noise_alpha": "is not supported: transformers puts the noise into models of other kinds",
    "push_to_hub": "would upload checkpoints, which are no classifiers; RationaleClassifier.push_to_hub uploads one",
}


def training_arguments(output_dir: str | Path, **options: Any) -> RationaleTrainingArguments:
    """Training arguments from options in their short or full names.

    Args:
        output_dir: Where checkpoints go.
        **options: As in `RationaleTrainingArguments`; `bf16="auto"` is where `fast_bfloat16` says it is fast.

    Raises:
        PlmrError: There is no such option, or its value is out of range or refused by transformers.
    """
    known = set(RationaleTrainingArguments.__dataclass_fields__)
    kinds = training_kinds()
    full = {}
    for name, value in options.items():
        if name not in known and name not in SHORT_NAMES:
            raise PlmrError(
                f"There is no training option {name!r}; see RationaleTrainingArguments."
                f"{nearest(name, [*known, *SHORT_NAMES])}"
            )
        full_name = SHORT_NAMES.get(name, name)
        if full_name in RANGES or isinstance(value, float):
            RANGES.get(full_name, FINITE).check(name, value)
        # Any text counts as true further on: "false" too.
        kind = kinds.get(name)
        if (kind is bool or bool in get_args(kind)) and not fits(value, kind):
            raise PlmrError(f"{name}={value!r} is not {phrase(kind)}.")
        full[full_name] = value
    if full.get("bf16") == "auto":
        full["bf16"] = fast_bfloat16(find_device("cpu" if full.get("use_cpu") else None))
    try:
        args = RationaleTrainingArguments(output_dir=str(output_dir), **full)
    except (ValueError, TypeError) as error:
        raise PlmrError(f"These training options do not go together: {error}") from error
    except ImportError as error:
        raise PlmrError(f"One of these training options needs a package that is not installed: {error}") from error
    for name, why in _NOT_READ.items():
        if value := getattr(args, name, None):
            raise PlmrError(f"{name}={value} {why}; leave it out.")
    _check_metric(args.metric_for_best_model)
    _check_trackers(args.report_to)
    if args.early_stopping_patience is not None and (args.eval_strategy == "no" or not args.metric_for_best_model):
        raise PlmrError(
            f"early_stopping_patience={args.early_stopping_patience} compares a figure of evaluations, and "
            "eval_strategy or metric_for_best_model says there is none; set both, or leave the patience out."
        )
    if args.bf16:
        warn_of_slow_bfloat16(args.device)
    return args


def _check_metric(name: str | None) -> None:
    """Refuse what transformers would look for in vain after the first epoch."""
    if name and name.removeprefix("eval_") not in Figures._fields:
        raise PlmrError(
            f"metric_for_best_model={name!r} is not a figure of an evaluation, which are {', '.join(Figures._fields)}."
            f"{nearest(name, Figures._fields)}"
        )


def _check_trackers(names: str | list[str] | None) -> None:
    """Refuse the trackers that the trainer could not set up once the texts are encoded."""
    known, installed = list(INTEGRATION_TO_CALLBACK), get_available_reporting_integrations()
    for name in names or ():
        if name not in known:
            raise PlmrError(
                f"report_to={name!r} is not one of none, all, {', '.join(known)}; choose one of them."
                f"{nearest(name, known)}"
            )
        # transformers leaves Flyte out of the list, installed or not.
        if name not in [*installed, "flyte"]:
            raise PlmrError(
                f"report_to={name!r} needs the package of {name}, which is not installed; install it, or leave "
                "report_to out."
            )


def fit_model(
    model: RationaleModel,
    train: Sequence[Encoded],
    validation: Sequence[Encoded],
    args: RationaleTrainingArguments,
    resume: bool = False,
    callbacks: Sequence[TrainerCallback] = (),
) -> FitSummary:
    """Train a model, keep its best epoch and calibrate it.

    Args:
        model: Trained in place.
        train: Encoded texts with labels.
        validation: Encoded texts with labels; they choose the epoch and the thresholds.
        args: See `RationaleTrainingArguments`.
        resume: Continue from the last complete checkpoint in `args.output_dir`, if there is one.
        callbacks: Further callbacks for the trainer.

    Raises:
        PlmrError: The run to continue was begun with other settings or texts, checkpoints of another run are there, or
            none can be written.
    """
    started = time.perf_counter()
    checkpoint = last_checkpoint(args.output_dir)
    if checkpoint and not resume:
        # A later resume would go on from them: from the weights of another run, that is.
        raise PlmrError(
            f"{args.output_dir}: checkpoints of an earlier run are there ({Path(checkpoint).name}); go on with it by "
            "resume=True, or choose another output_dir."
        )
    begun = fingerprint(model.config, args, train, validation)
    train, notes = with_environments(model, train, args.seed, args.eval_batch_size)
    notes = [*caveats(model.config), *notes]
    counts = Counter(text.label for text in validation)
    config = model.config
    patience, pace = args.early_stopping_patience, (model.method.start, model.method.settled)
    alarm = CollapseAlarm(config, max(counts.values()) / len(validation), *pace)
    stopping = [EarlyStopping(patience, args.early_stopping_threshold, *pace)] if patience else []
    trainer = RationaleTrainer(model, args, train, validation, callbacks=[alarm, *stopping, *callbacks])
    if checkpoint:
        check_fingerprint(args.output_dir, begun)
    else:
        write_fingerprint(args.output_dir, begun)
    if resume:
        notes.append(f"resumed from {checkpoint}" if checkpoint else "nothing to resume from; started anew")
    with explained(args.output_dir), calm_progress(trainer, config.method.upper()):
        if checkpoint and (end := end_of(checkpoint, args.load_best_model_at_end)):
            # Trainer would train on where patience had run out.
            trainer.state, kept = end
            trainer._load_from_checkpoint(kept)
        else:
            trainer.train(resume_from_checkpoint=checkpoint)
    if trainer.state.global_step < trainer.state.max_steps:
        notes.append(f"stopped early, after {trainer.state.global_step} of {trainer.state.max_steps} steps")
    # Else bf16 training would leave its autocast behind, and the model would answer unlike its saved copy.
    trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    model.set_progress(1.0)
    metrics = trainer.evaluate()
    calibration = trainer.calibration
    if abs(calibration.share - config.sparsity) > 0.01:
        notes.append(
            f"calibration reached a share of {calibration.share:.3f} instead of {config.sparsity}: too many words "
            "have the same keep probability"
        )
    if (dense_note := model.method.dense_note) is not None:
        notes.append(dense_note)
    notes += alarm.findings
    return FitSummary(
        {name.removeprefix("eval_"): value for name, value in metrics.items()},
        calibration,
        time.perf_counter() - started,
        notes,
    )
