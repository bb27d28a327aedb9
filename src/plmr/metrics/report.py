"""Every figure of one evaluation in one object: a table for people, JSON for machines."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from plmr.errors import PlmrError
from plmr.metrics._inputs import Flags, OptionalFlags, annotated_pairs, check_same_count
from plmr.metrics.classification import ClassificationScores, classification_scores
from plmr.metrics.eraser import SpanScores, auprc, iou_f1
from plmr.metrics.failure import FailureScores, failure_scores
from plmr.metrics.faithfulness import FaithfulnessScores
from plmr.metrics.plausibility import PlausibilityScores, token_counts, token_scores


class Row(NamedTuple):
    """One line of the table for people."""

    label: str
    value: str
    explanation: str


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """What an evaluation found; a part that could not be measured is None.

    Attributes:
        word: Agreement with gold at word level; its sparsity is measured with or without gold.
        subword: The same at subword level.
        iou: Agreement of word spans with gold spans.
        auprc: Area under the precision-recall curve of the keep scores, in [0, 1]; None where no word is gold.
        classification: Quality of the labels.
        failure: Right labels for meaningless reasons.
        faithfulness: Whether predictions rest on their rationales.
        word_counts: Of each annotated text: selected gold words, selected words, gold words. For tests between systems;
            `to_dict`, which holds figures of all texts together, leaves it out.
    """

    word: PlausibilityScores
    subword: PlausibilityScores | None = None
    iou: SpanScores | None = None
    auprc: float | None = None
    classification: ClassificationScores | None = None
    failure: FailureScores | None = None
    faithfulness: FaithfulnessScores | None = None
    word_counts: tuple[tuple[int, int, int], ...] = dataclasses.field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The report as nested dicts and lists that JSON can hold: every key always there, NaN as None."""
        names = (field.name for field in dataclasses.fields(self) if field.name != "word_counts")
        return {name: _plain(getattr(self, name)) for name in names}

    def figures(self) -> dict[str, float]:
        """The few figures that reports are compared by, those that were measured: a row of `plmr.render` tables."""
        figures = {"sparsity": self.word.sparsity}
        if self.classification is not None:
            figures["accuracy"] = self.classification.accuracy
        if self.word.n_annotated:
            word = self.word
            figures |= {"precision": word.micro_precision, "recall": word.micro_recall, "f1": word.micro_f1}
        return figures

    def rows(self) -> list[Row]:
        """The report as lines of label, value and explanation, unmeasured parts left out."""
        rows = [Row("Texts", str(self.word.n_texts), f"{self.word.n_annotated} with a human rationale")]
        rows += _classification_rows(self.classification)
        rows += _word_rows(self.word)
        if self.subword is not None and self.subword.n_annotated:
            rows.append(Row("Subword F1", _percent(self.subword.micro_f1), "F1 over subwords, not words"))
        if self.iou is not None:
            meaning = f"spans that share {_percent(self.iou.threshold, 0)} or more with a human span"
            rows.append(Row("IOU F1", _percent(self.iou.macro_f1), meaning))
        if self.auprc is not None:
            rows.append(Row("AUPRC", _percent(self.auprc), "how well keep scores rank what people marked"))
        return [*rows, *_failure_rows(self.failure), *_faithfulness_rows(self.faithfulness)]


