"""Timing several ways of doing one thing, fairly on a noisy machine: in turns, and as ratios within a turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

import torch


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call, the accelerator's queue included."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def in_turns(sides: Mapping[str, Callable[[], object]], rounds: int, least: float = 0.2) -> dict[str, list[float]]:
    """Time every side once in each round, after a round that does not count.

    Args:
        sides: What is compared, by name.
        rounds: How many times.
        least: Seconds a measurement should take at least; a shorter call is repeated within it.

    Returns:
        Seconds per call, one per round for each side.
    """
    repeats = {name: max(1, int(least / max(seconds(work), 1e-6))) for name, work in sides.items()}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, work in sides.items():
            times[name].append(seconds(lambda w=work, n=repeats[name]: [w() for _ in range(n)]) / repeats[name])
    return times


def ratio(times: Mapping[str, list[float]], slow: str, fast: str) -> float:
    """How many times faster one side is than another: the median over the rounds."""
    return median(a / b for a, b in zip(times[slow], times[fast], strict=True))


Tables = list[tuple[list[str], list[list[str]]]]
"""Header and rows of each table that a bench makes of its result, wherever it is shown."""


def table(header: list[str], rows: list[list[str]]) -> str:
    """Aligned columns for people."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in [header, *rows])
