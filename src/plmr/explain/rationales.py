"""From a model's token-level answer to what a user reads: a label and words of the text as given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plmr.data.encoding import Encoded, word_flags
from plmr.data.words import Range, spans_from_flags
from plmr.errors import PlmrError
from plmr.inference import Prediction
from plmr.output import Rationale

Length = Callable[[int], int]
"""How many words the rationale of a text with so many words is to hold."""


def rationale_length(sparsity: float | None = None, max_words: int | None = None) -> Length | None:
    """A rule for the length of rationales; None when nothing is asked for.

    Args:
        sparsity: Share of the words, rounded, at least one word.
        max_words: Number of words.

    Raises:
        PlmrError: Both are given, or one is out of range.
    """
    if sparsity is not None and max_words is not None:
        raise PlmrError(f"sparsity={sparsity} and max_words={max_words} both say how long a rationale is; give one.")
    if sparsity is not None:
        if not 0 < sparsity <= 1:
            raise PlmrError(f"sparsity={sparsity} is not a share between 0 and 1, such as 0.1.")
        return lambda n_words: max(1, round(sparsity * n_words))
    if max_words is not None:
        if max_words < 1:
            raise PlmrError(f"max_words={max_words} leaves no rationale; give at least 1.")
        return lambda n_words: min(max_words, n_words)
    return None


def rationale_of(
    text: str,
    words: Sequence[Range],
    encoded: Encoded,
    prediction: Prediction,
    labels: Sequence[str],
    max_tokens: int,
) -> Rationale:
    """Put an answer into words.

    Args:
        text: The text as given.
        words: Character range of each of its words.
        encoded: The text as the model read it.
        prediction: The model's answer.
        labels: Names of the classes.
        max_tokens: Tokens the text was cut to; for the note.
    """
    selected = [bool(f) for f in word_flags(encoded.word_ids, prediction.mask, len(words))]
    keep = word_flags(encoded.word_ids, prediction.keep, len(words))
    best = int(prediction.probabilities.argmax())
    return Rationale(
        text=text,
        label=labels[best],
        score=float(prediction.probabilities[best]),
        scores={label: float(p) for label, p in zip(labels, prediction.probabilities, strict=True)},
        spans=spans_from_flags(words, selected),
        words=tuple(text[start:end] for (start, end), kept in zip(words, selected, strict=True) if kept),
        word_ranges=tuple(words),
        selected=tuple(selected),
        keep_scores=tuple(float(k) for k in keep),
        note=_note(encoded, any(selected), max_tokens),
    )


def _note(encoded: Encoded, any_selected: bool, max_tokens: int) -> str | None:
    if not encoded.n_words:
        return "empty text: the label is the model's prior, the rationale is empty"
    notes = []
    unseen = encoded.n_words - encoded.n_reached
    # Words without a token, such as a lone control character, are not cut off; only a full text is.
    if unseen and len(encoded.input_ids) >= max_tokens:
        notes.append(f"text cut at {max_tokens} tokens: {unseen} of {encoded.n_words} words unseen")
    if not any_selected:
        notes.append("no word reached the keep threshold: the label is the model's prior")
    return "; ".join(notes) or None
