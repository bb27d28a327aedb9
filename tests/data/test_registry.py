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


BAD_REQUESTS: list[tuple[str, dict[str, Any], str]] = [
    ("bear", {}, "unknown dataset 'bear'.*Did you mean 'beer'"),
    ("beer", {"aspect": 1}, "'beer' needs data_dir"),
    ("beer", {"data_dir": "x"}, "'beer' needs aspect"),
    ("eraser", {"data_dir": "x", "aspect": 1}, "'eraser' has no option 'aspect'"),
    ("synthetic", {"colour": 1}, "'synthetic' has no option 'colour'; its options are aspect, seed, n"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), BAD_REQUESTS)
def test_bad_requests_are_named(name: str, arguments: dict[str, Any], message: str):
    with pytest.raises(PlmrError, match=message):
        load_dataset_by_name(name, "train", **arguments)


def test_every_real_dataset_loads_by_name(shared_data: Path):
    beer = load_dataset_by_name("beer", "validation", data_dir=shared_data / "beer", aspect="look", positive=0.8)
    movies = load_dataset_by_name("eraser", "test", data_dir=shared_data / "movies")
    assert (len(beer), len(movies)) == (434, 199)


def test_the_options_of_a_dataset_can_be_asked_for():
    assert {"data_dir", "aspect", "family", "positive"} <= set(dataset_options("beer"))
    assert not {"part", "seed"} & set(dataset_options("beer"))
    with pytest.raises(PlmrError, match="Did you mean 'beer'"):
        dataset_options("bere")
