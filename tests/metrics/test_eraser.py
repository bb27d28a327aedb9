"""IOU F1 and AUPRC against hand-made figures and plain loops over ERASER's definitions."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import auc, precision_recall_curve

from plmr.errors import PlmrError
from plmr.metrics import auprc, iou_f1, spans_from_flags
from plmr.metrics.eraser import AUPRC_WITHOUT_GOLD

FLAGS = st.lists(st.booleans(), max_size=14)
PAIRED_FLAGS = st.lists(
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=14).map(
        lambda tokens: ([ours for ours, _ in tokens], [truth for _, truth in tokens])
    ),
    min_size=1,
    max_size=6,
)


def flags(length: int, *spans: tuple[int, int]) -> list[bool]:
    return [any(start <= i < end for start, end in spans) for i in range(length)]


@given(FLAGS)
def test_spans_are_maximal_and_give_the_flags_back(row):
    spans = spans_from_flags(row)
    assert flags(len(row), *spans) == row
    assert all(end < start for (_, end), (start, _) in pairwise(spans))


def test_iou_figures_worked_out_by_hand():
    # Text 1: [1, 4) shares 3 of 4 tokens (hit), [7, 10) shares 1 of 4 (miss). Text 2 selects nothing.
    predicted = [flags(10, (1, 4), (7, 10)), flags(5), flags(3, (0, 1))]
    gold = [flags(10, (0, 4), (6, 8)), flags(5, (2, 4)), None]
    scores = iou_f1(predicted, gold)
    assert (scores.macro_precision, scores.macro_recall) == (0.5, 0.25)
    assert scores.macro_f1 == pytest.approx(1 / 3)
    assert [scores.micro_precision, scores.micro_recall] == pytest.approx([1 / 2, 1 / 3])
    assert scores.micro_f1 == pytest.approx(0.4)
    assert (scores.n_predicted, scores.n_gold) == (2, 3)


def test_a_span_at_the_threshold_is_a_hit():
    assert iou_f1([flags(4, (0, 2))], [flags(4, (0, 4))]).micro_f1 == 1
    assert iou_f1([flags(5, (0, 2))], [flags(5, (0, 5))]).micro_f1 == 0


@given(PAIRED_FLAGS, st.sampled_from([0.1, 0.5, 1.0]))
def test_iou_follows_erasers_loop_over_token_sets(pairs, threshold):
    scores = iou_f1([ours for ours, _ in pairs], [truth for _, truth in pairs], threshold)
    precisions, recalls, all_hits = [], [], 0
    for ours, truth in pairs:
        selected = [set(range(*span)) for span in spans_from_flags(ours)]
        marked = [set(range(*span)) for span in spans_from_flags(truth)]
        hits = sum(any(len(s & m) / len(s | m) >= threshold for m in marked) for s in selected)
        all_hits += hits
        precisions += [hits / len(selected)] if selected else []
        recalls += [hits / len(marked)] if marked else []
    p, r = (sum(values) / len(values) if values else 0 for values in (precisions, recalls))
    assert [scores.macro_precision, scores.macro_recall] == pytest.approx([p, r])
    assert scores.macro_f1 == pytest.approx(2 * p * r / (p + r) if p + r else 0)
    assert scores.micro_f1 == pytest.approx(2 * all_hits / max(1, scores.n_predicted + scores.n_gold))


def test_auprc_figures_worked_out_by_hand():
    # Recall 0 to 1/2 at precision 1, then 1/2 to 1 between precisions 1/2 and 2/3.
    mixed = 0.5 * 1 + 0.5 * (1 / 2 + 2 / 3) / 2
    assert auprc([[0.9, 0.8, 0.7, 0.6]], [[1, 0, 1, 0]]) == pytest.approx(mixed)
    assert auprc([[0.9, 0.2]], [[1, 1]]) == 1
    assert auprc([[0.9, 0.8, 0.7, 0.6], [0.3], [], [0.1]], [[1, 0, 1, 0], [0], [], None]) == pytest.approx(
        (mixed + 0.5) / 2
    )


def test_auprc_of_a_text_without_gold_is_what_the_scorer_of_eraser_computes():
    with pytest.warns(UserWarning, match="No positive class"):
        precision, recall, _ = precision_recall_curve([0, 0, 0], [0.1, 0.7, 0.7])
    assert auc(recall, precision) == AUPRC_WITHOUT_GOLD


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans()), min_size=1, max_size=12))
def test_auprc_is_the_trapezoidal_area_over_every_cut(tokens):
    marked = sum(truth for _, truth in tokens)
    if not marked:
        return
    curve = [(0.0, 1.0)]
    for cut in sorted({score for score, _ in tokens}, reverse=True):
        kept = [truth for score, truth in tokens if score >= cut]
        curve.append((sum(kept) / marked, sum(kept) / len(kept)))
    area = sum((r1 - r0) * (p0 + p1) / 2 for (r0, p0), (r1, p1) in pairwise(curve))
    assert auprc([[score for score, _ in tokens]], [[truth for _, truth in tokens]]) == pytest.approx(area)


def test_auprc_depends_on_the_order_of_scores_only():
    gold = [[0, 1, 1, 0, 1, 0]]
    scores = [0.2, 0.9, 0.4, 0.5, 0.1, 0.3]
    assert auprc([scores], gold) == auprc([[10 * s**3 - 4 for s in scores]], gold)


def test_nothing_annotated_is_nan():
    assert math.isnan(auprc([[0.5]], [None]))
    assert math.isnan(iou_f1([[1]], [None]).micro_precision)
    assert math.isnan(iou_f1([[1]], [None]).macro_f1)


def test_bad_inputs_are_named():
    with pytest.raises(PlmrError, match="IOU threshold is 0"):
        iou_f1([[1]], [[1]], threshold=0)
    with pytest.raises(PlmrError, match="text 0 has 2 keep_scores, 1 gold tokens"):
        auprc([[0.5, 0.5]], [[1]])
    with pytest.raises(PlmrError, match="text 0: keep scores hold NaN"):
        auprc([[math.nan]], [[1]])
