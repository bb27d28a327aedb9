"""What a model returns (tensors) and what a user gets (text)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from transformers.utils import ModelOutput

Span = tuple[int, int]
"""A character range [start, end) of a text."""


@dataclass
class RationaleOutput(ModelOutput):
    """What `RationaleModel` returns for B texts of T tokens, C classes.

    Attributes:
        loss: The sum of the losses; only with labels.
        logits: Class logits from the rationale alone. *Shape:* (B, C)
        mask: The rationale, 1 for selected tokens; special tokens and padding are 0. *Shape:* (B, T)
        keep_probability: Keep probability at the last pruning step, 0 for what an earlier step pruned.
            *Shape:* (B, T)
        masks: The mask after each pruning step, the last one equal to `mask`. *Shape:* each (B, T)
        full_text_logits: Class logits from the whole text, where it was asked for. *Shape:* (B, C)
        losses: The terms of the loss, weights included: they sum to it.
        ranking: What would be kept first, as `Selection.ranking` has it. *Shape:* (B, T)
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    mask: Tensor | None = None
    keep_probability: Tensor | None = None
    masks: tuple[Tensor, ...] | None = None
    full_text_logits: Tensor | None = None
    losses: dict[str, Tensor] | None = None
    ranking: Tensor | None = None


@dataclass(frozen=True)
class Rationale:
    """A label and the words it rests on.

    Attributes:
        text: The text as given.
        label: The predicted label.
        score: Its probability.
        scores: The probability of every label.
        spans: Character ranges of the rationale; neighbouring selected words are one range.
        words: The selected words.
        word_ranges: The character range of every word of the text.
        selected: Which of them the rationale holds.
        keep_scores: The keep probability of each, in [0, 1].
        note: What the reader should know, such as that the text was cut; None when there is nothing.
    """

    text: str
    label: str
    score: float
    scores: Mapping[str, float]
    spans: tuple[Span, ...]
    words: tuple[str, ...]
    word_ranges: tuple[Span, ...] = field(repr=False)
    selected: tuple[bool, ...] = field(repr=False)
    keep_scores: tuple[float, ...] = field(repr=False)
    note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The prediction as JSON-able values, as `plmr predict` writes it."""
        prediction = {
            "label": self.label,
            "score": self.score,
            "scores": dict(self.scores),
            "rationale": [list(span) for span in self.spans],
            "words": list(self.words),
        }
        return prediction | ({"note": self.note} if self.note else {})

    def _repr_html_(self) -> str:
        from plmr.render import rationale_html

        return rationale_html(self)
