"""Rationale quality of PLMR and RNP on the synthetic corpus, on beer reviews and on movie reviews.

    python benchmarks/quality.py run --suite synthetic --workers 2
    python benchmarks/quality.py run --suite beer --data-dir DIR --workers 2
    python benchmarks/quality.py report --suite beer

Every run is a process of its own with one thread and writes one JSON file under `runs/quality/`. A run that has a file
there, or stands in `results/quality-SUITE.json`, is skipped. A suite that was stopped goes on where it was, and so does
a run that was killed, from its last epoch. Choices are made on validation figures; `--test` adds the test figures to a
run, and is for the final report, which shows them once all seeds are there: three, and one where `quality_suites.py`
says that one is enough.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from quality_suites import BEER, BEER_SPARSITY, SUITES, Run, base_of, model_settings, recipe, seeds_of, suite

RUNS = Path("runs/quality")
RESULTS = Path(__file__).parent / "results"
HEADER = ["aspect", "method", "seeds", "scored on", "S", "P", "R", "F1", "ceiling", "random", "accuracy", "minutes"]
HEADER += ["heldout: silver F1", "random", "accuracy"]
MOST_TEXTS = 3000
"""Beer reviews a run trains on, drawn with the same seed for all runs: it fits the time of a run on one core."""


def parts(run: Run, data_dir: str | None, test: bool) -> tuple[list[Any], list[Any], list[Any], float]:
    """Training, validation and test examples, and the sparsity asked for."""
    from plmr import make_reviews
    from plmr.data import load_beer, load_eraser

    base = base_of(run.suite)
    if base == "synthetic":
        train, validation, held = (make_reviews(n, seed=1000 + i) for i, n in enumerate((8000, 400, 1000)))
        flags = [flag for example in train for flag in example.rationale or ()]
        return train, validation, held if test else [], sum(flags) / len(flags)
    if data_dir is None:
        raise SystemExit("--data-dir is missing: the folder with the files of this suite")
    if base == "movies":
        train, validation = (load_eraser(data_dir, part) for part in ("train", "validation"))
        return train, validation, load_eraser(data_dir, "test") if test else [], 0.2
    family = "correlated" if base == "correlated" else "decorrelated"
    train, validation = (
        load_beer(data_dir, run.aspect, part, family=family, positive=0.8, seed=0) for part in ("train", "validation")
    )
    train = random.Random(0).sample(train, min(MOST_TEXTS, len(train)))
    return train, validation, load_beer(data_dir, run.aspect, "test") if test else [], BEER_SPARSITY[run.aspect]


def one(run: Run, given: argparse.Namespace) -> None:
    """Train and score one run, in this process."""
    import torch
    from machine import command, machine

    from plmr import RationaleClassifier
    from plmr.devices import fast_bfloat16, find_device
    from plmr.io import atomic_path

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    settings = json.loads(given.model) if given.model else model_settings(run.suite)
    options = json.loads(given.training) if given.training else recipe(run.suite)
    bf16 = fast_bfloat16(find_device())
    train, validation, held, sparsity = parts(run, given.data_dir, given.test)
    classifier = RationaleClassifier.from_pretrained("minilm", sparsity=sparsity, method=run.method, **settings)
    output = given.output or RUNS / f"{run.name}.json"
    checkpoints = output.with_suffix(".checkpoints")
    started = time.process_time()
    summary = classifier.fit(
        train,
        validation=validation,
        output_dir=checkpoints,
        resume=checkpoints.is_dir(),
        seed=run.seed,
        bf16=bf16,
        disable_tqdm=True,
        **options,
    )
    if given.save:
        classifier.save_pretrained(given.save / run.name)
    result = {
        "run": asdict(run),
        "config": classifier.config.to_diff_dict(),
        "training": options,
        "bf16": bf16,
        "n_train": len(train),
        "cpu_seconds": time.process_time() - started,
        "seconds": summary.seconds,
        "notes": summary.notes,
        "fit": summary.metrics,
        "validation": classifier.evaluate(validation).to_dict(),
        "silver": silver(classifier, validation, run.aspect) if base_of(run.suite) in BEER else None,
        "test": classifier.evaluate(held).to_dict() if held else None,
        "machine": machine(),
        "command": command(),
    }
    with atomic_path(output) as aside:
        aside.write_text(json.dumps(result, indent=1, default=str), encoding="utf-8")
    shutil.rmtree(checkpoints)


def silver(classifier: Any, examples: Sequence[Any], aspect: str) -> dict[str, float | None]:
    """Agreement with stretches that name the aspect: a figure to choose settings by where nobody marked any words."""
    from silver import silver_flags

    from plmr.data import flags_from_ranges
    from plmr.metrics import token_scores

    answers = classifier([example.text for example in examples])
    chosen = [flags_from_ranges(e.words, answer.spans) for e, answer in zip(examples, answers, strict=True)]
    marked = [silver_flags([e.text[a:b] for a, b in e.words], aspect) for e in examples]
    scores = token_scores(chosen, marked)
    return {"f1": scores.micro_f1, "precision": scores.micro_precision, "recall": scores.micro_recall,
            "share": scores.gold_share, "random": scores.f1_random}  # fmt: skip


def run_all(runs: Sequence[Run], workers: int, passed_on: Sequence[str]) -> None:
    """Run what is missing, several at once, each in its own process."""

    def start(run: Run) -> None:
        if result_of(run) is None:
            start_one(run, RUNS / f"{run.name}.json", passed_on)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(start, runs))


def start_one(run: Run, output: Path, passed_on: Sequence[str]) -> None:
    """One run in a process of its own, with a log beside its file."""
    output.parent.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, str(Path(__file__).with_name("quality.py")), "one"]
    words += ["--run", json.dumps(asdict(run)), "--output", str(output), *passed_on]
    with output.with_suffix(".log").open("w", encoding="utf-8") as log:
        done = subprocess.run(words, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    print(f"{output.stem}: {'done' if done.returncode == 0 else f'failed, see {log.name}'}", flush=True)


def result_of(run: Run) -> dict[str, Any] | None:
    """What a run has found, from its own file or from the results kept with the project."""
    own = RUNS / f"{run.name}.json"
    if own.is_file():
        return json.loads(own.read_text(encoding="utf-8"))
    return next((result for result in kept_results(run.suite) if result["run"] == asdict(run)), None)


def kept_results(name: str) -> list[dict[str, Any]]:
    """The results of a suite that are kept with the project."""
    kept = RESULTS / f"quality-{name}.json"
    return json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else []


def rows_of(results: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Mean and spread over seeds, one row for each aspect and method."""
    together: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for result in results:
        together.setdefault((result["run"]["aspect"], result["run"]["method"]), []).append(result)
    return [[*key, str(len(found)), *_figures(found)] for key, found in sorted(together.items())]


