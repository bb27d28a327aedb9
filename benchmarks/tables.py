"""The tables of all results that are kept with the project, in Markdown.

    python benchmarks/tables.py         writes results/README.md

Every figure comes from the JSON beside it, so a table cannot differ from what was measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ablations
from growth import FILE_HEADER, file_rows
from quality import HEADER, SUITES, kept_results, rows_of

from plmr.render import markdown_table

RESULTS = Path(__file__).parent / "results"
TOP = """# Results

Written by `python benchmarks/tables.py` from the JSON files here. What they say, and what they do not, is in the
[README of the benchmarks](../README.md). Other work ran on the machine beside most of them: ratios count, times do not.
"""


def inference(result: Mapping[str, Any]) -> Iterator[str]:
    header = ["tokens", "batch", "sparsity", "selected", "bound by block work", "stock / compact", "dense / compact"]
    rows = [
        [f"{row['length']}", f"{row['batch']}", f"{row['sparsity']}"]
        + [f"{row[name]:.2f}" for name in ("selected", "bound", "stock_to_compact", "dense_to_compact")]
        for row in result["fixed"]
    ]
    if rows:
        yield markdown_table(header, rows)
    if result["real"]:
        times = result["real"]["times_faster"]
        yield markdown_table(
            [f"{result['real']['reviews']} reviews of real lengths", "times the time of compact"],
            [[name, f"{value:.2f}"] for name, value in times.items()],
        )


def explanation(result: Mapping[str, Any]) -> Iterator[str]:
    header = ["explainer", "budget", "S", "P", "R", "F1", "sufficiency", "comprehensiveness", "times PLMR's time"]
    rows = []
    for name, system in result["systems"].items():
        word, faithfulness = system["word"], system["faithfulness"]
        shares = (word["sparsity"], word["micro_precision"], word["micro_recall"], word["micro_f1"])
        rows.append([name, system["budget"] or "–", *(f"{100 * share:.1f}" for share in shares)])
        rows[-1] += [f"{faithfulness[measure]:.3f}" for measure in ("sufficiency", "comprehensiveness")]
        rows[-1].append("–" if system["times_slower"] is None else f"{system['times_slower']:,.1f}")
    yield f"{result['texts']} texts, P, R and F1 against people in percent; less sufficiency is better."
    yield markdown_table(header, rows)


def training(result: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        [side, f"{speed:,.0f}", f"{result['mib'][side]['peak']:,.0f}", f"{result['mib'][side]['before']:,.0f}"]
        for side, speed in result["tokens_per_second"].items()
    ]
    yield markdown_table(["step", "tokens / second", "peak MiB", "of it before there is a model"], rows)
    yield f"{result['times_faster']:.2f} times the tokens, {result['share_of_memory']:.2f} of the memory."


def growth(result: Mapping[str, Any]) -> Iterator[str]:
    header = ["tokens", "windows", "texts", "ms / text", "ms / 1,000 tokens", "peak MiB"]
    names = ("ms_per_text", "ms_per_1000_tokens", "peak_mib")
    yield markdown_table(
        header,
        [
            [f"{row['tokens']:,}", f"{row['windows']}", f"{row['texts']}", *(f"{row[name]:,.1f}" for name in names)]
            for row in result["lengths"]
        ],
    )
    yield markdown_table(FILE_HEADER, file_rows(result["files"]))
    yield f"`plmr predict` keeps {result['throughput']['kept']:.1%} of the texts per second of the model alone."


def export(result: Mapping[str, Any]) -> Iterator[str]:
    header = ["way", "times torch's texts / second", "labels alike", "words alike", "word F1"]
    yield markdown_table(
        header,
        [
            [side["name"], f"{side['times_torch']:.2f}"]
            + [f"{100 * side[name]:.1f}" for name in ("labels_alike", "words_alike", "word_f1")]
            for side in result["sides"]
        ],
    )


def parity(result: Mapping[str, Any]) -> Iterator[str]:
    rows = [[name, f"{value:.1e}", f"{result['bounds'][name]:.1e}"] for name, value in result["differences"].items()]
    yield markdown_table(["largest difference of", "found", "allowed"], rows)


KINDS: dict[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "inference": inference,
    "explanation": explanation,
    "training": training,
    "growth": growth,
    "export": export,
    "parity": parity,
}


def sections() -> Iterator[str]:
    yield TOP
    for suite in SUITES:
        if rows := rows_of(kept_results(suite)):
            about = f"`quality-{suite}.json`, in percent, ± over seeds"
            yield "\n\n".join([f"## quality-{suite}", about, markdown_table(HEADER, rows)])
    if rows := ablations.rows_of(ablations.kept()):
        yield "\n\n".join(["## ablations", "`ablations.json`, in percent", markdown_table(ablations.HEADER, rows)])
    for name, write in KINDS.items():
        for file in sorted(RESULTS.glob(f"{name}*.json")):
            result = json.loads(file.read_text(encoding="utf-8"))
            where = (
                f"`{file.name}`, {result['machine']['gpu'] or result['machine']['processor']}, `{result['command']}`"
            )
            yield "\n\n".join([f"## {file.stem}", where, *write(result)])


def main() -> None:
    text = "\n\n".join(part.strip() for part in sections()) + "\n"
    (RESULTS / "README.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
