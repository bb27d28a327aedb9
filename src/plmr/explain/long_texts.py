"""Predicting texts of any length: window by window, merged into one rationale and one label.

The rule (`docs/long-texts.md`):

1. A window holds at most `max_tokens` tokens, the text's special tokens around each of them. It starts and ends between
   two words, and shares `window_overlap` of its length with the next.
2. A word in several windows takes mask and keep probability of the window where it stands farthest from a cut; the
   beginning and the end of the text are no cuts.
3. Each window is predicted from the words of the merged rationale that stand in it.
4. The text's class log-probabilities are the mean of the windows', weighted by the number of rationale words that each
   window has decided on, and normalised again. Without any rationale it is the plain mean.

K windows, T tokens, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np
import torch

from plmr.explain.windows import Document
from plmr.inference import Prediction, predict, predict_from
from plmr.masking import Units, top_units
from plmr.modeling import RationaleModel

Item = TypeVar("Item")


def predict_documents(
    model: RationaleModel,
    documents: Sequence[Document],
    batch_size: int = 64,
    n_words: Sequence[int] | None = None,
) -> list[Prediction]:
    """Predict texts of any length; windows of all of them share the batches.

    Args:
        model: What predicts.
        documents: The texts.
        batch_size: Windows in a batch.
        n_words: How many words the rationale of each text is to hold: those ranked highest in all of the text;
            default, as the thresholds say.

    Returns:
        One prediction per text, on the tokens of `Document.encoded`.
    """
    windows = [window for document in documents for window in document.windows]
    counts = None if n_words is None else [n for n, d in zip(n_words, documents, strict=True) for _ in d.windows]
    answers = predict(model, [window.encoded for window in windows], batch_size, n_words=counts)
    parts = list(_grouped(answers, documents))
    masks = [
        _mask(document, part, None if n_words is None else n_words[i])
        for i, (document, part) in enumerate(zip(documents, parts, strict=True))
    ]
    wanted = _pieces(documents, masks)
    # A window that chose otherwise than its text in the end has answered from words that are not in the rationale.
    again = [i for i, answer in enumerate(answers) if not np.array_equal(wanted[i], answer.mask)]
    second = predict_from(model, [windows[i].encoded for i in again], [wanted[i] for i in again], batch_size)
    probabilities = [answer.probabilities for answer in answers]
    for i, row in zip(again, second, strict=True):
        probabilities[i] = row
    return [
        part[0] if len(part) == 1 else merge(document, part, mask, np.stack(rows))
        for document, part, mask, rows in zip(documents, parts, masks, _grouped(probabilities, documents), strict=True)
    ]


def read_documents(
    model: RationaleModel,
    documents: Sequence[Document],
    flags: Sequence[Sequence[bool] | np.ndarray],
    batch_size: int = 64,
) -> np.ndarray:
    """Class probabilities of texts of which only the flagged words are read.

    Args:
        model: What predicts.
        documents: N texts.
        flags: For each text one flag per word.
        batch_size: Windows in a batch.

    Returns:
        *Shape:* (N, C)
    """
    masks = [document.mask_of(row) for document, row in zip(documents, flags, strict=True)]
    windows = [window.encoded for document in documents for window in document.windows]
    answers = predict_from(model, windows, _pieces(documents, masks), batch_size)
    rows = [
        part[0] if len(part) == 1 else vote(np.stack(part), document.votes(mask))
        for document, mask, part in zip(documents, masks, _grouped(answers, documents), strict=True)
    ]
    return np.array(rows).reshape(len(documents), model.config.num_labels)


def merge(document: Document, parts: Sequence[Prediction], mask: np.ndarray, probabilities: np.ndarray) -> Prediction:
    """One answer from the windows' answers.

    Args:
        document: The text.
        parts: The answer of each window, for the keep probabilities and the ranking.
        mask: The merged rationale. *Shape:* (T,)
        probabilities: Of each window, read from that rationale. *Shape:* (K, C)
    """
    keep, ranking = (document.gather([getattr(part, name) for part in parts]) for name in ("keep", "ranking"))
    return Prediction(vote(probabilities, document.votes(mask)), mask, keep, ranking)


def vote(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean of log-probabilities, normalised; the plain mean where all weights are 0.

    Args:
        probabilities: *Shape:* (K, C)
        weights: *Shape:* (K,)

    Returns:
        *Shape:* (C,)
    """
    # A probability that float32 rounds to 0 has no logarithm.
    logs = np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny))
    mean = np.average(logs, axis=0, weights=weights if weights.any() else None)
    odds = np.exp(mean - mean.max())
    return (odds / odds.sum()).astype(probabilities.dtype)


def _grouped(values: Iterable[Item], documents: Sequence[Document]) -> Iterator[list[Item]]:
    """One value per window to a list for each text."""
    rest = iter(values)
    return (list(islice(rest, len(document.windows))) for document in documents)


def _pieces(documents: Sequence[Document], masks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What each window sees of its text's mask."""
    return [mask[window.places] for document, mask in zip(documents, masks, strict=True) for window in document.windows]


def _mask(document: Document, parts: Sequence[Prediction], n_words: int | None) -> np.ndarray:
    """The merged rationale, or the words that all of the text ranks highest. *Shape:* (T,)"""
    if len(parts) == 1:
        return parts[0].mask
    if n_words is None:
        return document.gather([part.mask for part in parts])
    ranking = document.gather([part.ranking for part in parts])
    words = Units.from_index(torch.tensor([document.encoded.word_ids]))
    top = top_units(words, torch.from_numpy(ranking)[None], torch.tensor([n_words]))
    return words.to_tokens(top)[0].bool().numpy()
