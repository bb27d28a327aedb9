"""One run in a process of its own: `python -m plmr.studies.bench.one`, with the run as a line of JSON on its input.

The process ends when its input does, so it never outlives the one that started it, however that ends.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plmr.errors import PlmrError
from plmr.io import atomic_path, plain
from plmr.studies.bench.data import Parts, described, load_parts
from plmr.studies.bench.imports import import_files
from plmr.studies.bench.suite import Run, resolve, resolved_training


def run_one(run: Run, scratch: Path, device: str, threads: int) -> dict[str, Any]:
    """Train and score.

    Args:
        run: What.
        scratch: Folder for checkpoints.
        device: `cpu`, `cuda` or `mps`.
        threads: Of torch, on the CPU.

    Returns:
        What the run has found and what that depends on, as JSON can hold it.
    """
    import torch

    from plmr.explain import RationaleClassifier
    from plmr.studies.provenance import commit, machine, peak_memory, versions

    torch.set_num_threads(threads)
    import_files(run.imports)
    *_, arguments = resolve(run, on_cpu=device == "cpu")
    code = {"versions": versions(), "commit": commit()}  # now: the files may be others when the run is done
    parts = load_parts(run.data, run.test)
    model = dict(run.model)
    classifier = RationaleClassifier.from_pretrained(model.pop("encoder"), **model)
    started = time.process_time()
    options = {"save_only_model": True, "save_total_limit": 1, **run.training}
    summary = classifier.fit(parts.train, parts.validation, scratch, use_cpu=device == "cpu", **options)
    cpu_seconds = time.process_time() - started
    assert classifier.model is not None
    return plain(
        {
            "config": json.loads(classifier.config.to_json_string(use_diff=False)),
            "training": resolved_training(run, arguments) | {"bf16": arguments.bf16},
            "data": _data(run, parts),
            "code": code,
            "machine": machine(),
            "device": classifier.model.device.type,
            "threads": threads,
            "seconds": summary.seconds,
            "cpu_seconds": cpu_seconds,
            "fit": summary.metrics,
            **_scores(classifier, "validation", parts.validation, run.faithfulness),
            **(_scores(classifier, "test", parts.test, run.faithfulness) if run.test and parts.test else {}),
            "peak_memory_mib": peak_memory(),
            "notes": [*parts.notes, *summary.notes],
        }
    )


def _data(run: Run, parts: Parts) -> dict[str, Any]:
    sizes = {"train": parts.train, "validation": parts.validation, "test": parts.test or []}
    return {
        "source": described(run.data),
        "texts": {part: len(examples) for part, examples in sizes.items()},
        "sha256": parts.digests(),
        "shared_texts": parts.shared,
    }


def _scores(classifier: Any, part: str, examples: Sequence[Any], faithfulness: bool) -> dict[str, Any]:
    """The report of a part and, for tests between methods, the counts of its single texts."""
    report = classifier.evaluate(examples, faithfulness=faithfulness)
    return {part: report.to_dict(), f"{part}_counts": report.word_counts}


def _end_with_parent() -> None:
    # Not by sys.stdin: its lock, held by a thread that waits, would be in the way when the interpreter ends.
    while os.read(0, 1024):
        pass
    os._exit(1)


def main() -> int:
    """Run what stands on the first line of the input, and write its result."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        result = run_one(Run(**order["run"]), Path(order["scratch"]), order["device"], order["threads"])
        with atomic_path(order["result"]) as aside:
            aside.write_text(json.dumps(result) + "\n", encoding="utf-8")
    except PlmrError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
