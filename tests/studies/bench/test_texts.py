"""The texts of a run: shared ones are told, and the same are drawn for every method."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from plmr.data import environment_of, load_dataset_by_name, load_examples, make_reviews, save_examples
from plmr.errors import PlmrError
from plmr.studies.bench.data import described, digest, folded, load_parts

COMMON = {"limit": {}, "data_seed": 0, "shared_texts": "remove"}


@pytest.fixture
def files(tmp_path):
    """Thirty training texts; two of them, with other case and spaces, among the test texts, one in validation."""
    train, rest = make_reviews(30, seed=1), make_reviews(25, seed=2)
    changed = [{"text": f"  {e.text.upper()} ", "label": e.label} for e in train[:3]]
    save_examples(tmp_path / "train.jsonl", train)
    save_examples(tmp_path / "test.jsonl", [*rest[:10], *load_examples(changed[:2])])
    save_examples(tmp_path / "validation.jsonl", [*rest[10:], *load_examples(changed[2:])])
    keys = {"data": "train", "validation": "validation", "test": "test"}
    return {key: str(tmp_path / f"{part}.jsonl") for key, part in keys.items()}


def test_shared_texts_are_counted_and_removed(files):
    parts = load_parts(files | COMMON, test=True)
    assert parts.shared == {"train in validation": 1, "train in test": 2, "validation in test": 0}
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (27, 16, 12)
    later = {folded(e.text) for e in [*parts.validation, *parts.test]}
    assert not later & {folded(e.text) for e in parts.train}
    (note,) = parts.notes
    assert note == (
        "shared texts, case and white space aside: 1 of train in validation, 2 of train in test; "
        "removed from the former part"
    )


def test_shared_texts_can_be_refused_or_left(files):
    with pytest.raises(PlmrError, match="2 of train in test; write `shared_texts: remove`") as caught:
        load_parts(files | COMMON | {"shared_texts": "error"}, test=False)
    assert "\n" not in str(caught.value)
    parts = load_parts(files | COMMON | {"shared_texts": "allow"}, test=False)
    assert (len(parts.train), parts.shared["train in test"]) == (30, 2)
    assert "left in the former part" in parts.notes[0]


def test_without_a_part_of_its_own_validation_is_held_out_alike_for_all(files):
    spec = {"data": files["data"]} | COMMON
    once, again = load_parts(spec, test=False), load_parts(spec, test=False)
    assert once.validation == again.validation and len(once.validation) == 4
    assert "held out" in once.notes[0]
    with pytest.raises(PlmrError, match="no test part; add test: FILE"):
        load_parts(spec, test=True)


def test_a_limit_draws_the_same_texts_each_time(files):
    spec = files | COMMON | {"limit": {"train": 5}}
    once, again = load_parts(spec, test=True), load_parts(spec, test=True)
    assert len(once.train) == 5 and once.digests() == again.digests()
    other = load_parts(spec | {"data_seed": 1}, test=True)
    assert other.digests()["train"] != once.digests()["train"]
    assert other.digests()["test"] == once.digests()["test"]


def test_datasets_by_name_take_their_options():
    spec = {"dataset": "synthetic", "aspect": "look", "n": 20} | COMMON
    parts = load_parts(spec, test=True)
    for part, examples in (("train", parts.train), ("validation", parts.validation), ("test", parts.test)):
        assert examples == load_dataset_by_name("synthetic", part, aspect="look", n=20)


def test_a_test_part_that_is_not_there_is_missed_only_where_it_is_scored(tmp_path):
    lines = [f"{rating} {rating} 0.5 0.5 0.5\tword {i} of {rating}\n" for i in range(3) for rating in (0.1, 0.9)]
    for part in ("train", "heldout"):
        (tmp_path / f"reviews.aspect1.{part}.txt").write_text("".join(line.replace("word", part) for line in lines))
    spec = {"dataset": "beer", "aspect": "aroma", "data_dir": str(tmp_path)} | COMMON
    parts = load_parts(spec, test=False)
    assert parts.test is None and "annotations.json" in parts.notes[0]
    with pytest.raises(PlmrError, match=r"annotations\.json"):
        load_parts(spec, test=True)


def test_a_digest_is_of_everything_that_matters():
    (first, *_), other = make_reviews(2, seed=1), make_reviews(1, seed=2)
    assert digest([first]) == digest([first])
    assert digest([first]) != digest(other)
    assert digest([replace(first, label="other")]) != digest([first])
    assert digest([replace(first, source="elsewhere", extra={})]) == digest([first])
    here, there = (replace(first, extra=first.extra | {"environment": number}) for number in (0, 1))
    assert len({digest([each]) for each in (first, here, there)}) == 3, "INVRAT trains on it"


def test_the_column_of_environments_has_a_name(tmp_path):
    rows = [e.to_row() | {"site": i % 2} for i, e in enumerate(make_reviews(30, seed=1))]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = {"data": str(tmp_path / "train.jsonl"), "environment_column": "site"} | COMMON
    assert {environment_of(example) for example in load_parts(spec, test=False).train} == {0, 1}


def test_where_files_lie_is_not_told():
    spec = {"dataset": "beer", "data_dir": "/home/me/beer", "aspect": "aroma"} | COMMON
    assert described(spec) == spec | {"data_dir": "beer"}
