"""How fast a trained classifier answers: torch as it is, in bfloat16, compiled, ONNX, ONNX in 8 bits.

    python benchmarks/export.py my-model --beer-dir DIR --aspect aroma
    python benchmarks/export.py my-model --data test.jsonl
    python benchmarks/export.py my-model --data test.jsonl --device cuda    torch on the GPU, ONNX on the processor

The model is copied and exported; every side answers the same tokenized texts with as many threads, in turns. Beside
its speed stands how far it agrees with torch, and with the words that people marked.
"""

from __future__ import annotations

import argparse
import copy
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import torch
from machine import command, machine, result_file
from pairs import Tables, in_turns, ratio, table

from plmr import RationaleClassifier, RationaleModel
from plmr.data import Example, load_beer, load_examples
from plmr.data.encoding import RationaleTokenizer
from plmr.explain.export import export_onnx, measured
from plmr.explain.long_texts import predict_documents
from plmr.explain.onnx import FILES
from plmr.explain.windows import split_all
from plmr.inference import Prediction


def sides_of(classifier: RationaleClassifier, folder: str, examples: Sequence[Example]) -> dict[str, RationaleModel]:
    """The same weights, run in as many ways as this machine has."""
    assert classifier.model is not None
    sides = {"torch": classifier.model, "torch bf16": classifier.model}
    if (compiled := _compiled(classifier.model)) is not None:
        sides["torch.compile"] = compiled
    with tempfile.TemporaryDirectory() as temporary:
        there = Path(temporary) / "model"
        shutil.copytree(folder, there, ignore=shutil.ignore_patterns("checkpoint-*"))
        export_onnx(classifier, there, examples, int8=True)
        for backend in FILES:
            model = RationaleClassifier.from_pretrained(there, backend=backend).model
            assert model is not None
            sides[backend] = model
    return sides


def _compiled(model: RationaleModel) -> RationaleModel | None:
    """The blocks compiled for any length, or None where nothing can be compiled."""
    compiled = copy.deepcopy(model)
    try:
        for block in compiled.method.encoder.blocks:
            block.compile(dynamic=True)
        with torch.inference_mode():
            ids = torch.ones(2, 8, dtype=torch.long, device=model.device)
            compiled.eval()(ids, word_ids=torch.zeros_like(ids))
    except Exception as error:
        print(f"torch.compile is not available here: {str(error).splitlines()[0]}")
        return None
    return compiled


def tables_of(result: dict[str, Any]) -> Tables:
    header = ["side", "texts / second", "times torch", "labels alike", "words alike", "word F1"]
    cells = [
        [row["name"], f"{row['texts_per_second']:.1f}", f"{row['times_torch']:.2f}", f"{row['labels_alike']:.1%}",
         f"{row['words_alike']:.1%}", "–" if row["word_f1"] is None else f"{100 * row['word_f1']:.1f}"]
        for row in result["sides"]
    ]  # fmt: skip
    return [(header, cells)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder that `plmr train` wrote")
    parser.add_argument("--data", help="labelled texts")
    parser.add_argument("--beer-dir", help="or the folder of the beer reviews, whose annotations are taken")
    parser.add_argument("--aspect", default="aroma")
    parser.add_argument("--limit", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu", help="of torch")
    parser.add_argument("--output", type=Path, help="default: results/export.json, or with the device's name")
    given = parser.parse_args()
    examples = load_beer(given.beer_dir, given.aspect, "test") if given.beer_dir else load_examples(given.data)
    examples = examples[: given.limit]
    classifier = RationaleClassifier.from_pretrained(given.model, device=given.device)
    texts = RationaleTokenizer(classifier.tokenizer, None).examples(examples, [None] * len(examples))
    documents = split_all(texts, classifier.config)

    def side(name: str, model: RationaleModel) -> Callable[[], list[Prediction]]:
        def answer() -> list[Prediction]:
            with torch.autocast(model.device.type, torch.bfloat16) if name == "torch bf16" else nullcontext():
                return predict_documents(model, documents, given.batch_size)

        return answer

    work = {name: side(name, model) for name, model in sides_of(classifier, given.model, examples).items()}
    answers = {name: run() for name, run in work.items()}
    times = in_turns(work, given.rounds)
    speeds = {name: len(texts) / median(seconds) for name, seconds in times.items()}
    runs = measured(documents, answers, examples, speeds)
    rows = [asdict(run) | {"times_torch": ratio(times, "torch", run.name)} for run in runs]
    result = {"command": command(), "machine": machine(), "texts": len(texts), "batch": given.batch_size, "sides": rows}
    for header, cells in tables_of(result):
        print(table(header, cells))
    output = given.output or result_file("export", given.device)
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
