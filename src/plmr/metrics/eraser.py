"""Agreement on spans (IOU F1) and on rankings (AUPRC), as the ERASER benchmark defines them.

Source: DeYoung et al., "ERASER: A Benchmark to Evaluate Rationalized NLP Models", ACL 2020, section 4.1,
and the benchmark's own scorer where the paper leaves room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import auc, precision_recall_curve

from plmr.errors import PlmrError
from plmr.metrics._inputs import (
    BoolArray,
    Flags,
    OptionalFlags,
    annotated_pairs,
    check_same_count,
    check_same_length,
    flag_row,
    harmonic_mean,
    ratio,
)

Span = tuple[int, int]

AUPRC_WITHOUT_GOLD = 0.5
"""The area when no token is gold: one trapezoid from recall 1, precision 0 to recall 0, precision 1."""


@dataclass(frozen=True, slots=True)
class SpanScores:
    """Agreement of selected spans with gold spans. All figures are shares in [0, 1].

    A selected span is a hit when its best intersection over union with a gold span reaches the threshold.
    Figures are NaN when no text is annotated.

    Attributes:
        macro_precision: Mean of hits / selected spans over texts that select something.
        macro_recall: Mean of hits / gold spans over texts that have gold spans.
        macro_f1: Harmonic mean of these two means (unlike the macro F1 of tokens): ERASER's "IOU F1".
        micro_precision: Hits / selected spans, pooled over texts.
        micro_recall: Hits / gold spans, pooled over texts.
        micro_f1: Harmonic mean of the two.
        threshold: Least intersection over union of a hit.
        n_predicted: Selected spans.
        n_gold: Gold spans.
    """

    macro_precision: float
    macro_recall: float
    macro_f1: float
    micro_precision: float
    micro_recall: float
    micro_f1: float
    threshold: float
    n_predicted: int
    n_gold: int


def spans_from_flags(flags: ArrayLike) -> list[Span]:
    """Token ranges [start, end) of the runs of flagged tokens, in order.

    Example:
        >>> spans_from_flags([0, 1, 1, 0, 1])
        [(1, 3), (4, 5)]
    """
    edges = np.diff(flag_row(flags, "flags", 0).astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def iou_f1(predicted: Flags, gold: OptionalFlags, threshold: float = 0.5) -> SpanScores:
    """IOU F1: whether spans, not only tokens, agree.

    Spans are runs of flagged tokens, so gold spans that touch count as one.

    Args:
        predicted: B rows of T flags, 1 = selected.
        gold: B rows of T flags, 1 = marked by people, or None where nobody annotated the text.
        threshold: Least intersection over union of a hit, in (0, 1].

    Raises:
        PlmrError: When the rows do not pair up or the threshold is out of range.
    """
    if not 0 < threshold <= 1:
        raise PlmrError(f"IOU threshold is {threshold}; expected a number above 0 and at most 1")
    pairs = annotated_pairs(predicted, gold)
    counts = np.array([_span_counts(ours, truth, threshold) for ours, truth in pairs], dtype=np.int64)
    hits, selected, marked = counts.reshape(-1, 3).T
    empty = 0.0 if pairs else np.nan
    micro = ratio(hits.sum(), selected.sum(), empty=empty), ratio(hits.sum(), marked.sum(), empty=empty)
    macro = _mean_ratio(hits, selected, empty), _mean_ratio(hits, marked, empty)
    return SpanScores(
        macro_precision=macro[0],
        macro_recall=macro[1],
        macro_f1=harmonic_mean(*macro),
        micro_precision=micro[0],
        micro_recall=micro[1],
        micro_f1=harmonic_mean(*micro),
        threshold=threshold,
        n_predicted=int(selected.sum()),
        n_gold=int(marked.sum()),
    )


def auprc(keep_scores: Sequence[ArrayLike], gold: OptionalFlags) -> float:
    """Area under the precision-recall curve of keep scores, mean over texts; NaN when no text is annotated.

    The area of one text is taken by the trapezoidal rule. Texts whose tokens are all gold (area 1) or all
    not gold (area 1/2) stay in the mean, as in the benchmark's scorer; texts without tokens do not.

    Args:
        keep_scores: B rows of T scores; only their order within a text matters.
        gold: B rows of T flags, 1 = marked by people, or None where nobody annotated the text.

    Raises:
        PlmrError: When the rows do not pair up or a score is not finite.
    """
    check_same_count(keep_scores=keep_scores, gold=gold)
    areas = []
    for index, (row, marked) in enumerate(zip(keep_scores, gold, strict=True)):
        if marked is None:
            continue
        scores, truth = np.asarray(row, dtype=np.float64), flag_row(marked, "gold", index)
        check_same_length(index, keep_scores=scores, gold=truth)
        if not np.isfinite(scores).all():
            raise PlmrError(f"text {index}: keep scores hold NaN or infinity; expected finite numbers")
        if truth.size:
            areas.append(_area(truth, scores))
    return float(np.mean(areas)) if areas else np.nan


def _area(truth: BoolArray, scores: ArrayLike) -> float:
    if not truth.any():
        return AUPRC_WITHOUT_GOLD
    precision, recall, _ = precision_recall_curve(truth, scores)
    return float(auc(recall, precision))


def _span_counts(ours: BoolArray, truth: BoolArray, threshold: float) -> tuple[int, int, int]:
    selected, marked = spans_from_flags(ours), spans_from_flags(truth)
    hits = sum(max((_iou(span, other) for other in marked), default=0.0) >= threshold for span in selected)
    return hits, len(selected), len(marked)


def _iou(one: Span, other: Span) -> float:
    shared = max(0, min(one[1], other[1]) - max(one[0], other[0]))
    return shared / (one[1] - one[0] + other[1] - other[0] - shared)


def _mean_ratio(hits: np.ndarray, totals: np.ndarray, empty: float) -> float:
    present = totals > 0
    return float(np.mean(hits[present] / totals[present])) if present.any() else empty
