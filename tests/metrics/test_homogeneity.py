"""Traces against the full covariance matrix, and what the trace must not depend on."""

import math

import numpy as np
import pytest

from plmr.errors import PlmrError
from plmr.metrics import covariance_trace, homogeneity


def test_trace_is_that_of_the_unbiased_covariance():
    states = np.random.default_rng(1).normal(size=(7, 5))
    assert covariance_trace(states) == pytest.approx(np.trace(np.cov(states, rowvar=False, ddof=1)))


def test_trace_is_half_the_mean_squared_distance_between_tokens():
    states = np.random.default_rng(2).normal(size=(6, 4))
    distances = [np.sum((states[i] - states[j]) ** 2) for i in range(6) for j in range(6) if i != j]
    assert covariance_trace(states) == pytest.approx(np.mean(distances) / 2)


def test_two_tokens_by_hand():
    assert covariance_trace([[0.0, 1.0], [2.0, 1.0]]) == 2.0


def test_a_common_shift_in_single_precision_changes_nothing():
    states = np.random.default_rng(3).integers(0, 8, size=(5, 3)).astype(np.float32)
    assert covariance_trace(states + np.float32(4096)) == pytest.approx(covariance_trace(states), rel=1e-12)


def test_mean_over_texts_of_every_block():
    rng = np.random.default_rng(4)
    texts = [rng.normal(size=(n, 3)) for n in (4, 1, 6, 0)]
    scores = homogeneity([texts, [3 * states for states in texts], [0 * states for states in texts]])
    mean = (covariance_trace(texts[0]) + covariance_trace(texts[2])) / 2
    assert scores.traces == pytest.approx((mean, 9 * mean, 0.0))
    assert (scores.n_texts, scores.n_skipped) == (2, 2)


def test_nothing_to_measure():
    assert homogeneity([]).traces == ()
    assert math.isnan(homogeneity([[np.ones((1, 3))]]).traces[0])


def test_bad_inputs_are_named():
    with pytest.raises(PlmrError, match=r"shape \(1, 3\); expected \(n, H\) with at least two"):
        covariance_trace(np.ones((1, 3)))
    with pytest.raises(PlmrError, match="block 1 holds other texts than block 0"):
        homogeneity([[np.ones((2, 3))], [np.ones((3, 3))]])
