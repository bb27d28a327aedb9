"""One training with pyhighlights; `peer.py` starts it with the interpreter of an environment that has pyhighlights.

    python benchmarks/peer_pyhighlights.py '{"method": "fr", "rows": DIR, "encoder": DIR, "sparsity": 0.2, …}'

Its own task runner does all the work, on a Transformer backbone with selection by word. What differs from what it
registers: the encoder; the sparsity asked for; a learning rate of the encoder's own; the most likely masks in
evaluation, and so for the choice of the epoch, instead of drawn ones, and a text left without words keeps its likeliest
one, both as its base class has it; fewer epochs for the teachers of DAR and G-RAT.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pyhighlights
import torch
from cinnamon.registry import Registry
from lightning.pytorch import Callback, LightningModule, Trainer

STAGED = {"dar", "grat"}
"""Methods with a teacher that learns before the game."""


class Clock(Callback):
    """Seconds of every training epoch and of what precedes the first, without validation and checkpoints."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []
        self.before: dict[str, float] = {}
        self.module: dict[str, Any] = {}
        self._validating = (0.0, 0.0)

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        self._started = now()
        # DAR's aligner learns here, out of sight of the trainer, and is validated after each of its epochs.
        if hasattr(module, "aligner_validation_loss"):
            module.aligner_validation_loss = self._left_out(module.aligner_validation_loss)

    def on_train_epoch_start(self, *_: Any) -> None:
        if not self.before:
            self.before = since(self._started, less=self._validating)
        self._started = self._last = now()

    def on_train_batch_end(self, *_: Any) -> None:
        self._last = now()

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        self.epochs.append(since(self._started, self._last))
        self.module = state_of(module)

    def _left_out(self, work: Callable[..., float]) -> Callable[..., float]:
        def timed(*given: Any) -> float:
            started = now()
            found = work(*given)
            wall, processor = self._validating
            spent = since(started)
            self._validating = wall + spent["wall"], processor + spent["processor"]
            return found

        return timed


def now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def since(
    started: tuple[float, float], until: tuple[float, float] | None = None, less: tuple[float, float] = (0.0, 0.0)
) -> dict[str, float]:
    ends = until or now()
    wall, processor = (end - begin - out for begin, end, out in zip(started, ends, less, strict=True))
    return {"wall": wall, "processor": processor}


def state_of(module: Any) -> dict[str, Any]:
    """How the model that trains is really set: what a configuration says need not arrive."""
    terms = [*module.losses, *getattr(module, "guider_losses", ())]
    optimizers = module.optimizers()
    optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
    return {
        "drawn masks in evaluation": module.sample_at_evaluation,
        "empty selections repaired": module.repair_empty_selections,
        "unit": module.select_over,
        "rates": [group["lr"] for optimizer in optimizers for group in optimizer.param_groups],
        "losses": {term.name: term.coefficient for term in terms},
        "sparsity": [term.loss.threshold for term in terms if hasattr(term.loss, "threshold")],
        "teacher's epochs": getattr(module, "pretrain_epochs", 0),
        "encoder's dropout": any(part.training for part in module.selector_backbones[0].modules() if is_dropout(part)),
        "dtype": str(next(module.parameters()).dtype),
        "threads": torch.get_num_threads(),
    }


def is_dropout(part: Any) -> bool:
    return isinstance(part, torch.nn.Dropout) and part.p > 0


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
        model: {
            "encoder_lr": given["encoder_rate"],
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


def train(given: dict[str, Any], work: str) -> dict[str, Any]:
    from pyhighlights.components import tasks
    from pyhighlights.configurations import keys

    clock = Clock()

    class Rows(tasks.SPPTask):
        """A task on rows that are at hand."""

        def splits(self) -> dict[str, pd.DataFrame]:
            return frames(Path(given["rows"]))

        def knowledge(self) -> None:
            return None

        def build_callbacks(self, checkpoints: Path) -> list[Callback]:
            return [*super().build_callbacks(checkpoints), clock]

    # G-RAT's guider learns in the trainer's own epochs, DAR's aligner before them.
    stage = given["stage_epochs"] if given["method"] == "grat" else 0
    task = Rows(
        loader=keys.TOY,
        model=configure(given),
        name=given["method"],
        save_path=work,
        seeds=[given["seed"]],
        batch_size=given["batch_size"],
        max_length=256,
        pretrained_model_card=given["encoder"],
        callbacks=[keys.LOSS_EARLY_STOPPING, keys.LOSS_CHECKPOINT],
        test_metrics=[keys.ACCURACY_METRIC, keys.HIGHLIGHT_F1_METRIC, keys.SELECTION_RATE_METRIC],
        store_predictions=True,
        keep_checkpoints=False,
        trainer_args={"accelerator": "cpu", "max_epochs": given["epochs"] + stage, "logger": False},
    )
    results = task.run()
    (predictions,) = Path(task.directory).glob("predictions-seed=*.pkl")
    write_answers(pd.read_pickle(predictions), Path(given["answers"]))
    before = [clock.before, *clock.epochs[:stage]]
    return {
        "epochs": clock.epochs[stage:],
        "stage": {name: sum(part[name] for part in before) for name in clock.before},
        "own figures": results["runs"][0],
        "module": clock.module,
    }


def write_answers(batches: list[dict[str, Any]], file: Path) -> None:
    """Flags and log-odds by word and the class of every test row, in the order of the rows."""
    found = {}
    for batch in batches:
        masks, scores, logits = (batch[name] for name in ("highlight_mask", "highlight_logits", "class_logits"))
        for row, number in enumerate(batch["sample_ids"]):
            words = int(batch["mask"][row].sum())
            # One head: of MGR's generators it evaluates the one that predicts.
            (mask,), (score,), (chances,) = masks[row], scores[row], logits[row]
            found[int(number)] = {
                "flags": [int(flag > 0.5) for flag in mask[:words]],
                "log_odds": [round(float(keep - drop), 4) for drop, keep in score[:words]],
                "label": int(chances.argmax()),
            }
    file.write_text("".join(json.dumps(found[number]) + "\n" for number in sorted(found)), encoding="utf-8")


def peak_mib() -> float:
    """The largest resident set of this process, as `plmr` reads it."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


def main() -> None:
    given = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    Registry.build(directory=Path(pyhighlights.__file__).parent)
    with tempfile.TemporaryDirectory(prefix="peer-") as work:
        result = train(given, work)
    result["peak_mib"] = peak_mib()
    packages = ("pyhighlights", "torch", "lightning", "transformers")
    result["versions"] = {package: version(package) for package in packages}
    Path(given["output"]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
