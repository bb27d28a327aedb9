"""Scoring a classifier on examples, with every figure that the metrics know."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from plmr.data.encoding import Encoded, subword_flags, word_flags
from plmr.data.schema import Example
from plmr.explain.long_texts import predict_documents, read_documents
from plmr.explain.rationales import Length
from plmr.explain.windows import split_all
from plmr.inference import Prediction
from plmr.metrics import EvaluationReport, evaluation_report, faithfulness_scores
from plmr.modeling import RationaleModel


def evaluate_model(
    model: RationaleModel,
    examples: Sequence[Example],
    encoded: Sequence[Encoded],
    labels: Sequence[str],
    batch_size: int = 64,
    faithfulness: bool = False,
    length: Length | None = None,
) -> EvaluationReport:
    """Predict examples and score the predictions.

    Args:
        model: What is scored.
        examples: With labels; those with gold rationales count for plausibility.
        encoded: The same examples, encoded with their class indices.
        labels: Names of the classes.
        batch_size: Texts in a batch.
        faithfulness: Also measure sufficiency, comprehensiveness and AOPC, which takes some ten more passes.
        length: How many words each rationale is to hold; default, as the thresholds say.

    Returns:
        Words beyond the model's reach count as not selected.
    """
    documents = split_all(encoded, model.config)
    n_words = None if length is None else [length(text.n_words) for text in encoded]
    predictions = predict_documents(model, documents, batch_size, n_words)
    encoded = [document.encoded for document in documents]
    selected = [_selected(e, p) for e, p in zip(encoded, predictions, strict=True)]
    ranking = [word_flags(e.word_ids, p.ranking, e.n_words) for e, p in zip(encoded, predictions, strict=True)]
    gold = [example.rationale for example in examples]
    read = partial(read_documents, model, documents, batch_size=batch_size)
    return evaluation_report(
        selected,
        gold,
        words=[[e.text[start:end] for start, end in e.words] for e in examples],
        keep_scores=ranking,
        subword_predicted=[
            [bool(m) for m, word in zip(p.mask, e.word_ids, strict=True) if word >= 0]
            for e, p in zip(encoded, predictions, strict=True)
        ],
        subword_gold=[
            None if flags is None else subword_flags(e.word_ids, flags) for e, flags in zip(encoded, gold, strict=True)
        ],
        y_true=[labels[e.label] for e in encoded if e.label is not None],
        y_pred=[labels[int(p.probabilities.argmax())] for p in predictions],
        labels=labels,
        faithfulness=faithfulness_scores(read, selected, ranking) if faithfulness else None,
    )


def _selected(encoded: Encoded, prediction: Prediction) -> list[bool]:
    return [bool(flag) for flag in word_flags(encoded.word_ids, prediction.mask, encoded.n_words)]
