"""Plausibility: how well a selection agrees with the words that people marked.

The functions take flags per token and do not ask what a token is: call them with word flags for word-level
figures and with subword flags for subword-level ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plmr.metrics._inputs import (
    BoolArray,
    Flags,
    OptionalFlags,
    annotated_pairs,
    flag_rows,
    harmonic_mean,
    ratio,
)


@dataclass(frozen=True, slots=True)
class PlausibilityScores:
    """Agreement of selected tokens with gold tokens. All figures are shares in [0, 1].

    Figures that compare with gold are NaN when no text is annotated.

    Attributes:
        sparsity: S, selected tokens / tokens, over all texts, annotated or not.
        gold_share: s, gold tokens / tokens, over the annotated texts.
        micro_precision: Selected gold tokens / selected tokens, pooled over texts.
        micro_recall: Selected gold tokens / gold tokens, pooled over texts.
        micro_f1: Harmonic mean of the two.
        macro_precision: Mean over texts of each text's precision; 0 for a text with nothing selected.
        macro_recall: Mean over texts of each text's recall; 0 for a text whose gold is empty.
        macro_f1: Mean over texts of each text's F1; not the harmonic mean of the two above.
        f1_ceiling: Best micro F1 within reach of this many selected tokens, 2 min(S, s) / (S + s) with S
            counted on the annotated texts.
        f1_of_ceiling: micro_f1 / f1_ceiling.
        f1_random: Expected micro F1 of as many tokens drawn at random, 2 S s / (S + s), same S.
        n_texts: Texts given.
        n_annotated: Texts with gold, possibly empty; all other texts count in `sparsity` only.
        n_tokens: Tokens in all texts.
    """

    sparsity: float
    gold_share: float
    micro_precision: float
    micro_recall: float
    micro_f1: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    f1_ceiling: float
    f1_of_ceiling: float
    f1_random: float
    n_texts: int
    n_annotated: int
    n_tokens: int


def token_scores(predicted: Flags, gold: OptionalFlags) -> PlausibilityScores:
    """Sparsity, precision, recall and F1 of selections against human rationales.

    The macro figures are ERASER's `instance_macro` (DeYoung et al., 2020): the mean over the texts where
    the selection or the gold is not empty.

    Args:
        predicted: B rows of T flags, 1 = selected. Rows differ in length; special tokens left out.
        gold: B rows of T flags, 1 = marked by people, or None where nobody annotated the text.

    Raises:
        PlmrError: When the rows do not pair up or hold anything but flags.
    """
    rows = flag_rows(predicted, "predicted")
    pairs = annotated_pairs(rows, gold)
    n_tokens = sum(row.size for row in rows)
    counts = token_counts(pairs)
    return PlausibilityScores(
        sparsity=ratio(sum(int(row.sum()) for row in rows), n_tokens, empty=np.nan),
        **_pooled_scores(counts, sum(truth.size for _, truth in pairs)),
        **_mean_scores(counts),
        n_texts=len(rows),
        n_annotated=len(pairs),
        n_tokens=n_tokens,
    )


def token_counts(pairs: list[tuple[BoolArray, BoolArray]]) -> NDArray[np.int64]:
    """Per text: selected gold tokens, selected tokens, gold tokens. Shape (B, 3)."""
    counts = [(np.sum(ours & truth), ours.sum(), truth.sum()) for ours, truth in pairs]
    return np.array(counts, dtype=np.int64).reshape(-1, 3)


def _pooled_scores(counts: NDArray[np.int64], n_tokens: int) -> dict[str, float]:
    names = ("micro_precision", "micro_recall", "micro_f1", "f1_ceiling", "f1_of_ceiling", "f1_random")
    if not len(counts):
        return dict.fromkeys((*names, "gold_share"), np.nan)
    hits, selected, marked = (int(total) for total in counts.sum(axis=0))
    f1 = ratio(2 * hits, selected + marked)
    ceiling = ratio(2 * min(selected, marked), selected + marked)
    return {
        "gold_share": ratio(marked, n_tokens, empty=np.nan),
        "micro_precision": ratio(hits, selected),
        "micro_recall": ratio(hits, marked),
        "micro_f1": f1,
        "f1_ceiling": ceiling,
        "f1_of_ceiling": ratio(f1, ceiling),
        "f1_random": ratio(2 * selected * marked, n_tokens * (selected + marked)),
    }


def _mean_scores(counts: NDArray[np.int64]) -> dict[str, float]:
    names = ("macro_precision", "macro_recall", "macro_f1")
    # ERASER has no entry for a text without selected and without gold tokens, so its mean passes it over.
    counted = [row for row in counts if row[1:].any()]
    listed = [(ratio(hits, selected), ratio(hits, marked)) for hits, selected, marked in counted]
    if not listed:
        return dict.fromkeys(names, 0.0 if len(counts) else np.nan)
    table = np.array([(precision, recall, harmonic_mean(precision, recall)) for precision, recall in listed])
    return dict(zip(names, table.mean(axis=0).tolist(), strict=True))
