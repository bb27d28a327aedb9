"""Methods of the same name here and in pyhighlights 0.14, and PLMR: quality, seconds per epoch and peak memory.

    python -m venv peer-env
    peer-env/bin/pip install pyhighlights==0.14.0 torch transformers
    python benchmarks/peer.py --peer-python peer-env/bin/python --workers 2

Generated reviews (correlation .8), the same rows and words for both, MiniLM's weights, selection by word, float32, one
thread, as many epochs and texts in a batch; sparsity is the share that is gold. Each side has its own recipe: ours the
library's defaults, theirs what they register, with 5e-5 for the encoder and 1e-3 for the heads. Masks are the most
likely ones, not drawn. DAR and G-RAT of theirs have one epoch on whole texts beforehand, on top; ours take theirs out
of the epochs. `--bf16` adds ours in bfloat16.

Both sides' words are scored by `plmr.metrics`. Epochs are timed without validation. Every run is a process of its own;
one with a file under `runs/peer/` is skipped. What cannot be made equal: theirs has no calibration, so its share of
words is what the penalty leaves; ours groups texts of like length.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from machine import RESULTS, command, machine
from pairs import Tables, table

RUNS = Path("runs/peer")
NAMES = {"fr": "fr", "mcd": "mcd", "dar": "dar", "g-rat": "grat", "mgr": "mgr"}
"""Methods that both have, by our name."""
OURS, PEER = "ours", "pyhighlights"
HEADER = ["method", "side", "seeds", "S", "F1", "random", "accuracy", "seconds an epoch", "peak MiB"]


class Run(NamedTuple):
    """One training of one side."""

    method: str
    side: str
    seed: int
    epochs: int
    texts: int

    @property
    def file(self) -> Path:
        return RUNS / f"{self.method}-{self.side}-{self.texts}x{self.epochs}-{self.seed}.json"


def write_rows(texts: int) -> Path:
    """Training, validation and test rows, as files that both sides read."""
    from plmr import make_reviews

    folder = RUNS / f"rows-{texts}"
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (part, number) in enumerate((("train", texts), ("val", min(texts, 300)), ("test", min(texts, 500)))):
        with (folder / f"{part}.jsonl").open("w", encoding="utf-8") as lines:
            for example in make_reviews(number, seed=2000 + seed):
                words = [example.text[start:end] for start, end in example.words]
                flags = [int(flag) for flag in example.rationale or ()]
                row = {"tokens": words, "label": int(example.label == "positive"), "rationale": flags}
                lines.write(json.dumps(row) + "\n")
    return folder


def read_rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.open(encoding="utf-8")]


def gold_share(rows: Sequence[dict[str, Any]]) -> float:
    flags = [flag for row in rows for flag in row["rationale"]]
    return sum(flags) / len(flags)


def train_ours(run: Run, folder: Path) -> dict[str, Any]:
    """One of our methods, in this process."""
    import torch
    from machine import peak_mib
    from transformers import TrainerCallback

    from plmr import RationaleClassifier
    from plmr.data import flags_from_ranges, load_examples

    torch.set_num_threads(1)

    class Clock(TrainerCallback):
        """Seconds inside training steps."""

        seconds = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.started = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.seconds += time.perf_counter() - self.started

    clock = Clock()
    train, validation, test = (load_examples(folder / f"{part}.jsonl") for part in ("train", "val", "test"))
    classifier = RationaleClassifier.from_pretrained(
        "minilm", sparsity=gold_share(read_rows(folder / "train.jsonl")), method=run.method
    )
    options = {"epochs": run.epochs, "batch_size": 32, "bf16": run.side != OURS, "disable_tqdm": True}
    classifier.fit(train, validation=validation, seed=run.seed, callbacks=[clock], **options)
    answers = classifier([example.text for example in test])
    return {
        "epoch_seconds": [clock.seconds / run.epochs] * run.epochs,
        "peak_mib": peak_mib("cpu"),
        "answers": [
            {"flags": flags_from_ranges(example.words, answer.spans), "label": int(answer.label)}
            for example, answer in zip(test, answers, strict=True)
        ],
    }


def train_theirs(run: Run, folder: Path, python: str) -> dict[str, Any]:
    """The peer's method of that name, with its own interpreter."""
    from plmr.encoders.loading import encoder_path

    output = run.file.with_suffix(".peer")
    given = {
        "method": NAMES[run.method],
        "rows": str(folder),
        "encoder": encoder_path("minilm"),
        "sparsity": gold_share(read_rows(folder / "train.jsonl")),
        "learning_rate": 5e-5,
        "head_learning_rate": 1e-3,
        "batch_size": 32,
        "epochs": run.epochs,
        "stage_epochs": 1,
        "seed": run.seed,
        "work": str(run.file.with_suffix(".work")),
        "output": str(output),
    }
    script = Path(__file__).with_name("peer_pyhighlights.py")
    subprocess.run([python, str(script), json.dumps(given)], check=True)
    found = json.loads(output.read_text(encoding="utf-8"))
    output.unlink()
    return found


