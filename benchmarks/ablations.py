"""What single changes of the preset `default` do on real reviews, for PLMR and for RNP alike.

    python benchmarks/ablations.py --data-dir DIR --workers 2
    python benchmarks/ablations.py --data-dir DIR --only plmr-default rnp-default

Beer reviews, appearance, decorrelated file, MiniLM, 3,000 texts × 2 epochs, one seed. Everything is read off the
heldout part, where nobody marked any words: agreement with stretches that name the aspect (`silver.py`), and accuracy.
No test text is touched. Each run is a process of its own; those with a file under `runs/ablations/` are skipped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pairs import table
from quality import RESULTS, start_one
from quality_suites import Run, recipe

RUNS = Path("runs/ablations")
RESULT = RESULTS / "ablations.json"
EPOCHS = 2
PENALTY = {"sampler": "gumbel", "score_spread": None, "smoothing": 1}
"""Masks by the paper's Gumbel-softmax with a penalty, instead of the preset's budget."""

CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "default": ({}, {}),
    "slower predictor": ({}, {"predictor_learning_rate_scale": 0.2}),
    "penalty, annealed": ({**PENALTY, "sparsity_delay": 0.0, "sparsity_annealing": 0.6}, {}),
    "penalty, starts by keeping": (
        {**PENALTY, "keep_bias": 5.0, "sparsity_delay": 0.0, "sparsity_annealing": 0.0},
        {},
    ),
    "continuity 10": ({"continuity_weight": 10.0}, {}),
    "no start on whole texts": ({"sparsity_delay": 0.0, "sparsity_annealing": 0.0}, {}),
    "no full text": ({"full_text_path": "none"}, {}),
    "subword": ({"unit": "subword"}, {}),
}
"""Settings of the model and of training that differ, by name."""
PLMR_ALONE = {"no full text"}


def runs() -> dict[str, tuple[str, str]]:
    """Method and change of every run, by the run's name; the methods in turns, so that few runs compare both."""
    return {
        f"{method}-{change.replace(', ', '-').replace(' ', '-')}": (method, change)
        for change in CHANGES
        for method in ("plmr", "rnp")
        if method == "plmr" or change not in PLMR_ALONE
    }


def start(name: str, data_dir: str) -> None:
    method, change = runs()[name]
    output = RUNS / f"{name}.json"
    if output.is_file() or name in kept():
        return
    model, training = CHANGES[change]
    training = {**recipe("beer"), "epochs": EPOCHS, **training}
    passed_on = ["--model", json.dumps(model), "--training", json.dumps(training), "--data-dir", data_dir]
    start_one(Run("beer", "look", method, 0), output, passed_on)


def kept() -> dict[str, Any]:
    """The results kept with the project, by name."""
    return json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}


def collect() -> dict[str, Any]:
    """All results there are, from the runs' files and from those kept with the project."""
    found = kept()
    for name in runs():
        file = RUNS / f"{name}.json"
        if file.is_file():
            found[name] = json.loads(file.read_text(encoding="utf-8"))
    return {name: found[name] for name in runs() if name in found}


HEADER = ["method", "change", "accuracy from rationales", "S", "silver F1", "random", "minutes"]


def rows_of(results: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for name, result in results.items():
        method, change = runs()[name]
        held, silver = result["validation"], result["silver"]
        figures = (held["classification"]["accuracy"], held["word"]["sparsity"], silver["f1"], silver["random"])
        rows.append([method, change, *(f"{100 * figure:.1f}" for figure in figures)])
        rows[-1].append(f"{result['cpu_seconds'] / 60:.1f}")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=list(runs()), default=list(runs()), metavar="RUN")
    given = parser.parse_args()
    with ThreadPoolExecutor(given.workers) as pool:
        list(pool.map(lambda name: start(name, given.data_dir), given.only))
    results = collect()
    print(table(HEADER, rows_of(results)))
    RESULT.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
