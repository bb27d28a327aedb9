"""Faithfulness of a logistic model over words, whose probabilities can be written down."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plmr.errors import PlmrError
from plmr.metrics import AOPC_SHARES, faithfulness_scores, perturbations, probability_drop

WEIGHTS = [[3.0, -1.0, 0.5, 0.0], [-2.0, 0.25]]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def logistic(flags: list[np.ndarray]) -> np.ndarray:
    """p(class 1) = sigmoid of the summed weights of the words it may read."""
    positive = [sigmoid(float(np.dot(weights, row))) for weights, row in zip(WEIGHTS, flags, strict=True)]
    return np.array([[1 - p, p] for p in positive])


def test_figures_worked_out_by_hand():
    scores = faithfulness_scores(logistic, [[1, 0, 0, 0], [0, 1]], [np.abs(w) for w in WEIGHTS], shares=(0.5,))
    # Text 1 is called 1, text 2 is called 0, where p(0) = sigmoid of minus the sum.
    full = sigmoid(2.5), sigmoid(1.75)
    assert scores.sufficiency == pytest.approx((full[0] - sigmoid(3) + full[1] - sigmoid(-0.25)) / 2)
    assert scores.comprehensiveness == pytest.approx((full[0] - sigmoid(-0.5) + full[1] - sigmoid(2)) / 2)
    assert scores.aopc_sufficiency == pytest.approx((full[0] - sigmoid(2) + full[1] - sigmoid(2)) / 2)
    assert scores.aopc_comprehensiveness == pytest.approx((full[0] - sigmoid(0.5) + full[1] - sigmoid(-0.25)) / 2)
    assert scores.n_texts == 2


def test_aopc_is_the_mean_over_the_five_bins():
    scores = faithfulness_scores(logistic, [[1, 0, 0, 0], [0, 1]], [np.abs(w) for w in WEIGHTS])
    assert tuple(drop.share for drop in scores.bins) == AOPC_SHARES
    assert scores.aopc_sufficiency == pytest.approx(sum(drop.sufficiency for drop in scores.bins) / 5)
    assert scores.aopc_comprehensiveness == pytest.approx(sum(d.comprehensiveness for d in scores.bins) / 5)


def test_the_whole_text_is_sufficient_and_nothing_is_not_comprehensive():
    everything, nothing = [[1] * 4, [1] * 2], [[0] * 4, [0] * 2]
    assert faithfulness_scores(logistic, everything, WEIGHTS).sufficiency == 0
    assert faithfulness_scores(logistic, nothing, WEIGHTS).comprehensiveness == 0


def test_drop_follows_the_class_of_the_full_text():
    drop = probability_drop([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]], [[0.8, 0.1, 0.1], [0.9, 0.1, 0.0]])
    assert drop == pytest.approx([0.6, -0.3])


@pytest.mark.parametrize(
    ("tokens", "share", "count"),
    [(10, 0.01, 1), (10, 0.2, 2), (11, 0.2, 3), (100, 0.07, 7), (0, 0.5, 0), (3, 1.0, 3)],
)
def test_top_counts_round_up(tokens, share, count):
    top, rest = perturbations([np.arange(tokens)], share)
    assert top[0].sum() == count
    assert rest[0].sum() == tokens - count


@given(st.lists(st.sampled_from([0.1, 0.5, 0.9]), min_size=1, max_size=20), st.sampled_from(AOPC_SHARES))
def test_top_tokens_are_first_by_score_then_by_place(scores, share):
    top, rest = perturbations([scores], share)
    ranked = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    assert set(np.flatnonzero(top[0])) == set(ranked[: max(1, math.ceil(round(share * len(scores), 6)))])
    assert (top[0] ^ rest[0]).all()


def test_no_texts():
    assert math.isnan(faithfulness_scores(logistic, [], []).sufficiency)


def test_bad_inputs_are_named():
    with pytest.raises(PlmrError, match="share of tokens is 0"):
        perturbations([[0.5]], 0)
    with pytest.raises(PlmrError, match=r"\(2, 2\) and \(1, 2\)"):
        probability_drop([[0.5, 0.5]] * 2, [[0.5, 0.5]])
    with pytest.raises(PlmrError, match="text 1 has 1 selected, 2 keep_scores"):
        faithfulness_scores(logistic, [[1, 0, 0, 0], [1]], WEIGHTS)
