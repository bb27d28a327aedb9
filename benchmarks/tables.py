"""The tables of all results that are kept with the project, in Markdown.

    python benchmarks/tables.py         writes results/README.md

Every figure comes from the JSON beside it, so a table cannot differ from what was measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import ablations
import export
import growth
import inference
import peer
import training
from machine import RESULTS
from pairs import Tables
from quality import HEADER, kept_results, rows_of
from quality_suites import SUITES

from plmr.render import markdown_table

TOP = """# Results

Written by `python benchmarks/tables.py` from the JSON files here. What they say, and what they do not, is in the
[README of the benchmarks](../README.md). Other work ran on the machine beside most of them: ratios count, times do not.
"""


def explanation(result: dict[str, Any]) -> Tables:
    first = f"explainer of {result['texts']} texts"
    header = [first, "budget", "S", "P", "R", "F1", "sufficiency ↓", "comprehensiveness ↑", "times PLMR's time"]
    rows = []
    for name, system in result["systems"].items():
        word, faithfulness = system["word"], system["faithfulness"]
        shares = (word["sparsity"], word["micro_precision"], word["micro_recall"], word["micro_f1"])
        rows.append([name, system["budget"] or "–", *(f"{100 * share:.1f}" for share in shares)])
        rows[-1] += [f"{faithfulness[measure]:.3f}" for measure in ("sufficiency", "comprehensiveness")]
        rows[-1].append("–" if system["times_slower"] is None else f"{system['times_slower']:,.1f}")
    return [(header, rows)]


def parity(result: dict[str, Any]) -> Tables:
    rows = [[name, f"{value:.1e}", f"{result['bounds'][name]:.1e}"] for name, value in result["differences"].items()]
    return [(["largest difference of", "found", "allowed"], rows)]


def trials(result: dict[str, Any]) -> Tables:
    """Single runs on validation or heldout texts, in the order they were made."""
    header = ["trial", "seed", "F1", "silver F1", "accuracy", "CPU minutes", "the code differs by"]
    rows = []
    for name, trial in result.items():
        shares = [trial["validation"]["word"].get("micro_f1"), (trial.get("silver") or {}).get("f1"),
                  trial["validation"]["classification"]["accuracy"]]  # fmt: skip
        figures = ["–" if share is None else f"{100 * share:.1f}" for share in shares]
        # Results of `quality.py` say under `run` what those of `plmr bench` say at the top.
        seed, minutes = str(trial.get("run", trial)["seed"]), f"{trial['cpu_seconds'] / 60:.1f}"
        rows.append([name, seed, *figures, minutes, trial["code_differs_by"] or ""])
    return [(header, rows)]


SHOWN: dict[str, Callable[[dict[str, Any]], Tables]] = {
    "inference": inference.tables_of,
    "explanation": explanation,
    "training": training.tables_of,
    "growth": growth.tables_of,
    "export": export.tables_of,
    "parity": parity,
    "peer": peer.tables_of,
}
SUMMED_UP = {"training": training.summary_of, "growth": growth.summary_of}


def sections() -> Iterator[str]:
    yield TOP
    for suite in SUITES:
        if rows := rows_of(kept_results(suite)):
            about = f"`quality-{suite}.json`, in percent, ± over seeds"
            yield "\n\n".join([f"## quality-{suite}", about, markdown_table(HEADER, rows)])
    if rows := ablations.rows_of(ablations.kept()):
        yield "\n\n".join(["## ablations", "`ablations.json`, in percent", markdown_table(ablations.HEADER, rows)])
    tried = json.loads((RESULTS / "trials.json").read_text(encoding="utf-8"))
    about = "`trials.json`, single runs on validation or heldout texts, in percent"
    yield "\n\n".join(["## trials", about, *(markdown_table(*each) for each in trials(tried))])
    if reports := sorted(RESULTS.glob("bench-*/report.md")):
        links = (f"- [{file.parent.name}]({file.relative_to(RESULTS).as_posix()})" for file in reports)
        yield "\n".join(["## suites of `plmr bench`", "", *links])
    for name, tables_of in SHOWN.items():
        for file in sorted(RESULTS.glob(f"{name}*.json")):
            result = json.loads(file.read_text(encoding="utf-8"))
            hardware = result["machine"]["gpu"] or result["machine"]["processor"]
            parts = [f"## {file.stem}", f"`{file.name}`, {hardware}, `{result['command']}`"]
            parts += [markdown_table(header, rows) for header, rows in tables_of(result) if rows]
            if name in SUMMED_UP:
                parts.append(f"{SUMMED_UP[name](result)}.")
            yield "\n\n".join(parts)


def main() -> None:
    text = "\n\n".join(part.strip() for part in sections()) + "\n"
    (RESULTS / "README.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
