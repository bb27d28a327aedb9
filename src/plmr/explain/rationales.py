"""From a model's token-level answer to what a user reads: a label and words of the text as given."""

from __future__ import annotations

from collections.abc import Sequence

from plmr.data.encoding import Encoded, word_flags
from plmr.data.words import Range, spans_from_flags
from plmr.inference import Prediction
from plmr.output import Rationale


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
