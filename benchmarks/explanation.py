"""What an explanation costs and what it is worth: post-hoc explainers against the model's own rationales.

    python benchmarks/explanation.py my-model --dataset beer --data-dir DIR --aspect aroma
    python benchmarks/explanation.py my-model --data test.jsonl --limit 20 --explainers ig,shap
    python benchmarks/explanation.py my-model --data test.jsonl --device cuda

The explainers run at their libraries' default budgets on the model's full-text path, all at the length of the model's
own rationale. The targets: LIME and SHAP take at least 50 times the model's own seconds per text, IG 20 times.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from machine import command, machine, result_file

from plmr import RationaleClassifier
from plmr.data import load_dataset_by_name, load_examples
from plmr.explain.posthoc import COLUMNS, compare, draw_sample, read_external
from plmr.render import plain_results

TARGETS = {"lime": 50, "shap": 50, "ig": 20}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder that `plmr train` wrote")
    parser.add_argument("--data", help="labelled texts")
    parser.add_argument("--dataset", help="or a data set by name, of which the test part is used")
    parser.add_argument("--data-dir")
    parser.add_argument("--aspect")
    parser.add_argument("--explainers", help="with commas between; default, all")
    parser.add_argument("--external", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--sparsity", type=float)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, help="default: results/explanation.json, or with the device's name")
    given = parser.parse_args()
    if (given.data is None) == (given.dataset is None):
        parser.error("give --data or --dataset")
    if given.data:
        examples = load_examples(given.data)
    else:
        examples = load_dataset_by_name(given.dataset, "test", data_dir=given.data_dir, aspect=given.aspect)
    numbers = draw_sample(len(examples), given.limit, given.seed)
    files = (text.partition("=") for text in given.external)
    result = compare(
        RationaleClassifier.from_pretrained(given.model, device=given.device),
        [examples[number] for number in numbers],
        given.explainers.split(",") if given.explainers else None,
        {name: read_external(file, examples, numbers) for name, _, file in files},
        sparsity=given.sparsity,
        batch_size=given.batch_size,
        seed=given.seed,
        track=lambda items, name: print(f"{name}: {len(items)} texts", file=sys.stderr, flush=True) or items,
    )
    print(plain_results(result.figures(), COLUMNS))
    record = result.to_dict()
    record["targets"] = [
        {"explainer": name, "times_slower": record["systems"][name]["times_slower"], "at_least": least}
        for name, least in TARGETS.items()
        if name in record["systems"]
    ]
    for target in record["targets"]:
        met = "met" if target["times_slower"] >= target["at_least"] else "NOT met"
        print(f"{target['explainer']}: {target['times_slower']:.1f} times, at least {target['at_least']}: {met}")
    for note in result.notes:
        print(f"note: {note}")
    record = {"command": command(), "machine": machine(), "limit": given.limit, "batch": given.batch_size, **record}
    output = given.output or result_file("explanation", given.device)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
