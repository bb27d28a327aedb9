"""Predicting many texts: any order, any length, any batch."""

import numpy as np
import pytest
import torch

from plmr.data.encoding import Encoded
from plmr.inference import by_length, evaluating, predict
from tests.small import small_model

LENGTHS = (5, 19, 2, 11, 5, 8)


@pytest.fixture
def texts():
    rng = np.random.default_rng(0)
    return [
        Encoded([2, *rng.integers(4, 60, n - 2).tolist(), 3], [-1, *range(n - 2), -1], n - 2, None) for n in LENGTHS
    ]


def test_the_longest_come_first_and_none_is_lost(texts):
    batches = list(by_length(texts, 4))
    assert [len(batch) for batch in batches] == [4, 2]
    order = [i for batch in batches for i in batch]
    assert sorted(order) == list(range(6))
    assert [LENGTHS[i] for i in order] == sorted(LENGTHS, reverse=True)


@pytest.mark.parametrize("family", ["bert", "modernbert", "gru"])
def test_the_batch_size_does_not_change_the_answers(texts, family):
    model = small_model(family)
    alone, together = predict(model, texts, batch_size=1, full_text=True), predict(model, texts, full_text=True)
    for text, one, other in zip(texts, alone, together, strict=True):
        assert one.mask.shape == one.keep.shape == (len(text.input_ids),)
        assert np.array_equal(one.mask, other.mask)
        for name in ("probabilities", "full_text_probabilities", "keep"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-5)
        assert one.probabilities.sum() == pytest.approx(1)


def test_answers_come_in_the_order_of_the_texts(texts):
    model = small_model()
    forward, backward = predict(model, texts), predict(model, texts[::-1])
    for one, other in zip(forward, backward[::-1], strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)
    assert predict(model, []) == []


def test_predicting_is_deterministic_in_training_too(texts):
    model = small_model().train()
    first, second = predict(model, texts), predict(model, texts)
    assert model.training
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(first, second, strict=True))


def test_the_mode_comes_back_after_an_error():
    model = small_model().train()
    with pytest.raises(RuntimeError), evaluating(model):
        assert not model.training
        raise RuntimeError
    assert model.training and torch.is_grad_enabled()
