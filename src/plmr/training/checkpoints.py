"""Checkpoints that are whole or gone, and the one to resume from after whatever ended the last run."""

from __future__ import annotations

import json
import shutil
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open
from transformers import TrainerState
from transformers.utils import SAFE_WEIGHTS_NAME

ARCHIVES = ("optimizer.pt", "scheduler.pt")
STATE = "trainer_state.json"


@contextmanager
def whole_or_gone(checkpoint: Path) -> Iterator[None]:
    """Let a checkpoint be written within the block, into no remains of another, and leave none of its own.

    The trainer knows one name only for a checkpoint, so this one cannot be written aside; what a kill leaves of it
    `is_complete` finds out.

    Args:
        checkpoint: The folder; removed before the block, and after an error that keeps it from being complete.
    """
    shutil.rmtree(checkpoint, ignore_errors=True)
    try:
        yield
    except BaseException:
        if not is_complete(checkpoint):
            shutil.rmtree(checkpoint, ignore_errors=True)
        raise


def last_checkpoint(folder: str | Path) -> str | None:
    """The newest complete checkpoint in a training folder, or None.

    A run killed while it saved leaves an incomplete one; those are passed over with a warning.
    """
    found = [
        (int(path.name.rpartition("-")[2]), path)
        for path in Path(folder).glob("checkpoint-*")
        if path.name.rpartition("-")[2].isdecimal()
    ]
    for _, path in sorted(found, reverse=True):
        if is_complete(path):
            return str(path)
        warnings.warn(f"{path} is incomplete, probably cut off while it was saved; it is passed over.", stacklevel=2)
    return None


def is_complete(checkpoint: Path) -> bool:
    """Whether a checkpoint holds everything a resume needs; the trainer's state is what is written last."""
    # Without the state of the random generators transformers goes on with others, and ends with other weights.
    archives = [*(checkpoint / name for name in ARCHIVES), *checkpoint.glob("rng_state*.pth")]
    if len(archives) == len(ARCHIVES) or not all(map(zipfile.is_zipfile, archives)):
        return False
    try:
        json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        with safe_open(checkpoint / SAFE_WEIGHTS_NAME, framework="pt") as weights:
            weights.keys()
    except (OSError, ValueError, SafetensorError):
        return False
    return True


def end_of(checkpoint: str | Path, best: bool) -> tuple[TrainerState, str] | None:
    """The state of a training that had come to its end, early or not, and the checkpoint whose weights it kept.

    Args:
        checkpoint: Its last one.
        best: Whether it kept the best one, not the last.

    Returns:
        None where it had not come to its end.
    """
    state = TrainerState.load_from_json(str(Path(checkpoint) / STATE))
    if not state.stateful_callbacks["TrainerControl"]["args"]["should_training_stop"]:
        return None
    # The folder may have been moved since.
    chosen = Path(checkpoint).with_name(Path(state.best_model_checkpoint or checkpoint).name)
    return state, str(chosen if best and is_complete(chosen) else checkpoint)
