"""What every metric checks before it counts: shapes that agree, flags that are flags."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plmr.errors import PlmrError

Flags: TypeAlias = Sequence[ArrayLike]
"""B ragged rows of 0/1, one per token of a text, padding and special tokens left out."""

OptionalFlags: TypeAlias = Sequence[ArrayLike | None]
"""As `Flags`; None marks a text that nobody annotated, which is not the same as an empty rationale."""

BoolArray: TypeAlias = NDArray[np.bool_]
FloatArray: TypeAlias = NDArray[np.float64]


def flag_row(values: ArrayLike, name: str, index: int) -> BoolArray:
    """One text's flags as a boolean array of shape (T,).

    Raises:
        PlmrError: When a value is neither 0 nor 1, as when keep scores arrive in place of flags.
    """
    row = np.asarray(values)
    if row.ndim != 1:
        raise PlmrError(f"text {index}: {name} has shape {row.shape}; pass one flag per token, shape (T,)")
    if row.dtype != np.bool_ and not np.isin(row, (0, 1)).all():
        raise PlmrError(f"text {index}: {name} holds more than 0 and 1; pass flags, not scores")
    return row.astype(np.bool_)


def flag_rows(rows: Flags, name: str) -> list[BoolArray]:
    """Every text's flags as boolean arrays."""
    return [flag_row(row, name, index) for index, row in enumerate(rows)]


def annotated_pairs(predicted: Flags, gold: OptionalFlags) -> list[tuple[BoolArray, BoolArray]]:
    """Predicted and gold flags of the texts that have gold, in order, each pair of one length.

    Raises:
        PlmrError: When the two disagree in the number of texts or of tokens.
    """
    check_same_count(predicted=predicted, gold=gold)
    pairs = []
    for index, (ours, theirs) in enumerate(zip(predicted, gold, strict=True)):
        if theirs is None:
            continue
        pair = flag_row(ours, "predicted", index), flag_row(theirs, "gold", index)
        check_same_length(index, predicted=pair[0], gold=pair[1])
        pairs.append(pair)
    return pairs


def check_same_count(**batches: Sized) -> None:
    """Raises PlmrError unless every named batch holds the same number of texts."""
    _check_equal_sizes("the inputs hold", "texts; pass one entry per text in each", batches)


def check_same_length(index: int, **rows: Sized) -> None:
    """Raises PlmrError unless every named row of text `index` holds the same number of tokens."""
    _check_equal_sizes(f"text {index} has", "tokens; make both at the same level, words or subwords", rows)


def _check_equal_sizes(start: str, end: str, named: dict[str, Sized]) -> None:
    sizes = {name: len(values) for name, values in named.items()}
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{size} {name}" for name, size in sizes.items())
        raise PlmrError(f"{start} {found} {end}")


def ratio(part: float, whole: float, *, empty: float = 0.0) -> float:
    """The share of a whole, or `empty` where there is nothing to divide by."""
    return float(part / whole) if whole else empty


def harmonic_mean(precision: float, recall: float) -> float:
    """F1 of a precision and a recall; 0 when both are 0."""
    return ratio(2 * precision * recall, precision + recall)
