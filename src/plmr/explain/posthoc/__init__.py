"""Post-hoc explainers on the classifier's full-text path, and rationales from elsewhere, all scored alike."""

from plmr.explain.posthoc.comparing import Track, compare, draw_sample, top_words
from plmr.explain.posthoc.comparison import COLUMNS, Comparison, System
from plmr.explain.posthoc.explainers import EXPLAINERS, Explainer, check_explainers, word_scores
from plmr.explain.posthoc.external import ExternalRationale, read_external
from plmr.explain.posthoc.text_function import TextFunction

__all__ = [
    "COLUMNS",
    "EXPLAINERS",
    "Comparison",
    "Explainer",
    "ExternalRationale",
    "System",
    "TextFunction",
    "Track",
    "check_explainers",
    "compare",
    "draw_sample",
    "read_external",
    "top_words",
    "word_scores",
]