def report(name: str, runs: Sequence[Run]) -> None:
    """Print mean and spread over seeds, and keep the figures under benchmarks/results/."""
    from pairs import table

    kept = [result for run in runs if (result := result_of(run)) is not None]
    rows = rows_of(kept)
    print(table(HEADER, rows))
    for line in published_lines(name, {aspect for aspect, *_ in rows}):
        print(line)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"quality-{name}.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")


def published_lines(name: str, aspects: Iterable[str]) -> list[str]:
    """PLMR's published figures on BERT for the aspects of a beer suite, from more texts of another site."""
    from plmr.studies.published import published_beside

    found = []
    for aspect in sorted(aspects) if name in ("beer", "correlated") else []:
        row = published_beside("plmr", "bert-base", "beer", BEER_SPARSITY[aspect], aspect)
        if row is not None:
            differs = row.difference("decorrelated" if name == "beer" else "correlated")
            found.append(
                f"published for {aspect}: S {row.S}, P {row.P}, R {row.R}, F1 {row.F1} ({row.origin}{differs})"
            )
    return found


def _figures(results: Sequence[dict[str, Any]]) -> list[str]:
    # Not before the seeds are complete, so that nothing is chosen by them.
    complete = len(results) >= seeds_of(results[0]["run"]["suite"]) and all(result["test"] for result in results)
    scored_on = "test" if complete else "validation"

    def cell(*path: str) -> str:
        values = [100 * value for result in results if (value := _at(result, path)) is not None]
        if not values:
            return "–"
        return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")

    keys = ("sparsity", "micro_precision", "micro_recall", "micro_f1", "f1_ceiling", "f1_random")
    minutes = f"{mean(result['cpu_seconds'] for result in results) / 60:.1f}"
    figures = [*(cell(scored_on, "word", key) for key in keys), cell(scored_on, "classification", "accuracy"), minutes]
    heldout = [cell("silver", "f1"), cell("silver", "random"), cell("validation", "classification", "accuracy")]
    return [scored_on, *figures, *heldout]


def _at(result: Any, path: Sequence[str]) -> float | None:
    for key in path:
        result = (result or {}).get(key)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["run", "one", "report"])
    parser.add_argument("--suite", choices=SUITES, default="synthetic")
    parser.add_argument("--seeds", type=int, help="default, those of the suite: three, or one")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--data-dir")
    parser.add_argument("--test", action="store_true", help="also score the test part: for the final report only")
    parser.add_argument("--model", help="settings of RationaleConfig, as JSON; default, those of the suite")
    parser.add_argument("--training", help="training options, as JSON; default, the recipe of the suite")
    parser.add_argument("--save", type=Path, help="folder for the trained classifiers; default, none is kept")
    parser.add_argument("--run", help="one run, as JSON; used by `run`")
    parser.add_argument("--output", type=Path, help="file of that run")
    given = parser.parse_args()
    if given.action == "one":
        one(Run(**json.loads(given.run)), given)
        return
    runs = suite(given.suite, given.seeds or seeds_of(given.suite))
    if given.action == "run":
        passed_on = ["--test"] if given.test else []
        for name in ("model", "training", "data_dir", "save"):
            if value := getattr(given, name):
                passed_on += [f"--{name.replace('_', '-')}", str(value)]
        run_all(runs, given.workers, passed_on)
    report(given.suite, runs)


if __name__ == "__main__":
    main()