def evaluation_report(
    predicted: Flags,
    gold: OptionalFlags | None = None,
    *,
    words: Sequence[Sequence[str]] | None = None,
    keep_scores: Sequence[ArrayLike] | None = None,
    subword_predicted: Flags | None = None,
    subword_gold: OptionalFlags | None = None,
    y_true: Sequence[Hashable] | None = None,
    y_pred: Sequence[Hashable] | None = None,
    labels: Sequence[Hashable] | None = None,
    faithfulness: FaithfulnessScores | None = None,
) -> EvaluationReport:
    """Measures everything the given inputs allow.

    Args:
        predicted: B rows of T word flags, 1 = selected.
        gold: B rows of T word flags, 1 = marked by people; None for a text, or for all, without annotation.
        words: B rows of T words, needed for the failure rate.
        keep_scores: B rows of T word scores, needed for AUPRC.
        subword_predicted: B rows of subword flags, special tokens left out.
        subword_gold: B rows of subword gold flags.
        y_true: B true labels.
        y_pred: B labels predicted from the rationale.
        labels: All classes, in the order to report.
        faithfulness: From `plmr.metrics.faithfulness_scores`; it needs the model, so the caller runs it.

    Raises:
        PlmrError: When inputs do not pair up, or only one of `y_true` and `y_pred` is given.
    """
    if (y_true is None) != (y_pred is None):
        missing = "y_true" if y_true is None else "y_pred"
        raise PlmrError(f"{missing} is missing; pass both y_true and y_pred, or neither")
    marked: OptionalFlags = gold if gold is not None else [None] * len(predicted)
    word = token_scores(predicted, marked)
    annotated = word.n_annotated > 0

    classification = failure = None
    if y_true is not None and y_pred is not None:
        check_same_count(predicted=predicted, y_true=y_true)
        classification = classification_scores(y_true, y_pred, labels)
        if annotated and words is not None:
            correct = [true == guess for true, guess in zip(y_true, y_pred, strict=True)]
            failure = failure_scores(words, predicted, marked, correct)
    subword = None
    if subword_predicted is not None:
        unmarked = [None] * len(subword_predicted)
        subword = token_scores(subword_predicted, unmarked if subword_gold is None else subword_gold)
    return EvaluationReport(
        word=word,
        subword=subword,
        iou=iou_f1(predicted, marked) if annotated else None,
        auprc=auprc(keep_scores, marked) if word.gold_share > 0 and keep_scores is not None else None,
        classification=classification,
        failure=failure,
        faithfulness=faithfulness,
        word_counts=tuple(tuple(row) for row in token_counts(annotated_pairs(predicted, marked)).tolist()),
    )


def _classification_rows(scores: ClassificationScores | None) -> list[Row]:
    if scores is None or not scores.n_texts:
        return []
    always = f"always answering {scores.majority_label!r} scores {_percent(scores.majority_accuracy)}"
    per_class = f"mean share of each class recognised; one answer for all scores {_percent(scores.chance)}"
    return [
        Row("Accuracy", _percent(scores.accuracy), always),
        Row("Balanced accuracy", _percent(scores.balanced_accuracy), per_class),
    ]


def _word_rows(scores: PlausibilityScores) -> list[Row]:
    selected = Row("Selected words (S)", _percent(scores.sparsity), "share of all words in the rationales")
    if not scores.n_annotated:
        return [selected]
    reach = (
        f"{_percent(scores.f1_of_ceiling, 0)} of the {_percent(scores.f1_ceiling)} within reach at this S; "
        f"as many words at random score {_percent(scores.f1_random)}"
    )
    return [
        selected._replace(explanation=f"{selected.explanation}; people marked {_percent(scores.gold_share)}"),
        Row("Precision", _percent(scores.micro_precision), "share of the selected words that people marked"),
        Row("Recall", _percent(scores.micro_recall), "share of the words people marked that are selected"),
        Row("F1", _percent(scores.micro_f1), reach),
        Row("F1 per text", _percent(scores.macro_f1), "mean over texts (macro); the rows above pool them"),
    ]


def _failure_rows(scores: FailureScores | None) -> list[Row]:
    if scores is None:
        return []
    # The widest limits: every stricter pair fails fewer texts.
    widest = max(scores.rates, key=lambda rate: (rate.precision_limit, -rate.function_word_limit))
    meaning = (
        f"right label, rationale at most {_percent(widest.precision_limit, 0)} precise and at least "
        f"{_percent(widest.function_word_limit, 0)} function words"
    )
    return [Row("Failure rate", _percent(widest.rate), meaning)]


def _faithfulness_rows(scores: FaithfulnessScores | None) -> list[Row]:
    if scores is None or not scores.n_texts:
        return []
    without = "probability lost when the rationale is taken away; higher is better"
    alone = "probability lost when only the rationale is read; lower is better"
    sizes = f"mean over the top {', '.join(_percent(drop.share, 0) for drop in scores.bins)} of words"
    return [
        Row("Sufficiency", f"{scores.sufficiency:.3f}", alone),
        Row("Comprehensiveness", f"{scores.comprehensiveness:.3f}", without),
        Row("Sufficiency AOPC", f"{scores.aopc_sufficiency:.3f}", sizes),
        Row("Comprehensiveness AOPC", f"{scores.aopc_comprehensiveness:.3f}", sizes),
    ]


def _percent(share: float, digits: int = 1) -> str:
    return "n/a" if math.isnan(share) else f"{100 * share:.{digits}f} %"


def _plain(value: Any) -> Any:
    """Dataclasses as dicts, sequences as lists, NaN as None."""
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
