"""SHAP's partition explainer (Lundberg and Lee, NeurIPS 2017; Owen values over a tree of the text's phrases)."""

from __future__ import annotations

from typing import Any

import numpy as np

from plmr.explain.posthoc.text_function import TextFunction

_REMOVED = 0


def shap_scores(text: TextFunction, seed: int = 0, max_evals: int = 500) -> np.ndarray:
    """Owen values of the words.

    Args:
        text: What is explained.
        seed: Not used, the method draws nothing.
        max_evals: Variants of the text that are read; the default is the library's.

    Returns:
        They sum to the probability of the whole text less that of no words. *Shape:* (W,)
    """
    import shap

    n_words = len(text.words)
    if n_words == 1:  # no tree has one leaf, and there is one way to share
        without, whole = text.probabilities(np.array([[False], [True]]))[:, text.label]
        return np.array([whole - without])

    def tokenize(string: str, **_: Any) -> dict[str, list]:
        # The library asks for the tokens of an empty text as well, to find special ones.
        there = string == text.text
        return {
            "input_ids": list(range(1, n_words + 1)) if there else [],
            "offset_mapping": text.ranges if there else [],
        }

    def probability(variants: np.ndarray) -> np.ndarray:
        return text.probabilities(variants != _REMOVED)[:, text.label]

    # As token ids the masker says which words are left; as a string it would have to be split again.
    masker = shap.maskers.Text(tokenize, mask_token=_REMOVED, output_type="token_ids")
    explainer = shap.Explainer(probability, masker, algorithm="partition")
    explanation = explainer([text.text], max_evals=max_evals, batch_size=text.batch_size, silent=True)
    return np.asarray(explanation.values[0], dtype=np.float64)
