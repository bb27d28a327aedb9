"""Thresholds: the share selected is the share asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plmr.data.encoding import Encoded
from plmr.errors import PlmrError
from plmr.inference import predict
from plmr.modeling import RationaleModel
from plmr.training import calibrate
from plmr.training.calibration import threshold_for
from tests.small import small_model

SHARES = st.floats(0.01, 0.99)


@given(st.sets(st.integers(1, 999), min_size=1, max_size=60), SHARES)
def test_without_ties_the_share_is_met_to_half_a_score(numbers, share):
    scores = np.array(sorted(numbers)) / 1000
    threshold = threshold_for(scores, share)
    assert 0 <= threshold < 1
    assert abs((scores > threshold).sum() - share * len(scores)) <= 0.5 + 1e-9 or len(scores) * share < 1


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=40), SHARES)
def test_with_ties_no_threshold_comes_nearer(values, share):
    scores = np.array(values)
    wanted = round(share * len(scores))
    reached = (scores > threshold_for(scores, share)).sum()
    others = [(scores > t).sum() for t in (0.0, 0.25, 0.5)]
    assert scores.max() == 0 or abs(reached - wanted) <= min(abs(n - wanted) for n in others if n)


@pytest.mark.parametrize("top", [0.25, 0.5, 1.0])
def test_scores_that_are_neighbours_in_their_precision_are_told_apart(top):
    top = np.float32(top)
    scores = np.repeat([top, np.nextafter(top, np.float32(0))], [20, 80])
    assert (scores > threshold_for(scores, 0.2)).sum() == 20


def texts(n=60, seed=0):
    """Words of one to three tokens between two special ones."""
    chance = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        words = np.repeat(np.arange(12), chance.integers(1, 4, 12)).tolist()
        made.append(Encoded([2, *chance.integers(4, 60, len(words)).tolist(), 3], [-1, *words, -1], 12))
    return made


@pytest.mark.parametrize("unit", ["word", "subword"])
@pytest.mark.parametrize("method", ["plmr", "rnp"])
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_the_share_is_met_and_survives_saving(unit, method, share, tmp_path):
    depth = {"generator_depth": 3, "dim_reduction_blocks": 2} if method == "plmr" else {}
    model = small_model(unit=unit, method=method, sparsity=share, **depth)
    found = calibrate(model, texts(), batch_size=7)
    assert model.config.thresholds == found.thresholds and len(found.thresholds) == model.method.n_steps
    assert found.shares == pytest.approx(model.method.targets(), abs=0.01)
    assert found.target == pytest.approx(share)
    model.save_pretrained(tmp_path)
    loaded = RationaleModel.from_pretrained(tmp_path)
    assert loaded.config.thresholds == found.thresholds
    selected = total = 0
    for text, answer in zip(texts(), predict(loaded, texts()), strict=True):
        words = np.array(text.word_ids)
        units = words if unit == "word" else np.where(words >= 0, np.arange(len(words)), -1)
        assert not answer.mask[words < 0].any()
        selected += len(set(units[answer.mask.astype(bool)]))
        total += len(set(units[words >= 0]))
    assert selected / total == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("nothing", [[], [Encoded([2, 3], [-1, -1], 0)]])
def test_nothing_to_select_is_an_error(nothing):
    with pytest.raises(PlmrError, match="at least one word"):
        calibrate(small_model(), nothing)
