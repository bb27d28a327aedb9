"""Environments: groups of texts between which what merely goes along with the label goes along with it differently.

A text's environment is a whole number from 0, in the column `environment` and in `Example.extra["environment"]`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from plmr.data.beer import aspect_index
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


def residual_environments(examples: Sequence[Example], aspect: int | str, *, key: str = "scores") -> list[Example]:
    """Splits rated reviews by whether the rating of an aspect is above what their other ratings let expect.

    The expectation is the least-squares fit of a linear map with a constant, on these examples. In one environment the
    aspect is then better than the rest of the review, in the other it is worse, so that praise of the other aspects
    does not go along with the label alike in both.

    Args:
        examples: Such as those of `load_beer`; those of one aspect, all labels.
        aspect: The aspect that the label is about: the number of its rating, or a name of a beer's aspect.
        key: Where `Example.extra` has the ratings, as many for every example.

    Returns:
        The examples with environment 1, above, or 0.

    Raises:
        PlmrError: If an example has no such ratings, or the aspect is unknown.
    """
    target = aspect_index(aspect)
    if not examples:
        return []
    ratings = np.array([_ratings(example, key, target) for example in examples])
    others = np.column_stack([np.delete(ratings, target, axis=1), np.ones(len(ratings))])
    weights = np.linalg.lstsq(others, ratings[:, target], rcond=None)[0]
    above = ratings[:, target] > others @ weights
    return [
        replace(example, extra={**example.extra, ENVIRONMENT: int(flag)})
        for example, flag in zip(examples, above, strict=True)
    ]


def _ratings(example: Example, key: str, target: int) -> list[float]:
    try:
        found = [float(rating) for rating in example.extra[key]]
    except (KeyError, TypeError, ValueError):
        found = []
    if len(found) <= max(1, target):
        raise PlmrError(
            f"{at(example.source)}extra[{key!r}] should hold a rating of each aspect, number {target} among them, "
            f"not {shorten(example.extra.get(key))}"
        )
    return found
