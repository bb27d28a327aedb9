"""Label scores against scikit-learn's own and against the published majority baseline."""

import math
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, recall_score

from plmr.errors import PlmrError
from plmr.metrics import ClassCounts, classification_scores


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=30))
def test_agrees_with_scikit_learn(pairs):
    y_true, y_pred = [true for true, _ in pairs], [guess for _, guess in pairs]
    scores = classification_scores(y_true, y_pred, labels=["c", "b", "a", "never seen"])
    recalls = recall_score(y_true, y_pred, labels=sorted(set(y_true)), average="macro", zero_division=0)
    assert scores.accuracy == pytest.approx(accuracy_score(y_true, y_pred))
    assert scores.balanced_accuracy == pytest.approx(recalls)
    assert scores.majority_accuracy == pytest.approx(max(map(y_true.count, y_true)) / len(y_true))
    assert scores.chance == pytest.approx(1 / len(set(y_true)))
    assert [counts.label for counts in scores.classes] == ["c", "b", "a", "never seen"]


def test_always_positive_on_beer_appearance():
    scores = classification_scores([1] * 923 + [0] * 13, [1] * 936)
    assert round(100 * scores.accuracy, 1) == round(100 * scores.majority_accuracy, 1) == 98.6
    assert scores.balanced_accuracy == scores.chance == 0.5
    assert scores.majority_label == "1"
    assert scores.classes == (ClassCounts("0", 13, 0, 0), ClassCounts("1", 923, 936, 923))


def test_one_class_only_is_no_reason_to_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = classification_scores(["yes"], ["yes"])
    assert scores.accuracy == scores.balanced_accuracy == scores.chance == 1


def test_no_texts():
    scores = classification_scores([], [], labels=["no", "yes"])
    assert math.isnan(scores.accuracy)
    assert math.isnan(scores.chance)
    assert scores.majority_label is None


def test_bad_inputs_are_named():
    with pytest.raises(PlmrError, match="2 y_true, 1 y_pred"):
        classification_scores(["a", "b"], ["a"])
    with pytest.raises(PlmrError, match=r"label 'maybe' is not among the classes \['no', 'yes'\]"):
        classification_scores(["yes"], ["maybe"], labels=["no", "yes"])
