import json
from pathlib import Path
from typing import Any

import pytest

from plmr.data import load_hatexplain
from plmr.errors import PlmrError


def post(labels: list[str], *rationales: list[int]) -> dict[str, Any]:
    annotators = [{"label": label, "annotator_id": n, "target": ["None"]} for n, label in enumerate(labels)]
    return {"post_tokens": ["you", "awful", "lot"], "annotators": annotators, "rationales": list(rationales)}


POSTS = {
    "three": post(["offensive"] * 3, [1, 1, 0], [0, 1, 0], [0, 1, 1]),
    "two": post(["hatespeech", "hatespeech", "normal"], [0, 1, 1], [0, 1, 0]),
    "normal": post(["normal", "normal", "offensive"], [1, 1, 1]),
    "undecided": post(["normal", "offensive", "hatespeech"], [1, 1, 1], [1, 1, 1]),
    "misfit": post(["offensive"] * 3, [1, 0, 0, 0], [0, 1, 0], [0, 1, 1]),
}


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    (tmp_path / "dataset.json").write_text(json.dumps(POSTS))
    (tmp_path / "post_id_divisions.json").write_text(json.dumps({"train": list(POSTS), "val": ["two"], "test": []}))
    return tmp_path


def test_labels_and_gold_words_are_what_most_annotators_say(posts: Path):
    examples = {example.source: example for example in load_hatexplain(posts, "train")}
    assert {source: example.label for source, example in examples.items()} == {
        "dataset.json:three": "offensive",
        "dataset.json:two": "hatespeech",
        "dataset.json:normal": "normal",
        "dataset.json:misfit": "offensive",
    }
    only_awful = (False, True, False)
    assert [example.rationale for example in examples.values()] == [only_awful, only_awful, None, only_awful]


def test_the_published_split_is_used(posts: Path):
    assert [example.source for example in load_hatexplain(posts, "validation")] == ["dataset.json:two"]


def test_without_it_the_split_is_random_seeded_and_complete(tmp_path: Path):
    many = {f"p{n}": POSTS["three"] for n in range(50)}
    (tmp_path / "dataset.json").write_text(json.dumps(many))
    parts = [load_hatexplain(tmp_path, part, seed=1) for part in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [40, 5, 5]
    assert len({example.source for part in parts for example in part}) == 50
    assert parts[2] == load_hatexplain(tmp_path, "test", seed=1) != load_hatexplain(tmp_path, "test", seed=2)


def test_bad_files_are_named(tmp_path: Path, posts: Path):
    (posts / "dataset.json").write_text(json.dumps({"two": {"post_tokens": ["a"]}}))
    with pytest.raises(PlmrError, match=r"dataset\.json:two: expected 'post_tokens'"):
        load_hatexplain(posts, "validation")
    for tokens, message in ((["you", 8, "lot"], "word 2 is 8, not a text"), ("you", "expected a list of words")):
        (posts / "dataset.json").write_text(json.dumps({"two": POSTS["two"] | {"post_tokens": tokens}}))
        with pytest.raises(PlmrError, match=rf"dataset\.json:two: {message}"):
            load_hatexplain(posts, "validation")
    (posts / "dataset.json").write_text("{")
    with pytest.raises(PlmrError, match="not JSON"):
        load_hatexplain(posts, "train")
    with pytest.raises(PlmrError, match=r"dataset\.json: there is no such file"):
        load_hatexplain(posts / "nowhere", "train")
