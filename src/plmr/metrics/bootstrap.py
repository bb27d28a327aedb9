"""Whether one system's rationales are better than another's, or only luckier in their test texts.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile interval);
Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 4.2 (the + 1 in the p-value).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plmr.errors import PlmrError
from plmr.metrics._inputs import Flags, FloatArray, OptionalFlags, annotated_pairs, check_same_count
from plmr.metrics.plausibility import token_counts

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class BootstrapDifference:
    """Difference in micro F1 between two systems on the same texts, first minus second.

    Attributes:
        difference: On the texts as given, in [-1, 1].
        low: Lower end of the percentile interval.
        high: Upper end of it.
        p_value: Two-sided: how often resampling turns the sign of the difference, doubled.
        level: Coverage of the interval.
        n_texts: Annotated texts, the unit of resampling.
        resamples: Times the texts were drawn anew.
    """

    difference: float
    low: float
    high: float
    p_value: float
    level: float
    n_texts: int
    resamples: int


def bootstrap_difference(
    first: Flags,
    second: Flags,
    gold: OptionalFlags,
    *,
    resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> BootstrapDifference:
    """Paired bootstrap of the difference in micro F1: texts are drawn with replacement, both systems alike.

    Args:
        first: B rows of T flags selected by the first system.
        second: B rows of T flags selected by the second.
        gold: B rows of T flags, 1 = marked by people; texts with None are left out.
        resamples: Times to draw B texts.
        level: Coverage of the interval, in (0, 1).
        seed: Of the draws; the same seed gives the same answer.

    Raises:
        PlmrError: When the rows do not pair up or no text is annotated.
    """
    check_same_count(first=first, second=second, gold=gold)
    counts = [token_counts(annotated_pairs(system, gold)) for system in (first, second)]
    return bootstrap_of_counts(*counts, resamples=resamples, level=level, seed=seed)


def bootstrap_of_counts(
    first: ArrayLike,
    second: ArrayLike,
    *,
    resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> BootstrapDifference:
    """The same from counts of each text: selected gold tokens, selected tokens, gold tokens.

    Args:
        first: Counts of the first system. *Shape:* (B, 3)
        second: Counts of the second, of the same texts in the same order. *Shape:* (B, 3)
        resamples: Times to draw B texts.
        level: Coverage of the interval, in (0, 1).
        seed: Of the draws; the same seed gives the same answer.

    Raises:
        PlmrError: When the counts do not pair up or there are none.
    """
    if resamples < 1 or not 0 < level < 1:
        raise PlmrError(f"resamples is {resamples}, level {level}; expected >= 1 and between 0 and 1")
    pair = [np.asarray(each, dtype=np.int64).reshape(-1, 3) for each in (first, second)]
    check_same_count(first=pair[0], second=pair[1])
    counts = np.stack(pair)
    n_texts = counts.shape[1]
    if not n_texts:
        raise PlmrError("no text has a gold rationale; pass texts that people annotated")

    draws = _resampled_differences(counts, resamples, np.random.default_rng(seed))
    tail = (1 - level) / 2
    low, high = np.quantile(draws, (tail, 1 - tail))
    one_sided = (min(np.sum(draws <= 0), np.sum(draws >= 0)) + 1) / (resamples + 1)
    return BootstrapDifference(
        difference=float(_difference(counts.sum(axis=1)[:, None, :])[0]),
        low=float(low),
        high=float(high),
        p_value=float(min(1.0, 2 * one_sided)),
        level=level,
        n_texts=n_texts,
        resamples=resamples,
    )


def _resampled_differences(counts: NDArray[np.int64], resamples: int, rng: np.random.Generator) -> FloatArray:
    """Differences of shape (resamples,) from counts of shape (2 systems, B, 3)."""
    n_texts = counts.shape[1]
    draws = []
    # In chunks: all draws at once would fill resamples x B numbers.
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        times_drawn = rng.multinomial(n_texts, np.full(n_texts, 1 / n_texts), size=size)
        draws.append(_difference(times_drawn @ counts))
    return np.concatenate(draws)


def _difference(counts: NDArray[np.int64]) -> FloatArray:
    """Micro F1 of system 0 minus that of system 1, from pooled counts of shape (2, R, 3)."""
    hits, sizes = counts[..., 0], counts[..., 1] + counts[..., 2]
    f1: FloatArray = 2 * hits / np.maximum(sizes, 1)
    difference: FloatArray = f1[0] - f1[1]
    return difference
