"""How time and memory of predicting grow with the length of a text and with the number of texts.

    python benchmarks/growth.py
    python benchmarks/growth.py --length 128 512 --tokens 2000 --file 10 40 --reviews 40 --rounds 1     a small try
    python benchmarks/growth.py --device cuda

MiniLM with untrained heads, thresholds calibrated to α on generated reviews; windows of 256 tokens.

lengths    texts of so many tokens, as many as make `--tokens` together: seconds per text, and the highest memory
files      `plmr predict` on files of so many reviews: seconds without those of a file with one text, which is the time
           to load a model, processor time of each text more, and the highest memory
kept       reading, tokenizing, predicting and writing `--reviews` reviews as `plmr predict` does, against the model
           alone on tokenized texts: what share of its texts per second is left, in one process and in turns

Every figure is measured in a process of its own, which is where the highest memory is read: the resident set or, on a
GPU, what torch has allocated there. Times end with answers on the processor, when a GPU has nothing left to do.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain, count, islice
from pathlib import Path
from statistics import median
from typing import Any

from machine import command, machine, peak_mib, result_file
from pairs import Tables, in_turns, ratio, table

from plmr import RationaleClassifier, RationaleConfig, RationaleModel, make_reviews
from plmr.cli import app
from plmr.cli.options import columns
from plmr.cli.predict import answered
from plmr.data import RationaleTokenizer, iter_rows, split_words
from plmr.explain.vocabulary import load_tokenizer
from plmr.inference import chunked, predict
from plmr.training.calibration import calibrate


def save_model(folder: Path, sparsity: float) -> None:
    """A classifier whose rationales are as long as asked for."""
    config = RationaleConfig(encoder="minilm", sparsity=sparsity)
    tokenizer = load_tokenizer("minilm")
    config.pad_token_id = tokenizer.pad_token_id
    model = RationaleModel.from_encoder(config)
    texts = list(reviews(200))
    calibrate(model, RationaleTokenizer(tokenizer, config.max_tokens)(texts, [split_words(text) for text in texts]))
    RationaleClassifier(config, model, tokenizer).save_pretrained(folder)


def reviews(number: int) -> Iterator[str]:
    """Generated reviews, a thousand different ones over and over."""
    some = [example.text for example in make_reviews(min(number, 1_000), seed=0)]
    return islice(chain.from_iterable(some for _ in count()), number)


def text_of(classifier: RationaleClassifier, n_tokens: int) -> str:
    """Reviews one after the other, cut where a number of tokens is reached."""
    text = " ".join(reviews(2 + n_tokens // 20))
    encoded = classifier.tokenizer(text, return_offsets_mapping=True, verbose=False)
    return text[: encoded["offset_mapping"][n_tokens - 2][1]]


def time_length(device: str, folder: str, n_tokens: int, total: int, batch_size: int) -> dict[str, float]:
    """Texts of one length, in this process."""
    classifier = RationaleClassifier.from_pretrained(folder, device=device)
    text = text_of(classifier, n_tokens)
    classifier(text, batch_size=batch_size)
    texts = [text] * max(1, total // n_tokens)
    started = time.perf_counter()
    notes = [answer.note for answer in classifier.iter_predict(texts, batch_size)]
    each = 1e3 * (time.perf_counter() - started) / len(texts)
    windows = int(notes[0].split()[2]) if "windows" in (notes[0] or "") else 1
    return {
        "texts": len(texts), "windows": windows, "ms_per_text": each, "ms_per_1000_tokens": 1e3 * each / n_tokens
    }  # fmt: skip


def time_sides(device: str, folder: str, number: int, batch_size: int, rounds: int) -> dict[str, Any]:
    """All that `plmr predict` does with a file, and the model alone, in this process."""
    classifier = RationaleClassifier.from_pretrained(folder, device=device)
    source, target = Path(folder).parent / "reviews.jsonl", Path(folder).parent / "sides.jsonl"
    write_reviews(source, number)
    tokenization = RationaleTokenizer(classifier.tokenizer, classifier.config.max_tokens)
    chunks = chunked(reviews(number), 16 * batch_size, sys.maxsize)
    encoded = [tokenization(chunk, [split_words(text) for text in chunk]) for chunk in chunks]

    def command() -> None:
        with target.open("w", encoding="utf-8") as lines:
            lines.writelines(line for line, _ in answered(classifier, iter_rows(source), columns(), batch_size))

    times = in_turns(
        {"command": command, "model": lambda: [predict(classifier.model, chunk, batch_size) for chunk in encoded]},
        rounds,
    )
    return {"texts": number, "kept": 1 / ratio(times, "command", "model")} | {
        f"{name}_seconds": median(values) for name, values in times.items()
    }


def write_reviews(file: Path, number: int) -> None:
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps({"text": text}) + "\n" for text in reviews(number))


def time_command(device: str, folder: str, source: str, batch_size: int) -> dict[str, float]:
    """`plmr predict` on a file, in this process."""
    target = Path(folder).parent / "answers.jsonl"
    started = time.perf_counter()
    try:
        options = ["--batch-size", str(batch_size), "--device", device]
        app(["predict", folder, "--input", source, "--output", str(target), *options])
    except SystemExit as end:
        if end.code:
            raise
    return {"seconds": time.perf_counter() - started}


TASKS = {"length": time_length, "sides": time_sides, "command": time_command}


def run_task(name: str, device: str, *arguments: Any) -> None:
    """Do a task on a device and print what it found, with the highest memory of this process."""
    found = TASKS[name](device, *arguments)
    print(json.dumps(found | {"processor_seconds": time.process_time(), "peak_mib": peak_mib(device)}))


def task(*arguments: object) -> dict[str, Any]:
    """Run a task in a process of its own."""
    words = [sys.executable, __file__, "--task", json.dumps(arguments)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def lengths(folder: Path, given: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    for n_tokens in given.length:
        rows.append(
            {"tokens": n_tokens} | task("length", given.device, str(folder), n_tokens, given.tokens, given.batch)
        )
        print(f"{n_tokens} tokens: done", file=sys.stderr, flush=True)
    return rows


def files(folder: Path, given: argparse.Namespace) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number in (1, *given.file):
        source = folder.parent / f"{number}.jsonl"
        write_reviews(source, number)
        rows.append({"texts": number} | task("command", given.device, str(folder), str(source), given.batch))
        print(f"file of {number}: done", file=sys.stderr, flush=True)
    start, *rest = rows
    for row in rest:
        row["seconds"] -= start["seconds"]
    return rest


def file_rows(found: list[dict[str, Any]]) -> list[list[str]]:
    """Cells of the table of files. What texts cost beyond those of the file before is free of the time to start."""
    rows = []
    for before, row in zip([None, *found], found, strict=False):
        further = "–"
        if before is not None:
            spent = row["processor_seconds"] - before["processor_seconds"]
            further = f"{1e3 * spent / (row['texts'] - before['texts']):.1f}"
        rows.append([f"{row['texts']:,}", f"{row['seconds']:,.0f}", further, f"{row['peak_mib']:,.0f}"])
    return rows


def tables_of(result: dict[str, Any]) -> Tables:
    rows = [
        [f"{r['tokens']:,}", f"{r['windows']}", f"{r['texts']}"]
        + [f"{r[name]:,.1f}" for name in ("ms_per_text", "ms_per_1000_tokens", "peak_mib")]
        for r in result["lengths"]
    ]
    return [
        (["tokens", "windows", "texts", "ms / text", "ms / 1,000 tokens", "peak MiB"], rows),
        (["file of", "seconds", "processor ms for each further text", "peak MiB"], file_rows(result["files"])),
    ]


def summary_of(result: dict[str, Any]) -> str:
    return f"kept of the model's texts per second: {result['throughput']['kept']:.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, nargs="+", default=[128, 256, 512, 1024, 2048, 4096, 8192])
    parser.add_argument("--tokens", type=int, default=262_144, help="tokens of all texts of one length")
    parser.add_argument("--file", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--reviews", type=int, default=2_048)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--sparsity", type=float, default=0.2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, help="default: results/growth.json, or with the device's name")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.task:
        run_task(*json.loads(given.task))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        save_model(folder, given.sparsity)
        figures = {
            "lengths": lengths(folder, given),
            "files": files(folder, given),
            "throughput": task("sides", given.device, str(folder), given.reviews, given.batch, given.rounds),
        }
    for header, rows in tables_of(figures):
        print(table(header, rows), end="\n\n")
    print(summary_of(figures))
    result = {"command": command(), "machine": machine(), "batch": given.batch, **figures}
    output = given.output or result_file("growth", given.device)
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
