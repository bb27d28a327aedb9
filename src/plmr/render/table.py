"""The result table: which figures it has, how they are written, and which are best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeGuard

Value = float | str
Results = Mapping[str, Mapping[str, Value]]

_MISSING = "–"


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of the result table.

    Attributes:
        key: Its name among a system's metrics.
        title: Its heading.
        meaning: What it is, in plain words.
        spec: Format of a number (Python's format language).
        better: Which way is better; `None` where neither is.
    """

    key: str
    title: str
    meaning: str
    spec: str = ".1%"
    better: Literal["high", "low"] | None = "high"


class Cell(NamedTuple):
    """A figure as written, and whether it is the best of its column."""

    text: str
    best: bool


RESULT_COLUMNS = (
    Column("sparsity", "S", "share of the words that is selected", better=None),
    Column("precision", "P", "share of the selected words that are gold"),
    Column("recall", "R", "share of the gold words that is selected"),
    Column("f1", "F1", "harmonic mean of P and R: agreement with the gold rationale"),
    Column("accuracy", "ACC", "share of the texts whose label is predicted right"),
    Column("seconds", "seconds", "training time", spec=",.0f", better="low"),
)


def column_cells(column: Column, values: Sequence[Value | None]) -> list[Cell]:
    """Write one column, best values marked.

    Values that read the same are equally good; nothing is marked when that leaves no difference.

    Args:
        column: The figure.
        values: One per system, in order; `None` and NaN are written as a dash, strings as they are.
    """
    shown = [_write(value, column.spec) for value in values]
    numbers = {text: value for text, value in zip(shown, values, strict=True) if _is_number(value)}
    if column.better is None or len(numbers) < 2:
        return [Cell(text, False) for text in shown]
    best = (max if column.better == "high" else min)(numbers, key=numbers.__getitem__)
    return [Cell(text, text == best and _is_number(value)) for text, value in zip(shown, values, strict=True)]


def used_columns(results: Results, columns: Sequence[Column]) -> list[Column]:
    """The columns for which at least one system has a figure."""
    return [column for column in columns if any(column.key in metrics for metrics in results.values())]


def result_cells(results: Results, columns: Sequence[Column]) -> list[list[Cell]]:
    """The table row by row, one row per system."""
    by_column = [column_cells(column, [metrics.get(column.key) for metrics in results.values()]) for column in columns]
    return [list(row) for row in zip(*by_column, strict=True)] or [[] for _ in results]


def _is_number(value: Value | None) -> TypeGuard[float]:
    return value is not None and not isinstance(value, str) and math.isfinite(value)


def _write(value: Value | None, spec: str) -> str:
    if isinstance(value, str):
        return value
    return format(value, spec) if _is_number(value) else _MISSING
