"""Using a model: the two-line classifier and its evaluation."""

from plmr.explain.classifier import RationaleClassifier
from plmr.explain.pipeline import RationalePipeline

__all__ = ["RationaleClassifier", "RationalePipeline"]
