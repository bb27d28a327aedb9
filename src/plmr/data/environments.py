"""Environments: groups of texts between which what merely goes along with the label goes along with it differently.

A text's environment is a whole number from 0, in the column `environment` and in `Example.extra["environment"]`.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Literal

import numpy as np

from plmr.data.aspects import aspect_index
from plmr.data.schema import ENVIRONMENT, Example, at, shorten
from plmr.errors import PlmrError


def environment_of(example: Example) -> int | None:
    """The number of an example's environment; None where it has none.

    Raises:
        PlmrError: If it is not a whole number of 0 or more.
    """
    value = example.extra.get(ENVIRONMENT)
    if value is None:
        return None
    try:
        number = int(value)
        if number == float(value) and number >= 0:
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    raise PlmrError(
        f"{at(example.source)}environment {shorten(value)} is not a whole number of 0 or more; number the environments "
        "from 0"
    )


def residual_environments(
    examples: Sequence[Example],
    aspect: int | str,
    *,
    by: Literal["size", "sign"] = "size",
    key: str = "scores",
) -> list[Example]:
    """Splits rated reviews by how the rating of an aspect differs from what their other ratings let expect.

    The expectation is the least-squares fit of a linear map with a constant, on these examples.

    By size, reviews whose aspect is much as expected are one environment, the other half is the other: in the first the
    other ratings go along with the label, in the second hardly. By sign, the aspect is better than the rest of the
    review in one and worse in the other. Where the middle of the ratings has been left out, that comes near to telling
    the label itself, and knowing the environment then helps whatever the rationale is: of 5,758 RateBeer reviews with
    a label for their aroma, 82% are positive in one environment and 7% in the other; by size 49% and 51%, with
    correlations of 0.20 and 0.79 between the label and the mean of the other ratings.

    Args:
        examples: Such as those of `load_beer`; those of one aspect, all labels.
        aspect: The aspect that the label is about: the number of its rating, or a name of a beer's aspect.
        by: Size or sign of the residual.
        key: Where `Example.extra` has the ratings, as many for every example.

    Returns:
        The examples with environment 1, far from what is expected or above it, or 0.

    Raises:
        PlmrError: If an example has no such ratings or another number of them than the first, or the aspect or the way
            to split is unknown.
    """
    target = aspect_index(aspect)
    if by not in ("size", "sign"):
        raise PlmrError(f"residuals are split by 'size' or 'sign', not by {by!r}")
    if not examples:
        return []
    rows = [_ratings(example, key, target, number) for number, example in enumerate(examples, start=1)]
    for number, (example, row) in enumerate(zip(examples, rows, strict=True), start=1):
        if len(row) != len(rows[0]):
            raise PlmrError(
                f"{at(example.source or f'example {number}')}extra[{key!r}] holds {len(row)} ratings, and that of the "
                f"first example {len(rows[0])}; give all as many"
            )
    ratings = np.array(rows)
    others = np.column_stack([np.delete(ratings, target, axis=1), np.ones(len(ratings))])
    weights = np.linalg.lstsq(others, ratings[:, target], rcond=None)[0]
    residuals = ratings[:, target] - others @ weights
    above = residuals > 0 if by == "sign" else np.abs(residuals) > np.median(np.abs(residuals))
    return [
        replace(example, extra={**example.extra, ENVIRONMENT: int(flag)})
        for example, flag in zip(examples, above, strict=True)
    ]


def _ratings(example: Example, key: str, target: int, number: int) -> list[float]:
    try:
        found = [float(rating) for rating in example.extra[key]]
    except (KeyError, TypeError, ValueError):
        found = []
    if len(found) <= max(1, target) or not all(map(isfinite, found)):
        raise PlmrError(
            f"{at(example.source or f'example {number}')}extra[{key!r}] should hold a rating of each aspect, a finite "
            f"number, that of number {target} among them, not {shorten(example.extra.get(key))}"
        )
    return found
