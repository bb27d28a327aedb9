from pathlib import Path
from typing import Any

import pytest

from plmr.data import load_dataset_by_name, make_reviews
from plmr.data.registry import dataset_options
from plmr.errors import PlmrError


def test_parts_of_the_synthetic_reviews_are_disjoint_for_all_seeds():
    texts = [
        {review.text for review in load_dataset_by_name("synthetic", part, seed=seed, n=200)}
        for part in ("train", "validation", "test")
        for seed in (0, 1)
    ]
    assert len(set().union(*texts)) == 1200


def test_options_reach_the_loader():
    reviews = load_dataset_by_name("synthetic", "train", aspect="taste", n=20, correlation=1.0, data_dir="unused")
    assert reviews == make_reviews(20, target="taste", correlation=1.0)
    assert all(len(set(review.extra["polarities"].values())) == 1 for review in reviews)


BEER = {"data_dir": "x", "aspect": "look"}
BAD_REQUESTS: list[tuple[str, dict[str, Any], str]] = [
    ("bear", {}, "unknown dataset 'bear'.*Did you mean 'beer'"),
    ("beer", {"aspect": 1}, "'beer' needs data_dir"),
    ("beer", {"data_dir": "x"}, "'beer' needs aspect"),
    ("eraser", {"data_dir": "x", "aspect": 1}, "'eraser' has no option 'aspect'"),
    ("synthetic", {"colour": 1}, "'synthetic' has no option 'colour'; its options are aspect, seed, n"),
    ("synthetic", {"correlation": "abc"}, "'synthetic': correlation should be a number, not 'abc'"),
    ("synthetic", {"correlation": 1.5}, "'synthetic': correlation=1.5 is not a number between 0 and 1"),
    ("synthetic", {"n": "abc"}, "n should be a whole number or null, not 'abc'"),
    ("synthetic", {"n": 0}, "n=0 is not a whole number of 1 or more"),
    ("synthetic", {"seed": -1}, "seed=-1 is not a whole number of 0 or more"),
    ("synthetic", {"seed": "x"}, "seed should be a whole number, not 'x'"),
    ("synthetic", {"aspects": "look"}, "aspects should be a list, each a text or null, not 'look'"),
    ("beer", BEER | {"positive": "abc"}, "'beer': positive should be a number, not 'abc'"),
    ("beer", BEER | {"positive": float("nan")}, "positive=nan is not a finite number"),
    ("beer", BEER | {"max_words": -1}, "max_words=-1 is not a whole number of 1 or more"),
    ("beer", BEER | {"balance": "maybe"}, "balance should be true or false, not 'maybe'"),
    ("beer", BEER | {"family": "corelated"}, "family should be one of decorrelated, correlated, not 'corelated'"),
    ("beer", BEER | {"environments": "sum"}, "environments should be one of size, sign or null, not 'sum'"),
    ("hotel", BEER | {"max_words": 1.5}, "'hotel': max_words should be a whole number or null, not 1.5"),
    ("eraser", {"data_dir": "x", "with_query": "no"}, "'eraser': with_query should be true or false, not 'no'"),
    ("eraser", {"data_dir": "x", "stride": 0}, "stride=0 is not a whole number of 1 or more"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), BAD_REQUESTS)
def test_bad_requests_are_named(name: str, arguments: dict[str, Any], message: str):
    with pytest.raises(PlmrError, match=message):
        load_dataset_by_name(name, "train", **arguments)


def test_a_part_without_texts_names_dataset_part_and_options(tmp_path: Path):
    (tmp_path / "reviews.aspect0.train.txt").write_text("0.8 0.2 0.6 0.6 0.7\tpours dark but smells of nothing\n")
    assert load_dataset_by_name("beer", "train", data_dir=tmp_path, aspect="look")
    with pytest.raises(PlmrError, match="train part of the dataset 'beer' holds no texts with .*aspect='look'.*=3"):
        load_dataset_by_name("beer", "train", data_dir=tmp_path, aspect="look", max_words=3)


def test_every_real_dataset_loads_by_name(shared_data: Path):
    beer = load_dataset_by_name("beer", "validation", data_dir=shared_data / "beer", aspect="look", positive=0.8)
    movies = load_dataset_by_name("eraser", "test", data_dir=shared_data / "movies")
    assert (len(beer), len(movies)) == (434, 199)


def test_the_options_of_a_dataset_can_be_asked_for():
    assert {"data_dir", "aspect", "family", "positive"} <= set(dataset_options("beer"))
    assert not {"part", "seed"} & set(dataset_options("beer"))
    with pytest.raises(PlmrError, match="Did you mean 'beer'"):
        dataset_options("bere")
