"""Rationales to look at, made of the package's own parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from plmr.data.words import split_words
from plmr.output import Rationale
from plmr.render.text import merge_words


def rationale_of(
    text: str, selected: Sequence[bool], label: str = "positive", score: float = 0.75, note: str | None = None
) -> Rationale:
    """A prediction that selects the flagged words; words without a flag are not selected."""
    words = split_words(text)
    flags = (*map(bool, selected), *[False] * len(words))[: len(words)]
    spans = tuple((start, end) for start, end, _ in merge_words(words, ["kept" if f else None for f in flags]))
    return Rationale(
        text=text,
        label=label,
        score=score,
        scores={label: score, "another": 1 - score},
        spans=spans,
        words=tuple(text[start:end] for (start, end), flag in zip(words, flags, strict=True) if flag),
        word_ranges=words,
        selected=flags,
        keep_scores=tuple(map(float, flags)),
        note=note,
    )


@pytest.fixture(scope="session")
def make() -> Callable[..., Rationale]:
    """The maker of rationales, as a fixture because test modules cannot import each other."""
    return rationale_of
