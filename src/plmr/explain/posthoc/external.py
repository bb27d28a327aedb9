"""Rationales that somebody else has made, from a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plmr.data import Example, flags_from_ranges, iter_rows
from plmr.data.schema import shorten
from plmr.errors import PlmrError, nearest


@dataclass(frozen=True)
class ExternalRationale:
    """What is known of one text.

    Attributes:
        selected: One flag per word; None where there are only scores.
        scores: One score per word, the higher the more important; None where there are only flags.
    """

    selected: np.ndarray | None
    scores: np.ndarray | None


def read_external(
    path: str | Path, examples: Sequence[Example], numbers: Sequence[int] | None = None
) -> list[ExternalRationale]:
    """Read rationales for examples, matched by text where every row has one, else in order.

    A row has a `rationale`, as `[start, end]` character ranges or as one flag per word, or `scores`, one number per
    word, or both. In the output of `plmr predict` it is the prediction that counts, not the row it was made for.

    Args:
        path: A `.jsonl` file, or another that `plmr.data.iter_rows` reads.
        examples: The texts.
        numbers: Those of the examples that are compared, from `draw_sample`; default, all. The others need no row to
            match by text, and none of theirs is looked at.

    Returns:
        One per number, in their order.

    Raises:
        PlmrError: A text has no row, a row that counts by its place has the text of another, or a row holds no
            rationale that fits its text.
    """
    numbers = range(len(examples)) if numbers is None else numbers
    chosen = [examples[number] for number in numbers]
    rows = list(iter_rows(path))
    texts = [_text_of(row) for row, _ in rows]
    if all(text is not None for text in texts):
        by_text = dict(zip(reversed(texts), reversed(rows), strict=True))
        missing = next((example for example in chosen if example.text not in by_text), None)
        if missing is not None:
            raise PlmrError(f"{path}: no row has the text of {missing.source}, {shorten(missing.text)}; add one.")
        rows = [by_text[example.text] for example in chosen]
    elif len(rows) != len(examples):
        raise PlmrError(
            f"{path}: {len(rows)} rows for {len(examples)} texts; give one per text in the same order, or a text with "
            "every row."
        )
    else:
        _check_order(rows, texts, examples)
        rows = [rows[number] for number in numbers]
    return [_rationale(row, source, example) for (row, source), example in zip(rows, chosen, strict=True)]


def _check_order(
    rows: Sequence[tuple[Mapping[str, Any], str]], texts: Sequence[str | None], examples: Sequence[Example]
) -> None:
    """Refuse a row that belongs to another text than the one in its place."""
    (_, bare) = rows[texts.index(None)]
    for (_, source), text, example in zip(rows, texts, examples, strict=True):
        if text is not None and text != example.text:
            raise PlmrError(
                f"{source}: its text, {shorten(text)}, is not {shorten(example.text)}, that of {example.source} in the "
                f"same place, and {bare} has no text to match by; give every row its text, or put them in order."
            )


def _text_of(row: Mapping[str, Any]) -> str | None:
    if isinstance(row.get("text"), str):
        return row["text"]
    tokens = row.get("tokens")
    return " ".join(map(str, tokens)) if isinstance(tokens, list) else None


def _rationale(row: Mapping[str, Any], source: str, example: Example) -> ExternalRationale:
    # The column `rationale` of a row that was predicted is what people marked.
    row = row["prediction"] if isinstance(row.get("prediction"), Mapping) else row
    given, scores = row.get("rationale"), row.get("scores")
    # In a prediction, `scores` are those of the labels.
    scores = None if isinstance(scores, Mapping) else scores
    if given is None and scores is None:
        hint = nearest("rationale", map(str, row)) or nearest("scores", map(str, row))
        raise PlmrError(f"{source}: neither a rationale nor scores; give at least one of them.{hint}")
    return ExternalRationale(
        None if given is None else _flags(given, source, example),
        None if scores is None else _scores(scores, source, len(example.words)),
    )


def _flags(given: Any, source: str, example: Example) -> np.ndarray:
    if not isinstance(given, list):
        raise PlmrError(f"{source}: the rationale should be a list of ranges or of flags, not {shorten(given)}.")
    if all(isinstance(item, list) for item in given):
        Example.from_text(example.text, ranges=given, source=source)  # says what is wrong with a range
        return np.array(flags_from_ranges(example.words, given), dtype=bool)
    wrong = next((flag for flag in given if flag not in (0, 1)), None)
    if wrong is not None or len(given) != len(example.words):
        such = "" if wrong is None else f", such as {shorten(wrong)}"
        raise PlmrError(
            f"{source}: the rationale has {len(given)} entries{such}; give one flag, 0 or 1, for each of the "
            f"{len(example.words)} words, or [start, end] character ranges."
        )
    return np.array(given, dtype=bool)


def _scores(given: Any, source: str, n_words: int) -> np.ndarray:
    numbers = given if isinstance(given, list) else []
    fits = all(isinstance(item, int | float) and math.isfinite(item) for item in numbers)
    if not isinstance(given, list) or len(given) != n_words or not fits:
        raise PlmrError(
            f"{source}: scores should be {n_words} finite numbers, one for each word of the text; found "
            f"{shorten(given)}."
        )
    return np.array(given, dtype=np.float64)
