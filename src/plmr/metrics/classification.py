"""How well labels are predicted, beside what answering the commonest label would score."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from plmr.errors import PlmrError
from plmr.metrics._inputs import check_same_count


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Texts of one class: how many there are, how many were called so, how many rightly."""

    label: str
    true: int
    predicted: int
    correct: int


@dataclass(frozen=True, slots=True)
class ClassificationScores:
    """Quality of predicted labels. Figures are shares in [0, 1], NaN when there is no text.

    Attributes:
        accuracy: Correct texts / texts.
        balanced_accuracy: Mean over the classes that occur of the share of their texts recognised; always
            answering one label scores 1 / (number of these classes).
        majority_accuracy: Accuracy of always answering `majority_label`.
        majority_label: The commonest true label, None when there is no text.
        classes: Counts per class, in the order of `labels`.
        n_texts: Texts scored.
    """

    accuracy: float
    balanced_accuracy: float
    majority_accuracy: float
    majority_label: str | None
    classes: tuple[ClassCounts, ...]
    n_texts: int

    @property
    def chance(self) -> float:
        """Balanced accuracy of always answering one label."""
        occurring = sum(counts.true > 0 for counts in self.classes)
        return 1 / occurring if occurring else np.nan


def classification_scores(
    y_true: Sequence[Hashable], y_pred: Sequence[Hashable], labels: Sequence[Hashable] | None = None
) -> ClassificationScores:
    """Accuracy, balanced accuracy and per-class counts.

    Balanced accuracy and the majority baseline belong beside accuracy wherever classes are uneven: on the
    annotated BeerAdvocate reviews always answering "positive" is right 97 to 99 times in 100.

    Args:
        y_true: B true labels, names or numbers.
        y_pred: B predicted labels of the same kind.
        labels: All classes in the order to report; by default those that occur, sorted by name.

    Raises:
        PlmrError: When the lengths differ or a label is not among `labels`.
    """
    check_same_count(y_true=y_true, y_pred=y_pred)
    order = list(labels) if labels is not None else sorted({*y_true, *y_pred}, key=str)
    index_of = {label: index for index, label in enumerate(order)}
    strangers = sorted({str(label) for label in (*y_true, *y_pred) if label not in index_of})
    if strangers:
        raise PlmrError(f"label {strangers[0]!r} is not among the classes {[str(label) for label in order]}")
    if not y_true:
        counts = tuple(ClassCounts(str(label), 0, 0, 0) for label in order)
        return ClassificationScores(np.nan, np.nan, np.nan, None, counts, 0)

    matrix = np.zeros((len(order), len(order)), dtype=np.int64)
    np.add.at(matrix, ([index_of[label] for label in y_true], [index_of[label] for label in y_pred]), 1)
    true, predicted, correct = matrix.sum(axis=1), matrix.sum(axis=0), matrix.diagonal()
    occurs = true > 0
    return ClassificationScores(
        accuracy=float(correct.sum() / true.sum()),
        balanced_accuracy=float(np.mean(correct[occurs] / true[occurs])),
        majority_accuracy=float(true.max() / true.sum()),
        majority_label=str(order[int(true.argmax())]),
        classes=tuple(
            ClassCounts(str(label), int(t), int(p), int(c))
            for label, t, p, c in zip(order, true, predicted, correct, strict=True)
        ),
        n_texts=len(y_true),
    )
