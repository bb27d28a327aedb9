"""Environments: read from a column, or made from ratings."""

import numpy as np
import pytest

from plmr.data import Columns, Example, environment_of, load_examples, residual_environments, save_examples
from plmr.errors import PlmrError

ROW = {"text": "a fine nose", "label": "good"}


def rated(*scores):
    return Example.from_text("a fine nose", "good", extra={"scores": scores}, source="reviews:7")


@pytest.mark.parametrize("value", [1, 1.0, "1", np.int64(1)])
def test_a_row_brings_its_environment(value):
    example = Example.from_row(ROW | {"environment": value})
    assert environment_of(example) == 1
    assert environment_of(Example.from_row(ROW | {"site": value}, columns=Columns(environment="site"))) == 1


@pytest.mark.parametrize("row", [ROW, ROW | {"environment": ""}, ROW | {"environment": None}])
def test_a_row_without_one_has_none(row):
    assert environment_of(Example.from_row(row)) is None


def test_a_file_keeps_it(tmp_path):
    path = tmp_path / "rows.jsonl"
    save_examples(path, [Example.from_row(ROW | {"environment": 2})])
    assert environment_of(load_examples(path)[0]) == 2


@pytest.mark.parametrize("value", ["north", -1, 0.5, [1]])
def test_what_is_no_number_of_an_environment_is_refused_where_it_is_read(value):
    example = Example.from_row(ROW | {"environment": value}, source="rows:3")
    with pytest.raises(PlmrError, match="rows:3: environment .* is not a whole number of 0 or more"):
        environment_of(example)


def test_ratings_are_split_by_how_they_differ_from_what_the_others_let_expect():
    """The target is 0.2 + 0.5 of the second rating, and a deviation that the others cannot tell."""
    chance = np.random.default_rng(0)
    others, sign = chance.uniform(0, 1, (400, 2)), chance.choice([-1, 1], 400)
    far = chance.permutation([0, 1] * 200)
    target = 0.2 + 0.5 * others[:, 1] + sign * np.where(far, 0.4, 0.15)
    reviews = [rated(a, y, b) for (a, b), y in zip(others, target, strict=True)]
    by_sign, by_size = (residual_environments(reviews, 1, by=by) for by in ("sign", "size"))
    assert [environment_of(example) for example in by_sign] == ((sign + 1) // 2).tolist()
    assert [environment_of(example) for example in by_size] == far.tolist()
    assert by_size == residual_environments(reviews, 1)
    assert by_size[0].extra["scores"] == (others[0, 0], target[0], others[0, 1])
    with pytest.raises(PlmrError, match="by 'size' or 'sign', not by 'sum'"):
        residual_environments(reviews, 1, by="sum")


def test_aspects_of_beer_have_names():
    examples = [rated(0.9, 0.1, 0.5, 0.5, 0.5), rated(0.1, 0.9, 0.5, 0.5, 0.5), rated(0.5, 0.9, 0.5, 0.5, 0.5)]
    named, numbered = residual_environments(examples, "aroma"), residual_environments(examples, 1)
    assert named == numbered and residual_environments([], "aroma") == []


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"scores": (0.5,)},
        {"scores": ("a", "b", "c")},
        {"scores": 3},
        {"scores": (0.5, float("nan"), 0.1)},
        {"scores": (0.5, 0.1, float("inf"))},
    ],
)
def test_reviews_without_ratings_are_refused(extra):
    with pytest.raises(PlmrError, match="reviews:8: extra\\['scores'\\] should hold a rating of each aspect"):
        residual_environments([rated(0.1, 0.5, 0.3), Example.from_text("b", extra=extra, source="reviews:8")], 1)


def test_reviews_with_another_number_of_ratings_are_refused():
    with pytest.raises(PlmrError, match="reviews:7: extra.* holds 4 ratings, and that of the first example 3"):
        residual_environments([rated(0.1, 0.5, 0.3), rated(0.1, 0.5, 0.3, 0.4)], 1)
    nameless = [Example.from_text("b", extra={"scores": scores}) for scores in ((1, 2, 3), (1, 2))]
    with pytest.raises(PlmrError, match="example 2: extra"):
        residual_environments(nameless, 1)
