"""The rows a classifier is given to learn from and to be measured on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plmr.data import Example, hold_out, load_examples
from plmr.data.encoding import Encoded
from plmr.data.labels import written_alike
from plmr.data.schema import origin
from plmr.errors import PlmrError

Rows = Any
"""Examples, dicts of the documented schema, a `datasets.Dataset`, or the path of a file."""


def with_validation(train: Rows, validation: Rows | None, seed: int) -> tuple[list[Example], list[Example], list[str]]:
    """Texts to train on and texts to validate on, held out of the others where none are given.

    Args:
        train, validation: Labelled rows.
        seed: Decides which texts are held out.

    Returns:
        Both, and notes where some were held out or have no words.

    Raises:
        PlmrError: The rows cannot be used, or none of the texts of either has a word.
    """
    examples = load_examples(train)
    notes = []
    if validation is not None:
        held_out = load_examples(validation)
    else:
        examples, held_out = hold_out(examples, share=0.1, seed=seed)
        notes.append(
            f"no validation data given: {len(held_out)} of the training texts were held out for it, drawn with seed "
            f"{seed}"
        )
    return examples, held_out, notes + _wordless(examples, "training") + _wordless(held_out, "validation")


def alike(names: Sequence[str], examples: Sequence[Example]) -> list[str]:
    """A note on each group of classes that are told apart by case or blanks alone.

    Args:
        names: Of the classes.
        examples: Where they occur.
    """
    return [
        f"{origin(examples)}the classes {', '.join(map(repr, group))} differ only in case or blanks; write them alike "
        "if they are one"
        for group in written_alike(names)
    ]


def _wordless(examples: Sequence[Example], part: str) -> list[str]:
    """A note where texts have no word, so that there is nothing to select in them."""
    return _lacking([example for example in examples if not example.words], "words", examples, part)


def tokenless(examples: Sequence[Example], encoded: Sequence[Encoded], part: str) -> list[str]:
    """A note where texts have words of which the tokenizer leaves nothing, such as a lone combining mark.

    Args:
        examples: With words or without.
        encoded: The same, encoded.
        part: What to call them.

    Raises:
        PlmrError: None of the texts has a token.
    """
    empty = [example for example, text in zip(examples, encoded, strict=True) if max(text.word_ids, default=-1) < 0]
    told = empty if len(empty) == len(examples) else [example for example in empty if example.words]
    return _lacking(told, "words that the tokenizer knows", examples, part)


def _lacking(those: Sequence[Example], what: str, examples: Sequence[Example], part: str) -> list[str]:
    if not those:
        return []
    if len(those) == len(examples):
        raise PlmrError(
            f"{origin(examples)}none of the {len(examples)} {part} texts has any {what}; check that the column named "
            "as the text holds it"
        )
    first = f" (first: {those[0].source})" if those[0].source else ""
    return [f"{len(those)} of {len(examples)} {part} texts have no {what}{first}; nothing can be selected in them"]
