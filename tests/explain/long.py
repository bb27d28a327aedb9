"""Long texts, and a classifier that reads them in many windows."""

from __future__ import annotations

import copy

import numpy as np

from plmr import RationaleClassifier, make_reviews

REVIEWS = [example.text for example in make_reviews(40, seed=7)]
LONG = [" ".join(REVIEWS[:6]), " ".join(REVIEWS[6:14]), " ".join(REVIEWS[14:17])]


def changed(classifier: RationaleClassifier, **settings) -> RationaleClassifier:
    """A copy with other settings; windows of 48 tokens unless these say otherwise."""
    model = copy.deepcopy(classifier.model)
    for name, value in {"max_tokens": 48, **settings}.items():
        setattr(model.config, name, value)
    return RationaleClassifier(model.config, model, classifier.tokenizer)


def assert_same(one, other):
    assert (one.label, one.selected, one.note) == (other.label, other.selected, other.note)
    np.testing.assert_allclose(list(one.scores.values()), list(other.scores.values()), atol=1e-5)
    np.testing.assert_allclose(one.keep_scores, other.keep_scores, atol=1e-5)
