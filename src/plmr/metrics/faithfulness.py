r"""Faithfulness: whether the prediction rests on the rationale.

Source: DeYoung et al., "ERASER", ACL 2020, section 4.2 (sufficiency, comprehensiveness), and Samek et al.,
"Evaluating the visualization of what a deep neural network has learned", 2017 (AOPC). With x the text, r its
rationale and c the class predicted from the full text:

    sufficiency       p(c | x) - p(c | r)        lower is better: the rationale alone carries the prediction
    comprehensiveness p(c | x) - p(c | x \ r)    higher is better: nothing outside it does

AOPC averages either over rationales of fixed size, the top 1, 5, 10, 20 and 50 % of tokens by keep score.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from plmr.errors import PlmrError
from plmr.metrics._inputs import BoolArray, Flags, FloatArray, check_same_count, check_same_length, flag_rows

ClassProbabilities: TypeAlias = Callable[[list[BoolArray]], ArrayLike]
"""Reads of every text only the flagged words: B flag rows of shape (T,) in, probabilities (B, C) out."""

AOPC_SHARES = (0.01, 0.05, 0.10, 0.20, 0.50)


@dataclass(frozen=True, slots=True)
class ShareDrop:
    """Mean drops in probability when the rationale is the top `share` of tokens."""

    share: float
    sufficiency: float
    comprehensiveness: float


@dataclass(frozen=True, slots=True)
class FaithfulnessScores:
    """Mean drops in the probability of the full-text class, in [-1, 1]; NaN when there is no text.

    Attributes:
        sufficiency: Drop when only the rationale is read; lower is better.
        comprehensiveness: Drop when everything but the rationale is read; higher is better.
        aopc_sufficiency: Sufficiency averaged over `bins`.
        aopc_comprehensiveness: Comprehensiveness averaged over `bins`.
        bins: The drops for each share of tokens.
        n_texts: Texts measured.
    """

    sufficiency: float
    comprehensiveness: float
    aopc_sufficiency: float
    aopc_comprehensiveness: float
    bins: tuple[ShareDrop, ...]
    n_texts: int


def probability_drop(full: ArrayLike, perturbed: ArrayLike) -> FloatArray:
    """p(c | x) - p(c | perturbed x) of every text, c the class most probable on the full text.

    Args:
        full: Class probabilities on the full texts, shape (B, C).
        perturbed: The same on the perturbed texts, shape (B, C).

    Returns:
        Drops of shape (B,).

    Raises:
        PlmrError: When the shapes differ or are not (B, C).
    """
    before, after = np.asarray(full, dtype=np.float64), np.asarray(perturbed, dtype=np.float64)
    if before.ndim != 2 or before.shape != after.shape:
        raise PlmrError(f"probabilities are {before.shape} and {after.shape}; expected (B, C) twice")
    predicted = before.argmax(axis=1, keepdims=True)
    drop: FloatArray = np.take_along_axis(before - after, predicted, axis=1)[:, 0]
    return drop


def perturbations(keep_scores: Sequence[ArrayLike], share: float) -> tuple[list[BoolArray], list[BoolArray]]:
    """Flags of the top `share` of each text's tokens by keep score, and of all its other tokens.

    The top holds ceil(share * T) tokens, so at least one of any text that has one; among equal scores the
    earlier token goes first.

    Args:
        keep_scores: B rows of T scores.
        share: Share of tokens to take, in (0, 1].

    Returns:
        Two lists of B flag rows of shape (T,): the tokens to keep for sufficiency, and their complement, what
        is left to read for comprehensiveness.

    Raises:
        PlmrError: When the share is out of range.
    """
    if not 0 < share <= 1:
        raise PlmrError(f"share of tokens is {share}; expected a number above 0 and at most 1")
    top = [_top_flags(np.asarray(row, dtype=np.float64), share) for row in keep_scores]
    return top, [~flags for flags in top]


def faithfulness_scores(
    probabilities: ClassProbabilities,
    selected: Flags,
    keep_scores: Sequence[ArrayLike],
    shares: Sequence[float] = AOPC_SHARES,
) -> FaithfulnessScores:
    """Sufficiency and comprehensiveness of the selection, and their AOPC over `shares`.

    Calls `probabilities` 3 + 2 len(shares) times on the whole batch.

    Args:
        probabilities: The model, reading only flagged words.
        selected: B rows of T flags, 1 = in the rationale.
        keep_scores: B rows of T scores that rank the words.
        shares: Sizes of the ranked rationales, as shares of a text's words.

    Raises:
        PlmrError: When rows do not pair up, or the model returns anything but (B, C).
    """
    check_same_count(selected=selected, keep_scores=keep_scores)
    rationales = flag_rows(selected, "selected")
    scores = [np.asarray(row, dtype=np.float64) for row in keep_scores]
    for index, (flags, row) in enumerate(zip(rationales, scores, strict=True)):
        check_same_length(index, selected=flags, keep_scores=row)
    if not rationales:
        return FaithfulnessScores(np.nan, np.nan, np.nan, np.nan, (), 0)

    full = probabilities([np.ones_like(flags) for flags in rationales])

    def mean_drop(flags: list[BoolArray]) -> float:
        return float(probability_drop(full, probabilities(flags)).mean())

    bins = []
    for share in shares:
        top, rest = perturbations(scores, share)
        bins.append(ShareDrop(share, mean_drop(top), mean_drop(rest)))
    return FaithfulnessScores(
        sufficiency=mean_drop(rationales),
        comprehensiveness=mean_drop([~flags for flags in rationales]),
        aopc_sufficiency=float(np.mean([drop.sufficiency for drop in bins])),
        aopc_comprehensiveness=float(np.mean([drop.comprehensiveness for drop in bins])),
        bins=tuple(bins),
        n_texts=len(rationales),
    )


def _top_flags(scores: FloatArray, share: float) -> BoolArray:
    # 0.07 * 100 is a hair above 7 in floating point; without the slack it would round up to 8.
    count = math.ceil(share * scores.size - 1e-9)
    flags = np.zeros(scores.size, dtype=np.bool_)
    flags[np.argsort(-scores, kind="stable")[:count]] = True
    return flags
