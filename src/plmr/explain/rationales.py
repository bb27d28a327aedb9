"""From a model's token-level answer to what a user reads: a label and words of the text as given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plmr.data.encoding import Encoded, word_flags
from plmr.data.words import spans_from_flags
from plmr.errors import PlmrError
from plmr.explain.long_texts import predict_documents
from plmr.explain.reading import Reading
from plmr.explain.windows import Document
from plmr.inference import Prediction
from plmr.modeling import RationaleModel
from plmr.output import Rationale
from plmr.ranges import COUNT, SHARE

Length = Callable[[int], int]
"""How many words the rationale of a text with so many words is to hold."""


def rationale_length(sparsity: float | None = None, max_words: int | None = None) -> Length | None:
    """A rule for the length of rationales; None when nothing is asked for.

    Args:
        sparsity: Share of the words, rounded, at least one word.
        max_words: Number of words.

    Raises:
        PlmrError: Both are given, or one is no such number.
    """
    if sparsity is not None and max_words is not None:
        raise PlmrError(f"sparsity={sparsity} and max_words={max_words} both say how long a rationale is; give one.")
    if sparsity is not None:
        SHARE.check("sparsity", sparsity)
        return lambda n_words: max(1, round(sparsity * n_words))
    if max_words is not None:
        COUNT.check("max_words", max_words)
        return lambda n_words: min(max_words, n_words)
    return None


def explain_texts(
    model: RationaleModel,
    readings: Sequence[Reading],
    labels: Sequence[str],
    batch_size: int,
    length: Length | None = None,
    max_tokens: int | None = None,
) -> list[Rationale]:
    """Predict texts and put the answers into words.

    Args:
        model: What predicts.
        readings: The texts as it reads them.
        labels: Names of the classes.
        batch_size: Texts, or windows of them, in a batch.
        length: How many words each rationale is to hold; default, as the thresholds say.
        max_tokens: As in `rationale_of`.
    """
    n_words = None if length is None else [length(len(reading.words)) for reading in readings]
    predictions = predict_documents(model, [reading.document for reading in readings], batch_size, n_words)
    return [
        rationale_of(reading, prediction, labels, max_tokens)
        for reading, prediction in zip(readings, predictions, strict=True)
    ]


def rationale_of(
    reading: Reading, prediction: Prediction, labels: Sequence[str], max_tokens: int | None = None
) -> Rationale:
    """Put an answer into words.

    Args:
        reading: The text as the model read it.
        prediction: The model's answer.
        labels: Names of the classes.
        max_tokens: Tokens the text was cut to, None where nothing was cut; for the note.
    """
    text, words, word_ids = reading.text, reading.words, reading.document.encoded.word_ids
    selected = [bool(f) for f in word_flags(word_ids, prediction.mask.tolist(), len(words))]
    keep = word_flags(word_ids, prediction.keep.tolist(), len(words))
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
        note=_note(reading.document, any(selected), max_tokens),
    )


def _note(document: Document, any_selected: bool, max_tokens: int | None) -> str | None:
    encoded = document.encoded
    if not encoded.n_words:
        return "empty text: the label is the model's prior, the rationale is empty"
    notes = []
    if unseen := encoded.n_unseen(max_tokens):
        notes.append(f"text cut at {max_tokens} tokens: {unseen} of {encoded.n_words} words unseen")
    if len(document.windows) > 1:
        notes.append(f"read in {len(document.windows)} windows")
    if document.n_cut_words:
        notes.append(f"{document.n_cut_words} of {encoded.n_words} words longer than a window: their ends are unseen")
    if lost := encoded.n_tokenless(max_tokens):
        notes.append(f"{lost} of {encoded.n_words} words are nothing to the tokenizer: they cannot be selected")
    if not any_selected and lost < encoded.n_words:
        notes.append("no word reached the keep threshold: the label is the model's prior")
    return "; ".join(notes) or None


def cut_notes(encoded: Sequence[Encoded], max_tokens: int) -> list[str]:
    """How much of the texts lies beyond the model's reach."""
    unseen = [n for e in encoded if (n := e.n_unseen(max_tokens))]
    if not unseen:
        return []
    lost = sum(unseen) / sum(e.n_words for e in encoded)
    return [
        f"{len(unseen)} of {len(encoded)} texts are longer than {max_tokens} tokens and were cut; {lost:.1%} of all "
        "words are never seen (raise max_tokens if the encoder allows)"
    ]
