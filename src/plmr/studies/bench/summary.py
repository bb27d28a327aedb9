"""The figures of a suite: mean and spread over seeds, and whether the best method is better than the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any, NamedTuple

import numpy as np

from plmr.metrics import BootstrapDifference, bootstrap_of_counts

Result = Mapping[str, Any]


class Figure(NamedTuple):
    """A figure over seeds: its mean, and its sample standard deviation where there are several."""

    mean: float
    spread: float | None


@dataclass(frozen=True)
class Cell:
    """The runs of one method on one encoder, one dataset and one sparsity, which differ in their seed.

    Attributes:
        method, encoder, dataset: Labels of the suite.
        sparsity: The share asked for.
        results: Lines of `results.jsonl`, at least one.
        part: What is scored, `test` or `validation`.
    """

    method: str
    encoder: str
    dataset: str
    sparsity: float
    results: Sequence[Result]
    part: str

    def figure(self, key: str) -> Figure | None:
        """A figure by its key among `FIGURES`; None where no run has it."""
        values = [value for value in (FIGURES[key](result, self.part) for result in self.results) if value is not None]
        return Figure(mean(values), stdev(values) if len(values) > 1 else None) if values else None

    @property
    def far_off(self) -> dict[int, float]:
        """The share that was selected, by seed, where it is less than half of what was asked for or half as much again:
        no figure of such a run says how good the method is at that share, since all words have a recall of 100 %.
        """
        shares = {result["seed"]: FIGURES["sparsity"](result, self.part) for result in self.results}
        return {
            seed: found for seed, found in shares.items() if found is not None and abs(found / self.sparsity - 1) > 0.5
        }


def _word(key: str) -> Callable[[Result, str], float | None]:
    return lambda result, part: (result[part]["word"] or {}).get(key)


def _labels(key: str) -> Callable[[Result, str], float | None]:
    return lambda result, part: (result[part]["classification"] or {}).get(key)


FIGURES: dict[str, Callable[[Result, str], float | None]] = {
    "sparsity": _word("sparsity"),
    "accuracy": _labels("accuracy"),
    "precision": _word("micro_precision"),
    "recall": _word("micro_recall"),
    "f1": _word("micro_f1"),
    "macro_f1": _word("macro_f1"),
    "ceiling": _word("f1_ceiling"),
    "random": _word("f1_random"),
    "balanced_accuracy": _labels("balanced_accuracy"),
    "majority_accuracy": _labels("majority_accuracy"),
    "minutes": lambda result, _: result["cpu_seconds" if result["device"] == "cpu" else "seconds"] / 60,
    "memory": lambda result, _: (result.get("peak_memory_mib") or {}).get(
        "gpu" if result["device"] == "cuda" else "ram"
    ),
}
"""How each figure is taken from a result: shares in [0, 1]; minutes of training; MiB.

On a CPU the minutes are its own: those of the clock depend on how many runs shared its cores.
"""


def part_of(results: Sequence[Result]) -> str:
    """What is scored: the test texts where every run has scored them."""
    return "test" if results and all(result.get("test") for result in results) else "validation"


def cells(results: Sequence[Result]) -> list[Cell]:
    """The results, those that differ in the seed alone together, in the order of the suite."""
    part = part_of(results)
    groups: dict[tuple[str, str, str, float], list[Result]] = {}
    for result in results:
        place = (result["method"], result["encoder"], result["dataset"], result["sparsity"])
        groups.setdefault(place, []).append(result)
    return [Cell(*place, results=group, part=part) for place, group in groups.items()]


class Comparison(NamedTuple):
    """The best method of a dataset and a sparsity beside the best of the others, chosen out of so many cells."""

    best: Cell
    next: Cell
    difference: BootstrapDifference
    chosen_from: int


def best_two(group: Sequence[Cell], resamples: int = 10_000) -> Comparison | None:
    """Compare the two methods with the highest F1, each on its best encoder, by a paired bootstrap over texts.

    The counts of all seeds of a method are added up text by text, so the test asks whether other texts would have
    turned the order, not whether other seeds would. Methods are ranked by the F1 of these counts too, so that the
    difference is never negative; the mean of the seeds' F1 can have another order.

    Args:
        group: Cells of one dataset and one sparsity; those that are `far_off` are not compared.
        resamples: Times the texts are drawn.

    Returns:
        None where there are no two methods with gold words of the same texts.
    """
    scored = [(f1, cell) for cell in group if not cell.far_off and (f1 := pooled_f1(cell)) is not None]
    best: dict[str, tuple[float, Cell]] = {}
    for f1, cell in scored:
        if cell.method not in best or f1 > best[cell.method][0]:
            best[cell.method] = f1, cell
    ranked = [cell for _, cell in sorted(best.values(), key=lambda pair: -pair[0])][:2]
    counts = [pooled_counts(cell) for cell in ranked]
    if len(ranked) < 2 or any(each is None for each in counts) or _texts(ranked[0]) != _texts(ranked[1]):
        return None
    first, second = (each for each in counts if each is not None)
    difference = bootstrap_of_counts(first, second, resamples=resamples)
    return Comparison(ranked[0], ranked[1], difference, len(scored))


def pooled_f1(cell: Cell) -> float | None:
    """F1 of the counts of all seeds together; where they cannot be added up, the mean of the seeds' F1."""
    counts = pooled_counts(cell)
    if counts is None:
        figure = cell.figure("f1")
        return figure.mean if figure else None
    hits, selected, gold = counts.sum(axis=0)
    return float(2 * hits / max(selected + gold, 1))


def pooled_counts(cell: Cell) -> np.ndarray | None:
    """Selected gold words, selected words and gold words of every text, over all seeds; None where there are none.

    *Shape:* (B, 3)
    """
    counts = [result.get(f"{cell.part}_counts") or [] for result in cell.results]
    if not counts[0] or len(_texts(cell)) > 1:
        return None
    total: np.ndarray = np.sum([np.array(each) for each in counts], axis=0)
    return total


def _texts(cell: Cell) -> list[str]:
    """The digests of the texts that a cell's runs have scored, each once."""
    return sorted({result["data"]["sha256"][cell.part] for result in cell.results})
