"""The one schema: every loader yields `Example`, every file format maps to it.

A row is either `{"text", "label", "rationale": [[start, end], ...]}` with character ranges, or
`{"tokens", "label", "rationale": [0 | 1, ...]}` with one flag per token. The rationale is optional.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plmr.data.words import Range, flags_from_ranges, spans_from_flags, split_words
from plmr.errors import PlmrError, nearest

Label = str | int | float


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a row holds what.

    Attributes:
        text: The text, as one string. Wins over `tokens` where a row has both.
        tokens: The text, as a list of words.
        label: The class.
        rationale: The gold rationale; rows without it count as not annotated.
        environment: The number of the text's environment, for methods that read it (INVRAT); carried along where it is
            there.
        extra: Further columns to carry along in `Example.extra`.
    """

    text: str = "text"
    tokens: str = "tokens"
    label: str = "label"
    rationale: str = "rationale"
    environment: str = "environment"
    extra: tuple[str, ...] = ()


DEFAULT_COLUMNS = Columns()
ENVIRONMENT = "environment"
"""Where `Example.extra` has the number of a text's environment."""


@dataclass(frozen=True, slots=True)
class Example:
    """One text with its words, its label and, where people marked it, its rationale.

    Attributes:
        text: The text as given; for a row of tokens, the tokens joined by single spaces.
        words: Character range of every word, in order.
        label: The label as given, whole floats as integers; None = unlabelled.
        rationale: One gold flag per word; None = not annotated.
        source: Where it came from, such as `train.jsonl:17`, for messages.
        extra: Further values carried along.
    """

    text: str
    words: tuple[Range, ...]
    label: Label | None
    rationale: tuple[bool, ...] | None
    source: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_text(
        cls,
        text: str,
        label: Label | None = None,
        ranges: Iterable[Range] | None = None,
        *,
        source: str = "",
        extra: Mapping[str, Any] | None = None,
    ) -> Example:
        """Builds an example from a running text; a gold range marks every word it overlaps.

        Args:
            text: The text.
            label: Its label.
            ranges: Gold character ranges; None = not annotated.
            source: Where it came from.
            extra: Values to carry along.

        Raises:
            PlmrError: If a range is empty, reversed or reaches outside the text.
        """
        words = split_words(text)
        if ranges is None:
            return cls(text, words, label, None, source, extra or {})
        checked = [_checked_range(pair, len(text), source) for pair in ranges]
        return cls(text, words, label, flags_from_ranges(words, checked), source, extra or {})

    @classmethod
    def from_tokens(
        cls,
        tokens: Sequence[str],
        label: Label | None = None,
        flags: Sequence[float] | None = None,
        *,
        source: str = "",
        extra: Mapping[str, Any] | None = None,
    ) -> Example:
        """Builds an example from words already split.

        A token that is empty or all whitespace stays in the text but is no word, and its flag goes with it.

        Args:
            tokens: The words.
            label: Its label.
            flags: One gold flag, 0 or 1, per token; None = not annotated.
            source: Where it came from.
            extra: Values to carry along.

        Raises:
            PlmrError: If a token is no text, there is not one flag per token, or a flag is neither 0 nor 1.
        """
        _check_tokens(tokens, source)
        if flags is not None:
            _check_flags(flags, len(tokens), source)
        words: list[Range] = []
        kept: list[bool] = []
        offset = 0
        for position, token in enumerate(tokens):
            if body := token.strip():
                start = offset + token.index(body)
                words.append((start, start + len(body)))
                kept.append(flags is not None and bool(flags[position]))
            offset += len(token) + 1
        rationale = None if flags is None else tuple(kept)
        return cls(" ".join(tokens), tuple(words), label, rationale, source, extra or {})

    @classmethod
    def from_row(
        cls,
        row: Mapping[str, Any],
        *,
        columns: Columns = DEFAULT_COLUMNS,
        source: str = "",
        labelled: bool = True,
    ) -> Example:
        """Reads one row of either documented form.

        Tokens and rationales may also arrive as JSON text, as they do in the cells of a CSV file.

        Args:
            row: Column name to value.
            columns: Which column holds what.
            source: Where the row came from, such as `train.jsonl:17`.
            labelled: Whether a label is required; if not, a missing one is None.

        Raises:
            PlmrError: If a column is missing or misspelt, or a value is not what its column should hold.
        """
        label = _label(row, columns.label, source, labelled)
        extra = {name: _column(row, name, source) for name in columns.extra}
        if not _missing(row.get(columns.environment)):
            extra[ENVIRONMENT] = row[columns.environment]
        gold = _list_or_none(row.get(columns.rationale), columns.rationale, source)
        named = columns.tokens != DEFAULT_COLUMNS.tokens and columns.text == DEFAULT_COLUMNS.text
        if columns.text not in row and (columns.tokens in row or named):
            tokens = _tokens(_column(row, columns.tokens, source), columns.tokens, source)
            return cls.from_tokens(tokens, label, gold, source=source, extra=extra)
        text = _text(_column(row, columns.text, source), columns.text, source)
        return cls.from_text(text, label, gold, source=source, extra=extra)

    def to_row(self) -> dict[str, Any]:
        """The row that `from_row` reads as this example: tokens where the words are not those of the running text.

        Tokens that are empty or all whitespace are no words, and are left out.
        """
        row: dict[str, Any] = dict(self.extra)
        gold: list[Any] | None
        if self.words == split_words(self.text):
            row["text"] = self.text
            gold = None if self.rationale is None else [*map(list, spans_from_flags(self.words, self.rationale))]
        else:
            row["tokens"] = [self.text[start:end] for start, end in self.words]
            gold = None if self.rationale is None else [*map(int, self.rationale)]
        if self.label is not None:
            row["label"] = self.label
        return row if gold is None else row | {"rationale": gold}


