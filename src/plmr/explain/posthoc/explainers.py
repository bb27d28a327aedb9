"""The explainers by name: what each needs, what it may spend, and one score per word from any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from plmr.errors import PlmrError, nearest
from plmr.explain.posthoc.attention import first_token_attention, has_attention
from plmr.explain.posthoc.text_function import TextFunction
from plmr.explain.posthoc.with_captum import integrated_gradients, occlusion
from plmr.explain.posthoc.with_lime import lime_scores
from plmr.explain.posthoc.with_shap import shap_scores
from plmr.modeling import RationaleModel


@dataclass(frozen=True)
class Explainer:
    """A way to score the words of a text.

    Attributes:
        scores: From the explained text and a seed to one score per explained word, the higher the more the word speaks
            for the label.
        budget: What it spends on a text.
        package: What must be installed.
    """

    scores: Callable[[TextFunction, int], np.ndarray]
    budget: str
    package: str | None = None


def random_scores(text: TextFunction, seed: int = 0) -> np.ndarray:
    """What any explainer should beat. *Shape:* (W,)"""
    return np.random.default_rng(seed).random(len(text.words))


EXPLAINERS: dict[str, Explainer] = {
    "lime": Explainer(lime_scores, "5,000 samples", "lime"),
    "shap": Explainer(shap_scores, "partition, 500 evaluations", "shap"),
    "ig": Explainer(integrated_gradients, "50 steps", "captum"),
    "occlusion": Explainer(occlusion, "one evaluation per word", "captum"),
    "attention": Explainer(first_token_attention, "one pass"),
    "random": Explainer(random_scores, "nothing"),
}


def check_explainers(names: Iterable[str] | None, model: RationaleModel) -> tuple[list[str], list[str]]:
    """Find out before the first text is explained that every explainer can run.

    Args:
        names: Keys of `EXPLAINERS`; None for all that fit the model.
        model: What is to be explained.

    Returns:
        The names, each once, and what there is to say about those left out.

    Raises:
        PlmrError: A name is unknown, a library is missing, or the model has nothing that an explainer looks at.
    """
    chosen, notes = list(dict.fromkeys(EXPLAINERS if names is None else names)), []
    for name in chosen:
        if name not in EXPLAINERS:
            hint = nearest(name, EXPLAINERS) or f" There are {', '.join(EXPLAINERS)}."
            raise PlmrError(f"There is no explainer {name!r}.{hint}")
    if "attention" in chosen and not has_attention(model):
        reason = f"the encoder {model.config.encoder!r} has no attention"
        if names is not None:
            raise PlmrError(f"explainer 'attention': {reason}; leave it out.")
        chosen.remove("attention")
        notes.append(f"attention is left out: {reason}")
    for name in chosen:
        package = EXPLAINERS[name].package
        if package is not None and find_spec(package) is None:
            raise PlmrError(f'explainer {name!r}: {package} is not installed; pip install "plmr[compare]"')
    return chosen, notes


def word_scores(name: str, text: TextFunction, seed: int = 0) -> np.ndarray:
    """One finite score for every word of a text; words without a token rank below all others.

    Args:
        name: A key of `EXPLAINERS`.
        text: What is explained.
        seed: For the explainers that draw.

    Returns:
        One score per word of the text.
    """
    if not text.words:
        return np.zeros(text.n_words)
    explained = EXPLAINERS[name].scores(text, seed)
    scores = np.full(text.n_words, explained.min() - 1)
    scores[text.words] = explained
    return scores
