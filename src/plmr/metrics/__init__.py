"""Metrics of rationales and of the labels that rest on them: pure functions on flags and arrays.

Shapes: B texts, T tokens (words or subwords, differing between texts), L blocks, H width, C classes.
Shares and scores are in [0, 1] unless a docstring says otherwise; NaN stands for what could not be measured.
"""

from plmr.metrics.bootstrap import BootstrapDifference, bootstrap_difference, bootstrap_of_counts
from plmr.metrics.classification import ClassCounts, ClassificationScores, classification_scores
from plmr.metrics.eraser import SpanScores, auprc, iou_f1, spans_from_flags
from plmr.metrics.failure import FailureRate, FailureScores, failure_scores
from plmr.metrics.faithfulness import (
    AOPC_SHARES,
    FaithfulnessScores,
    ShareDrop,
    faithfulness_scores,
    perturbations,
    probability_drop,
)
from plmr.metrics.function_words import is_function_word
from plmr.metrics.homogeneity import HomogeneityScores, covariance_trace, homogeneity
from plmr.metrics.plausibility import PlausibilityScores, token_scores
from plmr.metrics.report import EvaluationReport, Row, evaluation_report

__all__ = [
    "AOPC_SHARES",
    "BootstrapDifference",
    "ClassCounts",
    "ClassificationScores",
    "EvaluationReport",
    "FailureRate",
    "FailureScores",
    "FaithfulnessScores",
    "HomogeneityScores",
    "PlausibilityScores",
    "Row",
    "ShareDrop",
    "SpanScores",
    "auprc",
    "bootstrap_difference",
    "bootstrap_of_counts",
    "classification_scores",
    "covariance_trace",
    "evaluation_report",
    "failure_scores",
    "faithfulness_scores",
    "homogeneity",
    "iou_f1",
    "is_function_word",
    "perturbations",
    "probability_drop",
    "spans_from_flags",
    "token_scores",
]
