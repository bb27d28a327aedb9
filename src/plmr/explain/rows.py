"""The rows a classifier is given to learn from and to be measured on."""

from __future__ import annotations

from typing import Any

from plmr.data import Example, hold_out, load_examples

Rows = Any
"""Examples, dicts of the documented schema, a `datasets.Dataset`, or the path of a file."""


def with_validation(train: Rows, validation: Rows | None, seed: int) -> tuple[list[Example], list[Example], list[str]]:
    """Texts to train on and texts to validate on, held out of the others where none are given.

    Args:
        train, validation: Labelled rows.
        seed: Decides which texts are held out.

    Returns:
        Both, and a note where some were held out.
    """
    examples = load_examples(train)
    if validation is not None:
        return examples, load_examples(validation), []
    examples, held_out = hold_out(examples, share=0.1, seed=seed)
    note = (
        f"no validation data given: {len(held_out)} of the training texts were held out for it, drawn with seed {seed}"
    )
    return examples, held_out, [note]
