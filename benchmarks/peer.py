"""Methods of the same name here and in pyhighlights 0.14, and PLMR: quality, seconds per epoch and peak memory.

    python -m venv peer-env
    peer-env/bin/pip install "pyhighlights[transformers]==0.14.0" torch==2.13.0
    python benchmarks/peer.py --peer-python peer-env/bin/python --workers 2

Both sides read the same files of generated reviews (correlation .8) and have MiniLM's weights from the same folder,
selection by word, float32, one thread, as many epochs and texts in a batch. The sparsity asked for is the share that is
gold. Masks are the most likely ones, not drawn. Each side writes its words and labels, and one scorer reads them.

Ours is the library's default recipe: 2e-4 for the encoder and 1e-3 for the heads, a linear schedule, the epoch with
the best validation accuracy. Theirs is what they register, with a rate for the encoder beside their 1e-3, as they ask
for where one is trained, and the epoch with the lowest validation loss; what else is set is listed in
`peer_pyhighlights.py`. The rate is ours, 2e-4, and 5e-5, usual for larger encoders: each has rows of its own, so that
nothing is chosen for them, and PLMR stands beside the best F1 of all.

Every run is a process of its own; one with a file under `runs/peer/` is skipped. Seconds are of the processor, which
other work on the machine disturbs less than the clock (it is kept too); they hold the making of batches, but neither
validation nor checkpoints. `--bf16` adds ours in bfloat16.

What cannot be made equal. Theirs has no calibration: its share of words is what the penalty leaves, so the second table
also says what drawn masks would be worth, and its scores cut at the share asked for. Ours reads whole texts in the
first part of the epochs (cheap: see the last epoch for the game alone), its DAR and G-RAT learn their teachers there;
theirs have `--stage-epochs` for that, on top of the epochs, instead of the 20 and 10 they register. Ours groups texts
of like length, and tokenizes them once, before the first epoch. MiniLM's dropout is on in ours; Lightning leaves it off
in theirs, as the encoder was loaded, but for DAR and G-RAT's guider, which switch it on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from machine import RESULTS, command, machine
from pairs import Tables, table

from plmr.io import atomic_path

RUNS = Path("runs/peer")
NAMES = {"fr": "fr", "mcd": "mcd", "dar": "dar", "g-rat": "grat", "mgr": "mgr"}
"""Methods that both have, by our name."""
OURS, OURS_BF16, PEER = "ours", "ours-bf16", "pyhighlights"
RATES = [2e-4, 5e-5]
HEADER = ["method", "side", "seeds", "asked", "S", "F1", "random", "accuracy",
          "s an epoch", "s last epoch", "s training", "peak MiB"]  # fmt: skip
COMPARED = ["ours", "theirs", "its side", "F1, ours less theirs",
            "times as fast: an epoch", "the last", "training", "memory"]  # fmt: skip
OTHERWISE = ["theirs", "its side", "S as scored", "F1", "S drawn", "F1 drawn", "F1 at the share asked for"]


class Plan(NamedTuple):
    """What all runs have in common."""

    texts: int
    validation: int
    test: int
    epochs: int
    stage_epochs: int
    batch_size: int

    @property
    def folder(self) -> Path:
        return RUNS / "-".join(map(str, self))


class Run(NamedTuple):
    """One training of one side; `rate` is that of their encoder, where ours has the library's."""

    method: str
    side: str
    seed: int
    rate: float | None = None

    @property
    def of_peer(self) -> bool:
        return self.side == PEER

    @property
    def side_name(self) -> str:
        return self.side if self.rate is None else f"{self.side} {self.rate:g}"

    @property
    def name(self) -> str:
        return f"{self.method}-{self.side_name}-{self.seed}".replace(" ", "-")


def write_rows(plan: Plan) -> None:
    """Training, validation and test rows, as files that both sides read, maybe while they are written anew."""
    from plmr import make_reviews

    for seed, (part, number) in enumerate((("train", plan.texts), ("val", plan.validation), ("test", plan.test))):
        with atomic_path(plan.folder / f"{part}.jsonl") as aside, aside.open("w", encoding="utf-8") as lines:
            for example in make_reviews(number, seed=2000 + seed):
                words = [example.text[start:end] for start, end in example.words]
                flags = [int(flag) for flag in example.rationale or ()]
                row = {"tokens": words, "label": int(example.label == "positive"), "rationale": flags}
                lines.write(json.dumps(row) + "\n")