def at(source: str) -> str:
    """The beginning of a message about a row: `"train.jsonl:17: "`, or nothing when its source is unknown."""
    return f"{source}: " if source else ""


def origin(examples: Iterable[Example]) -> str:
    """The beginning of a message about examples of one file: `"train.jsonl: "`, or nothing where it is not one."""
    files = {example.source.rpartition(":")[0] for example in examples}
    return at(files.pop()) if len(files) == 1 and "row" not in files else ""


def shorten(value: object) -> str:
    """A value as a message shows it: quoted, at most 60 characters."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _column(row: Mapping[str, Any], name: str, source: str) -> Any:
    if name in row:
        return row[name]
    found = [str(key) for key in row]
    raise PlmrError(
        f"{at(source)}no column {name!r} among {shorten(', '.join(found))}; "
        f"rename one, or say which holds the {name}.{nearest(name, found)}"
    )


def _missing(value: object) -> bool:
    blank = isinstance(value, str) and not value.strip()
    return value is None or blank or (isinstance(value, float) and math.isnan(value))


def plain_label(value: Any) -> Any:
    """A label as `Example.label` has it, a NumPy scalar plain and a whole float whole; other values as they are."""
    if hasattr(value, "item"):  # a NumPy scalar
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _label(row: Mapping[str, Any], name: str, source: str, required: bool) -> Label | None:
    value = plain_label(_column(row, name, source) if required else row.get(name))
    if _missing(value):
        if required:
            raise PlmrError(f"{at(source)}column {name!r} holds no label ({value!r}); fill it in or remove the row")
        return None
    if not isinstance(value, str | int | float) or value in (math.inf, -math.inf):
        raise PlmrError(f"{at(source)}label {shorten(value)} in column {name!r} is neither a word nor a number")
    return value


def _text(value: object, name: str, source: str) -> str:
    if not isinstance(value, str):
        raise PlmrError(f"{at(source)}column {name!r} should hold a text, not {shorten(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise PlmrError(
            f"{at(source)}column {name!r} holds half a character (surrogate {value[error.start]!r}) "
            f"at position {error.start}; write the file again as UTF-8"
        ) from None
    return value


def _tokens(value: object, name: str, source: str) -> list[str]:
    tokens = _list_or_none(value, name, source)
    if tokens is None:
        raise PlmrError(f"{at(source)}column {name!r} should hold a list of words, not {shorten(value)}")
    return [_text(token, name, source) for token in tokens]


def _check_tokens(tokens: object, source: str) -> None:
    if not isinstance(tokens, list | tuple):
        raise PlmrError(f"{at(source)}expected a list of words, found {shorten(tokens)}")
    for number, token in enumerate(tokens, 1):
        if not isinstance(token, str):
            raise PlmrError(f"{at(source)}word {number} is {shorten(token)}, not a text; put it in quotes")


def _list_or_none(value: Any, name: str, source: str) -> list[Any] | None:
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            raise PlmrError(
                f"{at(source)}column {name!r} should hold a list, as JSON text where the file has only text; "
                f"found {shorten(value)}"
            ) from None
    if hasattr(value, "tolist"):  # a NumPy array
        value = value.tolist()
    if isinstance(value, list | tuple):
        return list(value)
    if _missing(value):
        return None
    raise PlmrError(f"{at(source)}column {name!r} should hold a list, not {shorten(value)}")


def _checked_range(pair: Any, length: int, source: str) -> Range:
    try:
        start, end = map(operator.index, pair)
    except (TypeError, ValueError):
        raise PlmrError(
            f"{at(source)}a rationale on a text is a list of [start, end] pairs of whole numbers; found "
            f"{shorten(pair)} (flags per word go with a list of tokens instead of a text)"
        ) from None
    if not 0 <= start < end <= length:
        raise PlmrError(
            f"{at(source)}rationale range [{start}, {end}] should satisfy 0 <= start < end <= {length}, "
            "the number of characters in the text"
        )
    return start, end


def _check_flags(flags: Sequence[Any], count: int, source: str) -> None:
    if len(flags) != count:
        raise PlmrError(f"{at(source)}the rationale has {len(flags)} flags for {count} tokens; give one per token")
    wrong = next((flag for flag in flags if flag not in (0, 1)), None)
    if wrong is not None:
        raise PlmrError(f"{at(source)}a rationale on tokens is one flag, 0 or 1, per token; found {shorten(wrong)}")
