"""Rationalization failure: the right label for a meaningless reason.

Source: PLMR (KDD 2025), Assumption 1 and Table 2. A text fails when its label is predicted correctly while
its rationale has precision at most theta_1 and at least a share theta_2 of punctuation, prepositions,
pronouns, articles and conjunctions (see `plmr.metrics.function_words` for how these are told).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from plmr.metrics._inputs import (
    BoolArray,
    Flags,
    OptionalFlags,
    annotated_pairs,
    check_same_count,
    check_same_length,
    flag_row,
)
from plmr.metrics.function_words import is_function_word

PRECISION_LIMITS = (0.2, 0.3)
FUNCTION_WORD_LIMITS = (0.3, 0.4, 0.5)


@dataclass(frozen=True, slots=True)
class FailureRate:
    """Share of annotated texts that fail at one pair of limits, in [0, 1].

    Attributes:
        precision_limit: theta_1, the highest precision of a failing rationale.
        function_word_limit: theta_2, the least share of function words in one.
        rate: Failing texts / annotated texts; NaN when no text is annotated.
        n_failed: Failing texts.
    """

    precision_limit: float
    function_word_limit: float
    rate: float
    n_failed: int


@dataclass(frozen=True, slots=True)
class FailureScores:
    """Failure rates at every pair of limits.

    Attributes:
        rates: One entry per pair, theta_1 varying slowest.
        function_word_share: Function words / words of all rationales together, NaN when nothing is selected.
        n_texts: Annotated texts, the denominator of every rate.
        n_correct: Those of them whose label is predicted correctly.
    """

    rates: tuple[FailureRate, ...]
    function_word_share: float
    n_texts: int
    n_correct: int


def failure_scores(
    words: Sequence[Sequence[str]],
    predicted: Flags,
    gold: OptionalFlags,
    correct: ArrayLike,
    precision_limits: Sequence[float] = PRECISION_LIMITS,
    function_word_limits: Sequence[float] = FUNCTION_WORD_LIMITS,
) -> FailureScores:
    """Failure rates of Assumption 1.

    An empty rationale has neither a precision nor a share of function words and does not fail; sparsity and
    recall show it.

    Args:
        words: B rows of T words.
        predicted: B rows of T word flags, 1 = selected.
        gold: B rows of T word flags, 1 = marked by people, or None where nobody annotated the text.
        correct: B flags, 1 = the label is predicted correctly.
        precision_limits: Values of theta_1.
        function_word_limits: Values of theta_2.

    Raises:
        PlmrError: When the rows do not pair up.
    """
    right = flag_row(correct, "correct", 0)
    check_same_count(words=words, predicted=predicted, gold=gold, correct=right)
    annotated = [index for index, row in enumerate(gold) if row is not None]
    pairs = annotated_pairs(predicted, gold)
    rationales = [
        (ours, truth, _function_words(index, words[index], ours))
        for index, (ours, truth) in zip(annotated, pairs, strict=True)
    ]
    precision, share = _shares(rationales)
    eligible = right[annotated]
    n_selected = sum(int(ours.sum()) for ours, _, _ in rationales)
    n_function = sum(int((ours & function).sum()) for ours, _, function in rationales)

    rates = []
    for precision_limit in precision_limits:
        for function_word_limit in function_word_limits:
            failed = eligible & (precision <= precision_limit) & (share >= function_word_limit)
            rate = float(failed.mean()) if annotated else np.nan
            rates.append(FailureRate(precision_limit, function_word_limit, rate, int(failed.sum())))
    return FailureScores(
        rates=tuple(rates),
        function_word_share=n_function / n_selected if n_selected else np.nan,
        n_texts=len(annotated),
        n_correct=int(eligible.sum()),
    )


def _function_words(index: int, words: Sequence[str], flags: BoolArray) -> BoolArray:
    check_same_length(index, words=words, predicted=flags)
    return np.array([is_function_word(word) for word in words], dtype=np.bool_)


def _shares(rationales: list[tuple[BoolArray, BoolArray, BoolArray]]) -> tuple[np.ndarray, np.ndarray]:
    """Precision and function-word share of every rationale; NaN, which meets no limit, where it is empty."""
    rows = [
        ((truth[ours].mean(), function[ours].mean()) if ours.any() else (np.nan, np.nan))
        for ours, truth, function in rationales
    ]
    precision, share = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    return precision, share