def one(run: Run, python: str) -> None:
    """Train and score one run, and keep what was found."""
    from plmr.metrics import token_scores

    folder = RUNS / f"rows-{run.texts}"
    found = train_theirs(run, folder, python) if run.side == PEER else train_ours(run, folder)
    answers, rows = found.pop("answers"), read_rows(folder / "test.jsonl")
    scores = token_scores([answer["flags"] for answer in answers], [row["rationale"] for row in rows])
    right = sum(answer["label"] == row["label"] for answer, row in zip(answers, rows, strict=True))
    found |= {"run": run._asdict(), "S": scores.sparsity, "F1": scores.micro_f1, "random": scores.f1_random}
    found |= {"accuracy": right / len(rows), "machine": machine()}
    aside = run.file.with_suffix(".aside")
    aside.write_text(json.dumps(found, indent=1), encoding="utf-8")
    aside.replace(run.file)


def start(run: Run, python: str) -> None:
    """A run in a process of its own, unless it has a file."""
    if run.file.is_file():
        return
    words = [sys.executable, __file__, "--peer-python", python, "--one", json.dumps(run)]
    with run.file.with_suffix(".log").open("w", encoding="utf-8") as log:
        done = subprocess.run(words, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    print(f"{run.file.stem}: {'done' if done.returncode == 0 else 'failed'}", file=sys.stderr, flush=True)


def tables_of(result: dict[str, Any]) -> Tables:
    """Mean and spread over seeds, and how the sides compare."""
    together: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for found in result["runs"]:
        together.setdefault((found["run"]["method"], found["run"]["side"]), []).append(found)
    rows = [[*key, str(len(found)), *_figures(found)] for key, found in sorted(together.items())]
    compared = []
    for method in NAMES:
        ours, theirs = together.get((method, OURS)), together.get((method, PEER))
        if ours and theirs:
            faster = _seconds(theirs) / _seconds(ours)
            memory = _mean(ours, "peak_mib") / _mean(theirs, "peak_mib")
            f1 = 100 * (_mean(ours, "F1") - _mean(theirs, "F1"))
            compared.append([method, f"{f1:+.1f}", f"{faster:.2f}", f"{memory:.2f}"])
    return [(HEADER, rows), (["ours against theirs", "F1", "times as fast", "share of the memory"], compared)]


def _figures(found: Sequence[dict[str, Any]]) -> list[str]:
    def cell(name: str) -> str:
        values = [100 * each[name] for each in found]
        return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")

    return [
        *(cell(name) for name in ("S", "F1", "random", "accuracy")),
        f"{_seconds(found):.0f}",
        f"{_mean(found, 'peak_mib'):,.0f}",
    ]


def _mean(found: Sequence[dict[str, Any]], name: str) -> float:
    return mean(each[name] for each in found)


def _seconds(found: Sequence[dict[str, Any]]) -> float:
    return mean(second for each in found for second in each["epoch_seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", required=True, help="interpreter of an environment with pyhighlights")
    parser.add_argument("--methods", nargs="+", choices=["plmr", *NAMES], default=["plmr", *NAMES])
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--bf16", action="store_true", help="also ours in bfloat16")
    parser.add_argument("--output", type=Path, default=RESULTS / "peer.json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(Run(*json.loads(given.one)), given.peer_python)
        return
    write_rows(given.texts)
    sides = [PEER, OURS, *([f"{OURS}, bf16"] if given.bf16 else [])]
    runs = [
        Run(method, side, seed, given.epochs, given.texts)
        for seed, method, side in product(range(given.seeds), given.methods, sides)
        if side != PEER or method in NAMES
    ]
    with ThreadPoolExecutor(given.workers) as pool:
        list(pool.map(lambda run: start(run, given.peer_python), runs))
    kept = [json.loads(run.file.read_text(encoding="utf-8")) for run in runs if run.file.is_file()]
    result = {"command": command(), "machine": machine(), "runs": kept}
    result["missing"] = [run.file.stem for run in runs if not run.file.is_file()]
    for header, rows in tables_of(result):
        print(table(header, rows))
    for name in result["missing"]:
        print(f"no figures of {name}")
    given.output.write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
