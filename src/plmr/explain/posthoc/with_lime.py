"""LIME (Ribeiro et al., KDD 2016), by the authors' library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plmr.explain.posthoc.text_function import TextFunction


def lime_scores(text: TextFunction, seed: int = 0, samples: int = 5000) -> np.ndarray:
    """Weights of a linear model fitted to the classifier around the text.

    Args:
        text: What is explained.
        seed: Of the sample.
        samples: Variants of the text that are read; the default is the library's.

    Returns:
        *Shape:* (W,)
    """
    from lime.lime_text import LimeTextExplainer

    n_words = len(text.words)

    def classify(variants: Sequence[str]) -> np.ndarray:
        present = np.zeros((len(variants), n_words), dtype=bool)
        for row, variant in enumerate(variants):
            present[row, [int(place) for place in variant.split()]] = True
        return text.probabilities(present)

    # The library never looks at a word, so each is called by its place: names that its splitting cannot break, and
    # that tell two equal words apart. `bow=False`, because the classifier too tells them apart.
    explainer = LimeTextExplainer(bow=False, mask_string="", feature_selection="none", random_state=seed)
    explanation = explainer.explain_instance(
        " ".join(map(str, range(n_words))), classify, labels=(text.label,), num_features=n_words, num_samples=samples
    )
    scores = np.zeros(n_words)
    for place, weight in explanation.as_map()[text.label]:
        scores[place] = weight
    return scores
