"""Using a model: the two-line classifier and its evaluation."""

from plmr.explain.classifier import RationaleClassifier

__all__ = ["RationaleClassifier"]
