"""The report holds what the metrics found, as JSON and as a table."""

import json
import math

import pytest

from plmr.errors import PlmrError
from plmr.metrics import auprc, evaluation_report, faithfulness_scores, iou_f1, token_scores

WORDS = [["the", "aroma", "is", "lovely"], ["bad", "beer", "!"], ["fine"]]
PREDICTED = [[1, 1, 0, 1], [1, 0, 0], [0]]
GOLD = [[0, 1, 0, 1], [1, 0, 0], None]
KEEP = [[0.6, 0.9, 0.2, 0.8], [0.7, 0.1, 0.1], [0.2]]
KEYS = ["word", "subword", "iou", "auprc", "classification", "failure", "faithfulness"]


def full_report():
    return evaluation_report(
        PREDICTED,
        GOLD,
        words=WORDS,
        keep_scores=KEEP,
        subword_predicted=[[1, 1, 1, 0, 1], [1, 0, 0], [0]],
        subword_gold=[[0, 1, 1, 0, 1], [1, 0, 0], None],
        y_true=["positive", "negative", "positive"],
        y_pred=["positive", "negative", "negative"],
        labels=["negative", "positive"],
        faithfulness=faithfulness_scores(lambda flags: [[0.4, 0.6]] * len(flags), PREDICTED, KEEP),
    )


def test_parts_are_those_of_the_metrics():
    report = full_report()
    assert report.word == token_scores(PREDICTED, GOLD)
    assert report.iou == iou_f1(PREDICTED, GOLD)
    assert report.auprc == auprc(KEEP, GOLD)
    unmarked = [[False] * len(row) for row in KEEP]
    assert evaluation_report(PREDICTED, unmarked, keep_scores=KEEP).auprc is None
    assert report.subword is not None
    assert report.subword.micro_f1 == pytest.approx(2 * 4 / (5 + 4))
    assert report.classification is not None
    assert report.classification.accuracy == pytest.approx(2 / 3)
    assert report.failure is not None
    assert (report.failure.n_texts, report.failure.n_correct) == (2, 2)


def test_json_holds_every_key_and_no_nan():
    found = json.loads(json.dumps(full_report().to_dict(), allow_nan=False))
    assert list(found) == KEYS
    assert found["word"]["micro_f1"] == pytest.approx(6 / 7)
    assert found["classification"]["classes"][1] == {
        "label": "positive",
        "true": 2,
        "predicted": 1,
        "correct": 1,
    }
    assert [drop["share"] for drop in found["faithfulness"]["bins"]] == [0.01, 0.05, 0.1, 0.2, 0.5]
    assert len(found["failure"]["rates"]) == 6


def test_without_gold_and_labels_only_sparsity_is_reported():
    report = evaluation_report(PREDICTED, keep_scores=KEEP, words=WORDS)
    assert math.isnan(report.word.micro_f1)
    found = report.to_dict()
    assert list(found) == KEYS
    assert found["word"]["micro_f1"] is None
    assert [key for key in KEYS if found[key] is not None] == ["word"]
    assert [row.label for row in report.rows()] == ["Texts", "Selected words (S)"]


def test_the_table_says_what_a_figure_is_worth():
    rows = {row.label: row for row in full_report().rows()}
    assert rows["Texts"] == ("Texts", "3", "2 with a human rationale")
    assert rows["F1"].value == "85.7 %"
    assert "100 % of the 85.7 % within reach" in rows["F1"].explanation
    assert rows["Accuracy"].explanation == "always answering 'positive' scores 66.7 %"
    assert rows["Failure rate"].value == "0.0 %"
    assert "at most 30 % precise and at least 30 % function words" in rows["Failure rate"].explanation
    assert "top 1 %, 5 %, 10 %, 20 %, 50 % of words" in rows["Sufficiency AOPC"].explanation
    assert all(value and explanation for _, value, explanation in rows.values())


def test_an_empty_set_of_texts_has_a_report():
    report = evaluation_report([], [], y_true=[], y_pred=[])
    json.dumps(report.to_dict(), allow_nan=False)
    assert report.rows()[1].value == "n/a"


def test_bad_inputs_are_named():
    with pytest.raises(PlmrError, match="y_pred is missing"):
        evaluation_report(PREDICTED, y_true=["a", "b", "a"])
    with pytest.raises(PlmrError, match="3 predicted, 1 y_true"):
        evaluation_report(PREDICTED, y_true=["a"], y_pred=["a"])


def test_counts_of_single_texts_are_kept_beside_the_figures():
    report = evaluation_report([[1, 0, 1], [1, 1], [0, 1]], [[1, 1, 0], None, [0, 0]])
    assert report.word_counts == ((1, 2, 2), (0, 1, 0))
    assert "word_counts" not in report.to_dict()
