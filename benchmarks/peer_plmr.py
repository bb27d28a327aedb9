"""One training with plmr; `peer.py` starts it, as it starts `peer_pyhighlights.py` for the other side.

    python benchmarks/peer_plmr.py '{"method": "fr", "rows": DIR, "sparsity": 0.2, …}'

Everything but the method, the sparsity, the epochs and the texts in a batch is the library's default.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from machine import machine, peak_mib
from transformers import TrainerCallback

from plmr import RationaleClassifier
from plmr.data import flags_from_ranges, load_examples


class Clock(TrainerCallback):
    """Seconds of every training epoch, until its last step: without validation and checkpoints."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        self._started = self._last = time.perf_counter(), time.process_time()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self._last = time.perf_counter(), time.process_time()

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        wall, processor = (end - begin for begin, end in zip(self._started, self._last, strict=True))
        self.epochs.append({"wall": wall, "processor": processor})


def train(given: dict[str, Any]) -> dict[str, Any]:
    """Train as the library does by itself, and write the answers for the test rows."""
    rows, clock = Path(given["rows"]), Clock()
    parts = (load_examples(rows / f"{part}.jsonl") for part in ("train", "val", "test"))
    training, validation, test = parts
    classifier = RationaleClassifier.from_pretrained("minilm", sparsity=given["sparsity"], method=given["method"])
    summary = classifier.fit(
        training,
        validation=validation,
        callbacks=[clock],
        epochs=given["epochs"],
        batch_size=given["batch_size"],
        seed=given["seed"],
        bf16=given["bf16"],
        disable_tqdm=True,
    )
    answers = classifier([example.text for example in test])
    with Path(given["answers"]).open("w", encoding="utf-8") as lines:
        for example, answer in zip(test, answers, strict=True):
            flags = [int(flag) for flag in flags_from_ranges(example.words, answer.spans)]
            lines.write(json.dumps({"flags": flags, "label": int(answer.label)}) + "\n")
    return {
        "epochs": clock.epochs,
        # The stages of a method take part of the epochs.
        "stage": {"wall": 0.0, "processor": 0.0},
        "peak_mib": peak_mib("cpu"),
        "notes": summary.notes,
        "machine": machine(),
    }


def main() -> None:
    given = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    Path(given["output"]).write_text(json.dumps(train(given)), encoding="utf-8")


if __name__ == "__main__":
    main()
