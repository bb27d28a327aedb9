"""What the weights of a training depend on, kept beside its checkpoints, so that nothing else goes on from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from plmr.config import RationaleConfig
from plmr.data.encoding import Encoded
from plmr.data.schema import shorten
from plmr.errors import PlmrError
from plmr.io import atomic_path
from plmr.training.arguments import RationaleTrainingArguments

FILE = "training.json"
ARGUMENTS = (
    "learning_rate head_learning_rate predictor_learning_rate_scale weight_decay adam_beta1 adam_beta2 adam_epsilon "
    "optim max_grad_norm lr_scheduler_type warmup_steps num_train_epochs max_steps per_device_train_batch_size "
    "gradient_accumulation_steps length_grouping seed data_seed bf16 fp16 eval_strategy eval_steps "
    "metric_for_best_model greater_is_better load_best_model_at_end lr_scheduler_kwargs optim_args "
    "dataloader_drop_last neftune_noise_alpha"
).split()
"""Training arguments that have a say in the weights; the others may change from one start to the next.

So has the number of epochs: the learning rate and the sparsity target follow the share of the training that is done,
and with more epochs the steps already taken would have been others.
"""
STOPPING = ["early_stopping_patience", "early_stopping_threshold"]
"""These have where there is a patience."""
NOT_COMPARED = {"thresholds", "transformers_version", "_name_or_path", "architectures", "dtype"}


def fingerprint(
    config: RationaleConfig, args: RationaleTrainingArguments, train: Sequence[Encoded], validation: Sequence[Encoded]
) -> dict[str, Any]:
    """Settings by name, and a digest of each part of the data."""
    names = ARGUMENTS + (STOPPING if args.early_stopping_patience else [])
    settings = {**config.to_dict(), **{name: getattr(args, name) for name in names}}
    found = dict(_leaves(settings))
    found |= {"training texts": _digest(train), "validation texts": _digest(validation)}
    # As they come back from a file.
    return json.loads(json.dumps(found, default=str))


def write_fingerprint(folder: str | Path, found: Mapping[str, Any]) -> None:
    """Say in a training's folder how it was begun.

    Raises:
        PlmrError: The file cannot be written.
    """
    with atomic_path(Path(folder) / FILE) as aside:
        aside.write_text(json.dumps(found, indent=1), encoding="utf-8")


def check_fingerprint(folder: str | Path, found: Mapping[str, Any]) -> None:
    """See to it that a training goes on as it was begun.

    Raises:
        PlmrError: Settings or texts differ from those of the run in the folder; the message names them.
    """
    file = Path(folder) / FILE
    try:
        begun = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # begun before there were such files, or by a Trainer of one's own
    differ = [name for name in {**begun, **found} if begun.get(name) != found.get(name)]
    if not differ:
        return
    # Other texts make other vocabularies and classes; who changed the texts need not hear of all that.
    told = [name for name in differ if name.endswith(" texts")] or differ
    words = [
        f"other {name}"
        if name.endswith(" texts")
        else f"{name}={shorten(found.get(name))} instead of {shorten(begun.get(name))}"
        for name in told
    ]
    more = f" and {len(words) - 4} more" if len(words) > 4 else ""
    raise PlmrError(
        f"{folder}: the run there was begun otherwise, and cannot go on with {', '.join(words[:4])}{more}; "
        "give the settings it was begun with, or choose another output folder."
    )


def _leaves(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if name in NOT_COMPARED:
            continue
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _digest(texts: Sequence[Encoded]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(repr((text.input_ids, text.word_ids, text.label, text.environment)).encode())
    return digest.hexdigest()
