"""Lines of `results.jsonl` as three methods of different skill would have them."""

from __future__ import annotations

from typing import Any

import numpy as np

from plmr.metrics import evaluation_report

TEXTS = 30
SKILL = {"rnp": 0.25, "100% a_b [x]": 0.9, "mcd": 0.4}
GOLD = [np.random.default_rng(99 + i).random(20) < 0.2 for i in range(TEXTS)]


def flags(method: str, seed: int) -> list[np.ndarray]:
    """Selections that hit gold words as often as the method is skilled."""
    rng = np.random.default_rng([seed, len(method)])
    return [np.where(rng.random(20) < SKILL[method], gold, rng.random(20) < 0.2) for gold in GOLD]


def labels(seed: int) -> list[str]:
    return ["yes" if wrong else "no" for wrong in np.random.default_rng(seed).random(TEXTS) < 0.3]


def line(method: str, seed: int, dataset: str = "aroma") -> dict[str, Any]:
    report = evaluation_report(flags(method, seed), GOLD, y_true=["no"] * TEXTS, y_pred=labels(seed))
    source = {"dataset": "beer", "aspect": dataset, "data_dir": "beer"}
    return {
        "key": f"{method}-{seed}-{dataset}",
        "method": method,
        "encoder": "gru",
        "dataset": dataset,
        "sparsity": 0.2,
        "seed": seed,
        "config": {"encoder": "gru"},
        "data": {"source": source, "sha256": {"validation": "v", "test": "t"}},
        "code": {"versions": {"plmr": "1"}, "commit": None},
        "machine": {"cpu": "a cpu", "gpu": None},
        "device": "cpu",
        "threads": 1,
        "seconds": 90.0,
        "cpu_seconds": 60.0,
        "peak_memory_mib": {"ram": 500.0},
        "notes": [],
        "validation": report.to_dict(),
        "test": report.to_dict(),
        "test_counts": report.word_counts,
    }
