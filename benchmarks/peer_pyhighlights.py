"""One training with pyhighlights; `peer.py` starts it with the interpreter of an environment that has pyhighlights.

    python peer_pyhighlights.py '{"method": "fr", "rows": DIR, "encoder": DIR, "sparsity": 0.2, …}'

Its own task runner does all the work, on a Transformer backbone with selection by word. What differs from what it
registers: the encoder; the sparsity asked for; a learning rate of the encoder's own, as it asks for where one is
trained; argmax masks in evaluation, as its base class has it, instead of drawn ones; epochs of a stage before the game.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyhighlights
import torch
from cinnamon.registry import Registry
from lightning.pytorch import Callback

STAGED = {"dar", "grat"}
"""Methods with a teacher or guider that learns before the game."""


class Clock(Callback):
    """Seconds of every training epoch, without validation and checkpoints."""

    def __init__(self) -> None:
        self.epochs: list[float] = []
        self._inside = 0.0

    def on_train_batch_start(self, *_: Any) -> None:
        self._started = time.perf_counter()

    def on_train_batch_end(self, *_: Any) -> None:
        self._inside += time.perf_counter() - self._started

    def on_train_epoch_end(self, *_: Any) -> None:
        self.epochs.append(self._inside)
        self._inside = 0.0


def frames(folder: Path) -> dict[str, pd.DataFrame]:
    """Training, validation and test rows, in the columns of pyhighlights."""
    found = {}
    for part in ("train", "val", "test"):
        rows = [json.loads(line) for line in (folder / f"{part}.jsonl").open(encoding="utf-8")]
        found[part] = pd.DataFrame(
            {
                "sample_id": range(len(rows)),
                "text": [" ".join(row["tokens"]) for row in rows],
                "tokens": [row["tokens"] for row in rows],
                "label": [row["label"] for row in rows],
                # Only the test part's are read, for its own figures.
                "highlights": [row["rationale"] if part == "test" else None for row in rows],
            }
        )
    return found


def configure(given: dict[str, Any]) -> Any:
    """Set what differs from the registered configurations; returns the key of the model."""
    from pyhighlights.configurations import keys

    model = getattr(keys, f"TRANSFORMER_{given['method'].upper()}")
    changes: dict[Any, dict[str, Any]] = {
        keys.TRANSFORMER_BACKBONE: {"pretrained_model_card": given["encoder"]},
        keys.SPARSITY_PENALTY: {"threshold": given["sparsity"]},
        keys.ADAM: {"lr": given["head_learning_rate"]},
        model: {
            "encoder_lr": given["learning_rate"],
            "sample_at_evaluation": False,
            "repair_empty_selections": True,
            **({"pretrain_epochs": given["stage_epochs"]} if given["method"] in STAGED else {}),
        },
    }
    for key, settings in changes.items():
        configuration = Registry.retrieve_configuration(key)
        for name, value in settings.items():
            assert hasattr(configuration, name), f"{key} has no {name}"
            setattr(configuration, name, value)
    return model


def train(given: dict[str, Any]) -> dict[str, Any]:
    from pyhighlights.components import tasks
    from pyhighlights.configurations import keys

    class Rows(tasks.SPPTask):
        """A task on rows that are at hand."""

        def splits(self) -> dict[str, pd.DataFrame]:
            return frames(Path(given["rows"]))

        def knowledge(self) -> None:
            return None

    clock = Clock()

    class Timed(Rows):
        def build_callbacks(self, checkpoints: Path) -> list[Callback]:
            return [*super().build_callbacks(checkpoints), clock]

    task = Timed(
        loader=keys.TOY,
        model=configure(given),
        name=given["method"],
        save_path=given["work"],
        seeds=[given["seed"]],
        batch_size=given["batch_size"],
        max_length=256,
        pretrained_model_card=given["encoder"],
        callbacks=[keys.LOSS_EARLY_STOPPING, keys.LOSS_CHECKPOINT],
        test_metrics=[keys.ACCURACY_METRIC, keys.HIGHLIGHT_F1_METRIC, keys.SELECTION_RATE_METRIC],
        store_predictions=True,
        keep_checkpoints=False,
        trainer_args={
            "accelerator": "cpu",
            "max_epochs": given["epochs"] + (given["stage_epochs"] if given["method"] in STAGED else 0),
            "logger": False,
        },
    )
    results = task.run()
    (predictions,) = Path(task.directory).glob("predictions-seed=*.pkl")
    return {
        "epoch_seconds": clock.epochs,
        "answers": answers(pd.read_pickle(predictions)),
        "own_figures": results["runs"][0],
        "parameters": results["runs"][0].get("cost_parameters"),
    }


def answers(batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Flags by word and the class of every test row, in the order of the file."""
    found = {}
    for batch in batches:
        masks, logits = batch["highlight_mask"], batch["class_logits"]
        for row, number in enumerate(batch["sample_ids"]):
            # The head that predicts comes first where there are several.
            mask, scores = (part[row][0] if part[row].ndim > 1 else part[row] for part in (masks, logits))
            words = int(batch["mask"][row].sum())
            found[int(number)] = {"flags": [int(flag > 0.5) for flag in mask[:words]], "label": int(scores.argmax())}
    return [found[number] for number in sorted(found)]


def main() -> None:
    given = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    Registry.build(directory=Path(pyhighlights.__file__).parent)
    result = train(given)
    result["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result["versions"] = {"torch": torch.__version__, "pyhighlights": "0.14.0"}
    Path(given["output"]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