def read_rows(file: Path) -> list[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def gold_share(plan: Plan) -> float:
    flags = [flag for row in read_rows(plan.folder / "train.jsonl") for flag in row["rationale"]]
    return sum(flags) / len(flags)


def start(plan: Plan, run: Run, python: str) -> None:
    """A run in a process of its own, scored when it is over; nothing if it has a file."""
    from plmr.encoders.loading import encoder_path

    file = plan.folder / f"{run.name}.json"
    if file.is_file():
        return
    given = plan._asdict() | {
        "method": NAMES[run.method] if run.of_peer else run.method,
        "encoder_rate": run.rate,
        "seed": run.seed,
        "rows": str(plan.folder),
        "encoder": encoder_path("minilm"),
        "sparsity": gold_share(plan),
        "bf16": run.side == OURS_BF16,
        "answers": str(file.with_suffix(".answers.jsonl")),
        "output": str(file.with_suffix(".found")),
    }
    script = "peer_pyhighlights.py" if run.of_peer else "peer_plmr.py"
    words = [python if run.of_peer else sys.executable, str(Path(__file__).with_name(script)), json.dumps(given)]
    with file.with_suffix(".log").open("w", encoding="utf-8") as log:
        done = subprocess.run(words, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    if done.returncode:
        last = file.with_suffix(".log").read_text(encoding="utf-8").strip().rpartition("\n")[2]
        print(f"{run.name}: failed with {done.returncode}: {last}", file=sys.stderr, flush=True)
        return
    keep(run, given, file)
    print(f"{run.name}: done", file=sys.stderr, flush=True)


def keep(run: Run, given: Mapping[str, Any], file: Path) -> None:
    """Score what a run has answered, and write its file."""
    raw = Path(given["output"])
    answers, rows = read_rows(Path(given["answers"])), read_rows(Path(given["rows"]) / "test.jsonl")
    found = {"run": run._asdict(), "asked": given["sparsity"], **json.loads(raw.read_text(encoding="utf-8"))}
    found |= scores_of(answers, rows, given["sparsity"])
    with atomic_path(file) as aside:
        aside.write_text(json.dumps(found, indent=1), encoding="utf-8")
    raw.unlink()


def scores_of(answers: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], asked: float) -> dict[str, Any]:
    """The figures of both sides; and, where words come with log-odds, what other ways to choose would give."""
    import numpy as np

    from plmr.metrics import token_scores

    gold = [row["rationale"] for row in rows]
    scores = token_scores([answer["flags"] for answer in answers], gold)
    right = sum(answer["label"] == row["label"] for answer, row in zip(answers, rows, strict=True))
    found = {"S": scores.sparsity, "F1": scores.micro_f1, "random": scores.f1_random, "accuracy": right / len(rows)}
    if "log_odds" not in answers[0]:
        return found
    odds, marked = np.concatenate([answer["log_odds"] for answer in answers]), np.concatenate(gold)
    keep = 1 / (1 + np.exp(-odds))
    # A ratio of expected counts: with so many words a single draw hardly differs from it.
    drawn = 2 * (keep * marked).sum() / (keep.sum() + marked.sum())
    least = np.quantile(odds, 1 - asked)
    cut = token_scores([[odd > least for odd in answer["log_odds"]] for answer in answers], gold)
    return found | {"S drawn": float(keep.mean()), "F1 drawn": float(drawn), "F1 cut": cut.micro_f1}


def tables_of(result: Mapping[str, Any]) -> Tables:
    """Mean and spread over seeds, how the sides compare, and what theirs would have with other masks."""
    together: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for found in result["runs"]:
        run = Run(**found["run"])
        together.setdefault((run.method, run.side_name), []).append(found)
    rows = [[*key, str(len(found)), *_figures(found)] for key, found in sorted(together.items())]
    theirs = {key: found for key, found in together.items() if Run(**found[0]["run"]).of_peer}
    pairs = [(key[0], key) for key in sorted(theirs)]
    if theirs:
        pairs.append(("plmr", max(theirs, key=lambda key: _mean(theirs[key], "F1"))))
    compared = [
        [method, *other, *_ratios(ours, theirs[other])]
        for method, other in pairs
        if (ours := together.get((method, OURS)))
    ]
    otherwise = [
        [*key, *(_percent(found, name) for name in ("S", "F1", "S drawn", "F1 drawn", "F1 cut"))]
        for key, found in sorted(theirs.items())
    ]
    return [(HEADER, rows), (COMPARED, compared), (OTHERWISE, otherwise)]


def _figures(found: Sequence[Mapping[str, Any]]) -> list[str]:
    shares = [_percent(found, name) for name in ("asked", "S", "F1", "random", "accuracy")]
    return [*shares, *(f"{seconds:,.1f}" for seconds in _times(found)), f"{_mean(found, 'peak_mib'):,.0f}"]


def _percent(found: Sequence[Mapping[str, Any]], name: str) -> str:
    values = [100 * each[name] for each in found]
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def _mean(found: Sequence[Mapping[str, Any]], name: str) -> float:
    return mean(each[name] for each in found)


def _times(found: Sequence[Mapping[str, Any]]) -> list[float]:
    """Processor seconds of an epoch, of the last epoch, and of all training, stages before the game included."""
    epochs = [[epoch["processor"] for epoch in each["epochs"]] for each in found]
    stages = mean(each["stage"]["processor"] for each in found)
    whole = mean(map(sum, epochs))
    return [mean(map(mean, epochs)), mean(each[-1] for each in epochs), whole + stages]


def _ratios(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> list[str]:
    faster = [slow / fast for slow, fast in zip(_times(theirs), _times(ours), strict=True)]
    memory = _mean(ours, "peak_mib") / _mean(theirs, "peak_mib")
    return [f"{100 * (_mean(ours, 'F1') - _mean(theirs, 'F1')):+.1f}", *(f"{each:.2f}" for each in faster),
            f"{memory:.2f}"]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", required=True, help="interpreter of an environment with pyhighlights")
    parser.add_argument("--methods", nargs="+", choices=["plmr", *NAMES], default=["plmr", *NAMES])
    parser.add_argument("--sides", nargs="+", choices=[OURS, PEER], default=[OURS, PEER])
    parser.add_argument("--peer-rates", nargs="+", type=float, default=RATES, help="learning rates of their encoder")
    parser.add_argument("--texts", type=int, default=2000, help="to train on")
    parser.add_argument("--validation", type=int, default=300)
    parser.add_argument("--test", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--stage-epochs", type=int, default=1, help="epochs of their DAR's and G-RAT's teachers")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--bf16", action="store_true", help="also ours in bfloat16")
    parser.add_argument("--output", type=Path, default=RESULTS / "peer.json")
    given = parser.parse_args()
    plan = Plan(given.texts, given.validation, given.test, given.epochs, given.stage_epochs, given.batch_size)
    write_rows(plan)
    theirs = [(PEER, rate) for rate in given.peer_rates if PEER in given.sides]
    ours = [*([(OURS, None)] if OURS in given.sides else []), *([(OURS_BF16, None)] if given.bf16 else [])]
    runs = [
        run
        for seed, (side, rate), method in product(range(given.seeds), [*ours, *theirs], given.methods)
        if (run := Run(method, side, seed, rate)).method in NAMES or not run.of_peer
    ]
    with ThreadPoolExecutor(given.workers) as pool:
        list(pool.map(lambda run: start(plan, run, given.peer_python), runs))
    files = {run.name: plan.folder / f"{run.name}.json" for run in runs}
    kept = [json.loads(file.read_text(encoding="utf-8")) for file in files.values() if file.is_file()]
    missing = [name for name, file in files.items() if not file.is_file()]
    result = {"command": command(), "machine": machine(), "plan": plan._asdict(), "missing": missing, "runs": kept}
    for header, rows in tables_of(result):
        if rows:
            print(table(header, rows), end="\n\n")
    for name in missing:
        print(f"no figures of {name}: it failed")
    given.output.write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
