"""Scoring a classifier on examples, with every figure that the metrics know."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from plmr.data.encoding import Encoded, subword_flags, word_flags
from plmr.data.schema import Example
from plmr.inference import Prediction, by_length, collate, evaluating, predict, probabilities_of
from plmr.metrics import EvaluationReport, evaluation_report, faithfulness_scores
from plmr.modeling import RationaleModel


def evaluate_model(
    model: RationaleModel,
    examples: Sequence[Example],
    encoded: Sequence[Encoded],
    labels: Sequence[str],
    batch_size: int = 64,
    faithfulness: bool = False,
) -> EvaluationReport:
    """Predict examples and score the predictions.

    Args:
        model: What is scored.
        examples: With labels; those with gold rationales count for plausibility.
        encoded: The same examples, encoded with their class indices.
        labels: Names of the classes.
        batch_size: Texts in a batch.
        faithfulness: Also measure sufficiency, comprehensiveness and AOPC, which takes some ten more passes.

    Returns:
        Words beyond the model's reach count as not selected.
    """
    predictions = predict(model, encoded, batch_size)
    selected = [_selected(e, p) for e, p in zip(encoded, predictions, strict=True)]
    keep = [word_flags(e.word_ids, p.keep, e.n_words) for e, p in zip(encoded, predictions, strict=True)]
    gold = [example.rationale for example in examples]
    return evaluation_report(
        selected,
        gold,
        words=[[e.text[start:end] for start, end in e.words] for e in examples],
        keep_scores=keep,
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
        faithfulness=faithfulness_scores(_reader(model, encoded, batch_size), selected, keep) if faithfulness else None,
    )


def _selected(encoded: Encoded, prediction: Prediction) -> list[bool]:
    return [bool(flag) for flag in word_flags(encoded.word_ids, prediction.mask, encoded.n_words)]


def _reader(
    model: RationaleModel, encoded: Sequence[Encoded], batch_size: int
) -> Callable[[Sequence[np.ndarray]], np.ndarray]:
    """The predictor as a function of which words it may read."""

    @torch.inference_mode()
    def probabilities(flag_rows: Sequence[np.ndarray]) -> np.ndarray:
        answers = np.empty((len(encoded), model.config.num_labels))
        with evaluating(model):
            for numbers in by_length(encoded, batch_size):
                batch = collate(model, [encoded[i] for i in numbers])
                mask = torch.zeros_like(batch["word_ids"], dtype=torch.float32)
                for row, i in enumerate(numbers):
                    flags = [word >= 0 and bool(flag_rows[i][word]) for word in encoded[i].word_ids]
                    mask[row, : len(flags)] = torch.tensor(flags, dtype=torch.float32)
                answers[numbers] = probabilities_of(model.predict_from(mask, **batch))
        return answers

    return probabilities
